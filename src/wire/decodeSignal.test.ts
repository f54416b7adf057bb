import { getAddress } from 'ethers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sampleRequest } from '../../test/support/sampleSignal.ts'
import type { Mode } from '../domain/mode.ts'
import { decodeSignal, NO_SIGNAL_HEADERS, readSignalId } from './decodeSignal.ts'

const USDC = '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48'
const WETH = '0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2'
const DAI = '0x6B175474E89094C44Da98b954EedeAC495271d0F'
const V2 = '0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D'
const V3 = '0xE592427A0AEce92De3Edee1F18E0157C05861564'
const CURVE = '0xA5407eAE9Ba41422680e2e00537571bcC53efBfD'
const ZERO = '0x0000000000000000000000000000000000000000'
const lower = (...texts: string[]) => texts.map((text) => text.toLowerCase())
const word = (n: number | bigint) => n.toString(16).padStart(64, '0')

const decode = (json: unknown, idempotencyKey: string | null = null) =>
  decodeSignal({
    json,
    headers: { ...NO_SIGNAL_HEADERS, idempotencyKey },
    mode: 'PAPER',
    newSignalId: () => 'made-1',
  })

function accepted(change: object, idempotencyKey: string | null = null) {
  const decoded = decode({ ...sampleRequest, ...change }, idempotencyKey)
  if (!decoded.ok) throw new Error(decoded.failure.sentence)
  return decoded.value
}

function refused(change: object, idempotencyKey: string | null = null) {
  const decoded = decode({ ...sampleRequest, ...change }, idempotencyKey)
  if (decoded.ok) throw new Error('it was accepted')
  expect(decoded.failure.sentence).toMatch(/\.$/)
  return `${decoded.failure.code}: ${decoded.failure.sentence}`
}

test('understands the well-known request', () => {
  const fee3000 = `0x${word(3000)}`
  const [usdc, weth] = lower(USDC, WETH)
  expect(accepted({})).toEqual({
    signalId: 'made-1',
    chainId: 1,
    flashSource: 1,
    loanToken: usdc,
    loanAmount: 1_000_000_000n,
    hops: [
      { protocol: 0, router: V2.toLowerCase(), tokenIn: usdc, tokenOut: weth, extra: '0x' },
      {
        protocol: 1,
        router: V3.toLowerCase(),
        tokenIn: weth,
        tokenOut: usdc,
        extra: fee3000,
        isDefaultExtra: true,
      },
    ],
    expectedProfitUsd: 50,
    minProfit: 0n,
    validUntilMs: null,
    maxBlock: null,
    relay: 'public',
    wait: 'included',
  })
})

test('limits that mean none are taken as they are', () => {
  const never = Number.MAX_SAFE_INTEGER
  expect(accepted({ valid_until: never, max_block: never })).toMatchObject({
    validUntilMs: never,
    maxBlock: never,
  })
  expect(accepted({ valid_until: 1_000_000_000_000 })).toMatchObject({ validUntilMs: 1_000_000_000_000 })
})

test('takes the optional fields, ignores unknown ones, and reads null as not given', () => {
  const optional = {
    signal_id: 'brain.7_a-Z',
    min_profit: '2345678',
    valid_until: 1_765_276_200_123,
    max_block: 23_456_789,
    relay: 'private',
    wait: 'broadcast',
    gas_estimate: { any: ['thing'] },
  }
  expect(accepted(optional)).toMatchObject({
    signalId: 'brain.7_a-Z',
    minProfit: 2_345_678n,
    validUntilMs: 1_765_276_200_123,
    maxBlock: 23_456_789,
    relay: 'private',
    wait: 'broadcast',
  })
  const nulls = Object.fromEntries(Object.keys(optional).map((field) => [field, null]))
  expect(accepted({ ...nulls, expected_profit: null })).toEqual(accepted({ expected_profit: undefined }))
})

