import { readFileSync } from 'node:fs'
import { AbiCoder, Interface } from 'ethers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FlashSource, Hex, Signal } from '../domain/signal.ts'
import { EXECUTOR_ERRORS, HOP_FAILED } from './executorErrors.ts'
import { LENDER_ERRORS } from './lenderErrors.ts'
import { errorSelector } from './revertData.ts'
import { explainRevert } from './revertReasons.ts'
import { TOKEN_ERRORS } from './tokenErrors.ts'

const USDC = '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48'
const WETH = '0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2'
const V2 = '0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D'
const V3 = '0xE592427A0AEce92De3Edee1F18E0157C05861564'
const lower = (text: string) => text.toLowerCase() as Hex
const V2_HOP = `Hop 0 (Uniswap V2, router ${V2})`
const V3_HOP = `Hop 1 (Uniswap V3, router ${V3})`
const LOAN = `The flash loan of 1234567 base units of ${USDC} from the`

const signal = (flashSource: FlashSource = 1): Signal => ({
  signalId: 's-1',
  chainId: 1,
  flashSource,
  loanToken: lower(USDC),
  loanAmount: 1_234_567n,
  hops: [
    { protocol: 0, router: lower(V2), tokenIn: lower(USDC), tokenOut: lower(WETH), extra: '0x' },
    { protocol: 1, router: lower(V3), tokenIn: lower(WETH), tokenOut: lower(USDC), extra: '0x01f4' },
  ],
  expectedProfitUsd: 0,
  minProfit: 0n,
  validUntilMs: null,
  maxBlock: null,
  relay: 'public',
  wait: 'none',
})

const coder = AbiCoder.defaultAbiCoder()
function error(signature: string, ...args: unknown[]): Hex {
  const types = signature
    .slice(signature.indexOf('(') + 1, -1)
    .split(',')
    .filter(Boolean)
  return `${errorSelector(signature)}${coder.encode(types, args).slice(2)}` as Hex
}
const text = (said: string) => error('Error(string)', said)
const inHop = (hop: number, reason: Hex) => error('HopFailed(uint256,bytes)', hop, reason)
const explain = (data: Hex, source: FlashSource = 1) => explainRevert({ data, signal: signal(source) })