describe('shape', () => {
  test.each<[object, string]>([
    [{ chainId: undefined }, 'chainId is missing: it must be a chain id, a positive integer such as 1'],
    [{ chainId: '1' }, 'chainId must be a chain id, a positive integer such as 1 for Ethereum, found "1"'],
    [{ chainId: 0 }, 'found 0'],
    [{ chainId: 1.5 }, 'found 1.5'],
    [{ chainId: 2 ** 53 }, 'found 9007199254740992'],
    [{ chainId: '1', token: 7, routers: null }, 'found "1" (and 2 more problems)'],
    [{ chainId: '1', token: 7 }, 'found "1" (and 1 more problem)'],
    [{ amount: null }, 'amount must be base units'],
    [{ flashSource: 3 }, 'flashSource must be 1 (Balancer V3 vault) or 2 (Aave V3 pool), found 3'],
    [
      { protocols: [0, 7] },
      'protocols[1] must be 0 (Uniswap V2 router), 1 (Uniswap V3 router) or 2 (Curve pool)',
    ],
    [{ routers: V2 }, `routers must be a list with one address per hop, found "${V2}"`],
    [
      { path: [USDC, { address: WETH }] },
      'path[1] must be an address, "0x" and 40 hexadecimal digits, found an object',
    ],
    [
      { extras: undefined },
      'extras is missing: it must be a list with one 0x-prefixed hexadecimal string per hop',
    ],
    [{ extras: ['0x', '0xabc'] }, 'extras[1] must be "0x" and hexadecimal bytes'],
    [{ extras: ['', '0x'] }, 'extras[0] must be "0x" and hexadecimal bytes ("0x" for none), found ""'],
    [{ expected_profit: '50.0' }, 'expected_profit must be a number of USD from -1e12 to 1e12, found "50.0"'],
    [
      { expected_profit: Number.POSITIVE_INFINITY },
      'expected_profit must be a number of USD from -1e12 to 1e12, found Infinity',
    ],
    [{ expected_profit: 1.7e308 }, 'from -1e12 to 1e12, found 1.7e+308'],
    [{ expected_profit: -1_000_000_000_001 }, 'from -1e12 to 1e12, found -1000000000001'],
    [{ valid_until: 1_765_276_200_123.5 }, 'valid_until must be Unix milliseconds'],
    [
      { valid_until: 1_765_276_200 },
      'valid_until 1765276200 looks like Unix seconds: it must be Unix milliseconds, here 1765276200000.',
    ],
    // As time.time() + 5 of Python gives it.
    [
      { valid_until: 1_765_276_205.25 },
      'looks like Unix seconds: it must be Unix milliseconds, here 1765276205250.',
    ],
    [
      { valid_until: 1_765_276_200_123_456 },
      'looks like Unix microseconds: it must be Unix milliseconds, here 1765276200123.',
    ],
    [
      { valid_until: 1.765_276_200_123e18 },
      'looks like Unix nanoseconds: it must be Unix milliseconds, here 1765276200123.',
    ],
    [
      { valid_until: 5_000 },
      'valid_until 5000 is no moment of this century: it must be Unix milliseconds, not a duration',
    ],
    [{ valid_until: 0 }, 'valid_until 0 is no moment of this century'],
    [
      { max_block: 1_765_276_200_123 },
      'max_block 1765276200123 looks like a time: it must be a block number.',
    ],
    [{ max_block: -1 }, 'max_block must be a block number, found -1'],
    [{ relay: 'secret' }, 'relay must be "public", "private" or "private_then_public", found "secret"'],
    [{ wait: true }, 'wait must be "none", "broadcast" or "included", found true'],
    [{ signal_id: 7 }, 'signal_id must be 1 to 64 characters'],
    [{ signal_id: '' }, 'found ""'],
    [{ signal_id: 'a b' }, 'found "a b"'],
    [{ signal_id: '.' }, 'with at least one letter or digit, found "."'],
    [{ signal_id: '..' }, 'with at least one letter or digit, found ".."'],
    [{ signal_id: '-_-' }, 'with at least one letter or digit, found "-_-"'],
    [{ signal_id: 'x'.repeat(65) }, 'signal_id must be 1 to 64 characters'],
  ])('%o is an invalid signal', (change, sentence) => {
    const refusal = refused(change)
    expect(refusal).toMatch(/^INVALID_SIGNAL: /)
    expect(refusal).toContain(sentence)
  })

  test.each([[[]], [null], ['text'], [7], [undefined]])('%o is not a signal', (json) => {
    expect(decode(json)).toMatchObject({ ok: false, failure: { code: 'INVALID_SIGNAL' } })
  })

  test('names the field for programs', () => {
    expect(decode({ ...sampleRequest, protocols: [0, '1'] })).toMatchObject({
      failure: { facts: { field: 'protocols[1]' } },
    })
  })

  test('does not look into a list of a million wrong entries', () => {
    const refusal = refused({ chainId: 'x', protocols: new Array(1_000_000).fill('x') })
    expect(refusal).toBe('INVALID_ROUTE: protocols has 1000000 entries: a route has at most 8 hops.')
    expect(refused({ chainId: 'x', metrics: new Array(5_000).fill(0) })).toContain('INVALID_SIGNAL: chainId')
  })
})

describe('signal id', () => {
  test('the header means the same as the field', () => {
    expect(accepted({}, 'key-5').signalId).toBe('key-5')
    expect(accepted({ signal_id: 'key-5' }, 'key-5').signalId).toBe('key-5')
  })
  test('the header is held to the same characters', () => {
    expect(refused({}, 'key 5')).toContain('INVALID_SIGNAL: The header Idempotency-Key must be 1 to 64')
  })
  test('two different ids are refused', () => {
    expect(refused({ signal_id: 'a' }, 'b')).toContain('INVALID_SIGNAL: signal_id "a" and the header')
  })
  test('can be read from a signal that is bad otherwise', () => {
    expect(readSignalId({ signal_id: 'a-1', amount: [] })).toBe('a-1')
    expect([null, 7, {}, { signal_id: 7 }, { signal_id: 'a b' }].map(readSignalId)).toEqual(
      Array(5).fill(null),
    )
  })
})

describe('mode (1.1)', () => {
  const judged = (mode: Mode, meant: unknown, executionMode: string | null) => {
    const json = { ...sampleRequest, ...(meant !== undefined && { mode: meant }) }
    const headers = { ...NO_SIGNAL_HEADERS, executionMode }
    const decoded = decodeSignal({ json, headers, mode, newSignalId: () => 'made-1' })
    return decoded.ok ? 'taken' : decoded.failure.code
  }
  test.each<[unknown, string | null, paper: string, live: string]>([
    [undefined, null, 'taken', 'taken'],
    [null, null, 'taken', 'taken'],
    ['PAPER', null, 'taken', 'MODE_MISMATCH'],
    ['LIVE', null, 'MODE_MISMATCH', 'taken'],
    [undefined, 'PAPER', 'taken', 'MODE_MISMATCH'],
    [null, 'LIVE', 'MODE_MISMATCH', 'taken'],
    ['PAPER', 'PAPER', 'taken', 'MODE_MISMATCH'],
    ['PAPER', 'LIVE', 'INVALID_SIGNAL', 'INVALID_SIGNAL'],
    ['LIVE', 'PAPER', 'INVALID_SIGNAL', 'INVALID_SIGNAL'],
    ['LIVE', '', 'INVALID_SIGNAL', 'INVALID_SIGNAL'],
    [undefined, 'paper', 'INVALID_SIGNAL', 'INVALID_SIGNAL'],
    [undefined, 'PAPER, LIVE', 'INVALID_SIGNAL', 'INVALID_SIGNAL'],
    ['live', null, 'INVALID_SIGNAL', 'INVALID_SIGNAL'],
    [true, null, 'INVALID_SIGNAL', 'INVALID_SIGNAL'],
  ])('%j with header %j: %s by PAPER, %s by LIVE', (meant, header, paper, live) => {
    expect([judged('PAPER', meant, header), judged('LIVE', meant, header)]).toEqual([paper, live])
  })
  test('the refusal says both modes, and the signal is the same trade with and without its mode', () => {
    expect(refused({ mode: 'LIVE' })).toBe(
      'MODE_MISMATCH: The signal is meant for LIVE, and this server runs in PAPER; it was not looked at further.',
    )
    expect(refused({ mode: 'paper' })).toBe('INVALID_SIGNAL: mode must be "PAPER" or "LIVE", found "paper".')
    expect(accepted({ mode: 'PAPER' })).toEqual(accepted({}))
  })
  test.each(['Mode', 'MODE', 'execution_mode', 'executionMode', 'EXECUTION_MODE'])(
    '%s is no mode',
    (name) => {
      expect(refused({ [name]: 'PAPER' })).toBe(
        `INVALID_SIGNAL: A signal says its mode in "mode", found ${name}.`,
      )
    },
  )
})