describe('the executor', () => {
  test('a loss is unprofitable, with what is missing', () => {
    expect(explain(error('Unprofitable(uint256,uint256)', 1_234_000, 1_235_185), 2)).toEqual({
      sentence: `The route returns 1234000 base units of ${USDC}, and 1235185 base units are owed: the loan and a premium of 618 base units. Missing are 1185 base units of ${USDC}.`,
      hop: null,
      shortfall: 1_185n,
      hint: null,
      kind: 'unprofitable',
      open: null,
    })
    expect(explain(error('Unprofitable(uint256,uint256)', 1_234_000, 1_234_567)).sentence).toBe(
      `The route returns 1234000 base units of ${USDC}, and 1234567 base units are owed. Missing are 567 base units of ${USDC}.`,
    )
  })

  test('too small a profit is unprofitable, and nothing is missing', () => {
    const data = error('ProfitTooLow(uint256,uint256)', 31, 42)
    expect(explain(data)).toMatchObject({
      sentence: `The trade earns 31 base units of ${USDC}, less than the 42 base units of ${USDC} that the server requires, so that it pays for its gas.`,
      kind: 'unprofitable',
      hint: null,
    })
    expect(explainRevert({ data, signal: { ...signal(), minProfit: 42n } })).toMatchObject({
      sentence: `The trade earns 31 base units of ${USDC}, less than the min_profit of 42 base units of ${USDC}.`,
      shortfall: null,
      kind: 'unprofitable',
      facts: { profit: '31', min_profit: '42' },
      hint: 'Lower min_profit, or wait for a better price.',
    })
    expect(explain(error('ProfitTooLow(uint256,uint256)', 0, 0))).toMatchObject({
      sentence: expect.stringContaining('it repays the loan exactly'),
      hint: null,
    })
  })

  test('a passed deadline is expired', () => {
    expect(explain(error('Expired(uint256,uint256)', 1_765_000_000, 1_765_000_031))).toMatchObject({
      sentence: expect.stringContaining('1765000000'),
      kind: 'expired',
    })
  })

  test.each<[Hex, number | null, string]>([
    [
      error('NotAContract(uint256,address)', 1, V3),
      1,
      `${V3_HOP}: there is no contract at the router's address.`,
    ],
    [
      error('NotAContract(uint256,address)', 0, WETH),
      0,
      `${V2_HOP}: there is no contract at the address of its token ${WETH}.`,
    ],
    [error('NoOutput(uint256)', 0), 0, `${V2_HOP}: the swap went through and gave nothing of ${WETH}.`],
    [error('BadProtocol(uint256,uint8)', 1, 9), 1, `${V3_HOP}: the deployed executor knows no protocol 9.`],
    [
      error('LoanTokenMissing(address)', USDC),
      null,
      `There is no contract at the loan token's address ${USDC}.`,
    ],
    [
      error('LenderMissing(uint8)', 1),
      null,
      'The executor knows no Balancer V3 vault on this chain (flash source 1).',
    ],
    [
      error('NoCode(address)', USDC),
      null,
      `There is no contract at the loan token's address ${USDC}, so nothing was simulated.`,
    ],
    [
      error('NoCode(address)', WETH),
      null,
      `There is no contract at the executor's address ${WETH}, so nothing was simulated.`,
    ],
    [error('Busy()'), null, 'The executor was called while one of its trades was still running.'],
  ])('%s names hop %s', (data, hop, sentence) => {
    expect(explain(data)).toMatchObject({ sentence, hop, shortfall: null, kind: 'failed' })
  })

  test('every error of the compiled contracts that a simulation can meet is explained', () => {
    // Only withdraw, the constructor and the owner's functions end in these; the bytes of a balance are no
    // failure.
    const unreachable = [
      'WithdrawFailed',
      'CannotRenounce',
      'OwnableInvalidOwner',
      'OwnableUnauthorizedAccount',
      'BalanceIs',
      'UnknownL1FeeModel',
      'NoRecipient',
      'TreasuryMissing',
    ]
    const declared = ['OmniArbExecutor', 'SimulationLens'].flatMap((contract) => {
      const artifact = new URL(`../../contracts/artifacts/${contract}.json`, import.meta.url)
      const signatures: string[] = []
      new Interface(JSON.parse(readFileSync(artifact, 'utf8')).abi).forEachError((e) =>
        signatures.push(e.format()),
      )
      return signatures.filter((signature) => !unreachable.includes(signature.split('(')[0] as string))
    })
    const explained = [
      ...Object.keys(EXECUTOR_ERRORS),
      ...Object.keys(TOKEN_ERRORS),
      'HopFailed(uint256,bytes)',
    ]
    expect(declared.length).toBeGreaterThan(15)
    expect(declared.filter((signature) => !explained.includes(signature))).toEqual([])
    expect(Object.keys(EXECUTOR_ERRORS).filter((signature) => !declared.includes(signature))).toEqual([])
  })
})

describe('a hop', () => {
  test.each<[number, Hex, string]>([
    [
      0,
      text('UniswapV2Library: INSUFFICIENT_LIQUIDITY'),
      `${V2_HOP} reverted with "UniswapV2Library: INSUFFICIENT_LIQUIDITY": the pair holds too little of its tokens.`,
    ],
    [
      0,
      text('PancakeLibrary: INSUFFICIENT_OUTPUT_AMOUNT'),
      `${V2_HOP} reverted with "PancakeLibrary: INSUFFICIENT_OUTPUT_AMOUNT": so small an amount buys nothing.`,
    ],
    [0, text('UniswapV2: K'), 'as with a token that takes a fee on transfer.'],
    [0, text('TransferHelper: TRANSFER_FROM_FAILED'), 'the token could not be taken from the executor.'],
    [0, text('ds-math-mul-overflow'), 'the amount is beyond what the pair can compute.'],
    [1, text('STF'), `${V3_HOP} reverted with "STF": the token could not be taken from the executor.`],
    [1, text('LOK'), 'or was never given a price.'],
    // A text means what it means only in its own venue.
    [0, text('STF'), `${V2_HOP} reverted with "STF".`],
    [0, text('27'), `${V2_HOP} reverted with "27".`],
    [1, text('toString'), `${V3_HOP} reverted with "toString".`],
    [1, text('line\nbreak "quoted"'), `${V3_HOP} reverted with "line\\nbreak \\"quoted\\"".`],
    [0, error('Panic(uint256)', 0x12), `${V2_HOP} reverted with panic 0x12: a division by zero.`],
    [0, error('Panic(uint256)', 0x99), `${V2_HOP} reverted with panic 0x99.`],
    [
      0,
      error('ERC20InsufficientBalance(address,uint256,uint256)', WETH, 34, 56),
      `${V2_HOP} reverted with ERC20InsufficientBalance: ${WETH} holds 34 base units of the token, and 56 are needed.`,
    ],
    [0, error('InvalidAmount()'), `${V2_HOP} reverted with InvalidAmount.`],
    [
      0,
      error('Unprofitable(uint256,uint256)', 1, 2),
      `${V2_HOP} reverted with data 0x4482de3e… that no known error explains.`,
    ],
    [0, '0x12345678', `${V2_HOP} reverted with data 0x12345678… that no known error explains.`],
    [0, '0x1234', `${V2_HOP} reverted with data 0x1234 that no known error explains.`],
    [
      0,
      inHop(7, text('UniswapV2: LOCKED')),
      `${V2_HOP} reverted with "UniswapV2: LOCKED": the pair is in the middle of another swap.`,
    ],
  ])('%i: %s', (hop, reason, sentence) => {
    const explained = explain(inHop(hop, reason))
    expect(explained).toMatchObject({ hop, kind: 'failed', shortfall: null })
    expect(explained.sentence).toContain(sentence)
  })

  test('silence is explained by no guess, and left open for the chain to explain', () => {
    const hint = null
    expect(explain(inHop(0, '0x'))).toMatchObject({
      sentence: `${V2_HOP} reverted without a reason.`,
      hint,
      open: 'hop',
    })
    expect(explain(inHop(1, '0x'))).toMatchObject({
      sentence: `${V3_HOP} reverted without a reason.`,
      hint,
      open: 'hop',
    })
    expect(explain('0x')).toMatchObject({
      sentence: expect.stringMatching(/reverted without a reason\.$/),
      hint,
      open: 'loan',
    })
  })

  test('that the signal does not have is still told', () => {
    expect(explain(inHop(5, '0x'))).toMatchObject({ sentence: 'Hop 5 reverted without a reason.', hop: 5 })
  })
})