describe('amount', () => {
  test.each<[string | number, string]>([
    ['', 'is empty'],
    ['1e9', 'is not a decimal number'],
    ['0x10', 'is not a decimal number'],
    [' 1', 'is not a decimal number'],
    ['+1', 'is not a decimal number'],
    ['１', 'is not a decimal number'],
    ['1.5', 'is a fraction'],
    [1.5, 'amount 1.5 is a fraction'],
    ['-1', 'amount "-1" is negative'],
    [-1, 'is negative'],
    [1e21, 'lose digits'],
    [-1e21, 'lose digits'],
    [Number.POSITIVE_INFINITY, 'lose digits'],
    [1e-7, 'amount 1e-7 is a fraction'],
    ['-1.5', 'is a fraction'],

    ['0', 'is 0: there is nothing to borrow'],
    [0, 'is 0'],
    [(2n ** 256n).toString(), 'is above 2^256 - 1'],
    ['9'.repeat(100_000), 'has more than 78 digits'],
  ])('%s is refused', (amount, why) => {
    const refusal = refused({ amount })
    expect(refusal).toMatch(/^INVALID_AMOUNT: amount /)
    expect(refusal).toContain(why)
    expect(refusal.length).toBeLessThan(200)
  })
  test('every uint256 above 0 is taken as a string, every safe integer as a number', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 256n - 1n }), (amount) => {
        expect(accepted({ amount: amount.toString() }).loanAmount).toBe(amount)
      }),
    )
    expect(accepted({ amount: 2 ** 53 - 1 }).loanAmount).toBe(9_007_199_254_740_991n)
    expect(accepted({ amount: '007' }).loanAmount).toBe(7n)
  })
  test('min_profit may be 0 and is held to the same rules', () => {
    expect(accepted({ min_profit: '0' }).minProfit).toBe(0n)
    expect(refused({ min_profit: '-3' })).toBe('INVALID_AMOUNT: min_profit "-3" is negative.')
  })
})

describe('addresses', () => {
  test('lower and upper case need no checksum', () => {
    const upper = `0x${USDC.slice(2).toUpperCase()}`
    expect(accepted({ token: upper, path: lower(USDC, WETH) }).loanToken).toBe(USDC.toLowerCase())
  })
  test('a wrong checksum is refused with the right one spelled', () => {
    const wrong = USDC.replace('A0b8', 'a0b8')
    expect(refused({ token: wrong })).toBe(
      `INVALID_ADDRESS: token ${wrong} has a wrong checksum: if the digits are right, it is spelled ${USDC}.`,
    )
  })
  test('of all mixed spellings only the right one is taken, at first sight and again', () => {
    const takes = (router: string) => decode({ ...sampleRequest, routers: [V2, router] }).ok
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.nat({ max: 39 }), (bytes, at) => {
        const right = getAddress(`0x${Buffer.from(bytes).toString('hex')}`)
        const digit = right[at + 2] as string
        const flipped = digit === digit.toUpperCase() ? digit.toLowerCase() : digit.toUpperCase()
        const wrong = right.slice(0, at + 2) + flipped + right.slice(at + 3)
        const mixed = /[a-f]/.test(wrong) && /[A-F]/.test(wrong)
        fc.pre(mixed && wrong !== right)
        expect([takes(wrong), takes(right), takes(wrong), takes(right)]).toEqual([false, true, false, true])
      }),
    )
  })
  test.each<[object, string]>([
    [{ token: USDC.slice(0, -1) }, 'token must be an address'],
    [
      { routers: [V2, '0xzz'] },
      'routers[1] must be an address, "0x" and 40 hexadecimal digits, found "0xzz"',
    ],
    [{ path: [USDC, USDC.replace('0x', '0X')] }, 'path[1] must be an address'],
    [{ routers: [ZERO, V3] }, 'routers[0] is the zero address: no contract can be there'],
    [{ token: ZERO }, 'token is the zero address'],
    [{ path: [ZERO, USDC] }, 'path[0] is the zero address'],
  ])('%o is refused', (change, sentence) => {
    const refusal = refused(change)
    expect(refusal).toMatch(/^INVALID_ADDRESS: /)
    expect(refusal).toContain(sentence)
  })
})