describe('the loan', () => {
  test.each<[FlashSource, Hex, string]>([
    [
      2,
      text('27'),
      `${LOAN} Aave V3 pool reverted with "27": the pool does not lend this token (it is not listed, or not active).`,
    ],
    [2, text('91'), 'flash loans of this token are disabled in the pool.'],
    [1, text('27'), `${LOAN} Balancer V3 vault reverted with "27".`],
    [
      2,
      error('FlashloanDisabled()'),
      `${LOAN} Aave V3 pool reverted with FlashloanDisabled: flash loans of this token are disabled in the pool.`,
    ],
    [1, error('FlashloanDisabled()'), `${LOAN} Balancer V3 vault reverted with FlashloanDisabled.`],
    [1, error('BalanceNotSettled()'), 'not everything taken from the vault was paid back.'],
    [
      1,
      error('Panic(uint256)', 0x11),
      'reverted with panic 0x11: a number went above its largest or below zero.',
    ],
    [2, '0x', `${LOAN} Aave V3 pool reverted without a reason.`],
    [1, text('Pausable: paused'), `${LOAN} Balancer V3 vault reverted with "Pausable: paused".`],
  ])('source %i: %s', (source, data, sentence) => {
    const explained = explain(data, source)
    expect(explained).toMatchObject({ hop: null, kind: 'failed' })
    expect(explained.sentence).toContain(sentence)
  })
})

test('no two errors of the tables share a selector', () => {
  const tables = [EXECUTOR_ERRORS, TOKEN_ERRORS, LENDER_ERRORS[1], LENDER_ERRORS[2]]
  const signatures = tables.flatMap((table) => Object.keys(table))
  expect(new Set(signatures.map(errorSelector)).size).toBe(signatures.length)
})

test('answers any data whatever with one sentence', () => {
  const bytes = fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b).toString('hex'))
  const selectors = [
    '',
    HOP_FAILED.slice(2),
    ...Object.keys({ ...EXECUTOR_ERRORS, ...TOKEN_ERRORS }).map((s) => errorSelector(s).slice(2)),
    '08c379a0',
    '4e487b71',
  ]
  const odd = fc.constantFrom('', '1')
  fc.assert(
    fc.property(fc.constantFrom(...selectors), bytes, odd, fc.boolean(), (selector, rest, digit, wrapped) => {
      const data: Hex = `0x${selector}${rest}${digit}`
      const even: Hex = `0x${selector}${rest}`
      const { sentence } = explain(wrapped ? inHop(1, even) : data)
      expect(sentence).toMatch(/^[A-Z].*\.$/)
      expect(sentence.length).toBeLessThan(2_000)
    }),
    { numRuns: 2_000 },
  )
})