describe('route', () => {
  const tokensOf = (change: object) => accepted(change).hops.flatMap((hop) => [hop.tokenIn, hop.tokenOut])
  const three = { protocols: [0, 0, 0], routers: [V2, V2, V2], extras: ['0x', '0x', '0x'] }
  const closed = [USDC, WETH, WETH, DAI, DAI, USDC].map((token) => token.toLowerCase())

  test.each([
    ['the tokens that hops give', [WETH, DAI, USDC]],
    ['the tokens that hops take', [USDC, WETH, DAI]],
    ['all tokens', [USDC, WETH, DAI, USDC]],
  ])('is understood from %s', (_form, path) => {
    expect(tokensOf({ ...three, path })).toEqual(closed)
  })

  const one = { protocols: [0], routers: [V2], extras: ['0x'] }
  test.each<[object, string]>([
    [
      { ...one, path: [USDC] },
      `Hop 0 swaps ${USDC} for itself: a pool holds two different tokens, so no route of one hop can return to the loan token.`,
    ],
    [
      { ...three, path: [WETH, WETH, USDC] },
      `Hop 1 swaps ${WETH} for itself: a pool holds two different tokens.`,
    ],
    [{ ...three, path: [USDC, WETH, USDC] }, `Hop 0 swaps ${USDC} for itself`],
    [
      { path: [WETH, DAI] },
      `The path cannot close: it neither ends in nor begins with the loan token ${USDC}`,
    ],
    [
      { path: [USDC, WETH, DAI] },
      `A path of 3 tokens for 2 hops must end in the loan token ${USDC}, found ${DAI}.`,
    ],
    [
      { path: [DAI, WETH, USDC] },
      `A path of 3 tokens for 2 hops must begin with the loan token ${USDC}, found ${DAI}.`,
    ],
    [{ protocols: [], routers: [], path: [], extras: [] }, 'The route has no hops'],
    [{ extras: ['0x'] }, 'differ in length (protocols 2, routers 2, path 2, extras 1)'],
    [{ routers: [V2] }, 'differ in length'],
    [{ path: [USDC] }, 'differ in length'],
    [{ path: [USDC, WETH, DAI, USDC] }, 'differ in length'],
    [
      {
        protocols: Array(9).fill(0),
        routers: Array(9).fill(V2),
        path: Array(9).fill(WETH),
        extras: Array(9).fill('0x'),
      },
      'more than 8 hops',
    ],
    [{ extras: ['0x', '0x0bb8'] }, 'extras[1] must hold the fee tier of the Uniswap V3 pool'],
    [{ extras: ['0x', `0x${word(2 ** 24)}`] }, 'found a number above 16777215'],
    [{ extras: [`0x${'00'.repeat(257)}`, '0x'] }, 'extras[0] has 257 bytes; at most 256 are taken'],
    [
      { protocols: [0, 2], routers: [V2, CURVE] },
      "extras[1] must hold the Curve pool's coin indices i and j as two 32-byte words, found 0 bytes.",
    ],
    [
      { protocols: [0, 2], routers: [V2, CURVE], extras: ['0x', `0x${'f'.repeat(64)}${word(1)}`] },
      'found a number no coin can have',
    ],
    [
      { protocols: [0, 2], routers: [V2, CURVE], extras: ['0x', `0x${word(2)}${word(2)}`] },
      'swaps coin 2 of the Curve pool for itself',
    ],
  ])('%o cannot be executed', (change, sentence) => {
    const refusal = refused(change)
    expect(refusal).toMatch(/^INVALID_ROUTE: /)
    expect(refusal).toContain(sentence)
  })

  test('eight hops are taken', () => {
    const path = [WETH, DAI, WETH, DAI, WETH, DAI, WETH, USDC]
    const lists = { protocols: Array(8).fill(0), routers: Array(8).fill(V2), extras: Array(8).fill('0x') }
    expect(accepted({ ...lists, path }).hops).toHaveLength(8)
  })

  test.each<[number, string, string]>([
    [0, '0xdeadbeef', '0x'],
    [1, '0x', `0x${word(3000)}`],
    [1, '0x0001F4', `0x${word(500)}`],
    [1, `0x${word(2 ** 24 - 1)}`, `0x${word(2 ** 24 - 1)}`],
    [2, `0x${word(1)}${word(0)}`, `0x${word(1)}${word(0)}`],
  ])('extras of a hop on protocol %i: %s', (protocol, sent, kept) => {
    const hops = accepted({ protocols: [0, protocol], extras: ['0x', sent] }).hops
    expect(hops[1]?.extra).toBe(kept)
  })
})

test('answers any JSON whatever without throwing', () => {
  const field = fc.constantFrom(...Object.keys(sampleRequest))
  fc.assert(
    fc.property(field, fc.jsonValue(), (name, value) => {
      const decoded = decode({ ...sampleRequest, [name]: value })
      expect(decoded.ok || decoded.failure.sentence.length < 300).toBe(true)
    }),
    { numRuns: 1_000 },
  )
})
