import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import {
  concatHex,
  encodeErrorResult,
  getAddress,
  type Hex,
  numberToHex,
  padHex,
  parseAbi,
  size,
  sliceHex,
  zeroAddress,
} from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addresses } from './test/addresses.ts'
import { deployAdversary } from './test/deployAdversary.ts'
import { coinsExtra, encodeRoute, feeExtra, type Hop } from './test/encodeRoute.ts'
import { encodeExecute, executorArtifact, startWorld, type World } from './test/startWorld.ts'
import { type Trade, trades } from './test/trades.ts'

const { weth, dai, v2Router, v3Router, curvePool } = addresses
const [trade, , , curveTrade] = trades as [Trade, Trade, Trade, Trade]
const candidate = { flashSource: 1, ...trade }
const nowhere = getAddress('0x00000000000000000000000000000000000c0de5')
const signalId: Hex = `0x${'5a'.repeat(31)}07`

/** Replaces the 32-byte word at `index`. */
function withWord(data: Hex, index: number, word: Hex): Hex {
  const at = index * 32
  const rest = at + 32 < size(data) ? sliceHex(data, at + 32) : '0x'
  return concatHex([at > 0 ? sliceHex(data, 0, at) : '0x', padHex(word, { size: 32 }), rest])
}

describe('OmniArbExecutor refusals', { timeout: 120_000 }, () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  }, 120_000)
  afterAll(() => world?.stop())

  const refused = (change: object) => world.refusalOfExecute({ ...candidate, ...change })
  const withHop = (index: number, change: Partial<Hop>) => ({
    hops: trade.hops.map((hop, hopIndex) => (hopIndex === index ? { ...hop, ...change } : hop)),
  })

  describe('the optional words', () => {
    it('enforces minProfit to the unit', async () => {
      const profit = await world.profitOf(candidate)
      expect(await world.profitOf({ ...candidate, minProfit: profit })).toBe(profit)
      expect(await refused({ minProfit: profit + 1n })).toEqual({
        error: 'ProfitTooLow',
        args: [profit, profit + 1n],
      })
    })

    it('takes a trade in the second of its deadline, not in the next one', () =>
      world.undone(async () => {
        const { timestamp } = await world.client.getBlock()
        const deadline = timestamp + 1_000n
        const at = (time: bigint) =>
          world.call({
            from: world.owner,
            to: world.executor,
            data: encodeExecute({ ...candidate, deadline }),
            blockOverrides: { time: numberToHex(time) },
          })
        expect(BigInt(await at(deadline))).toBeGreaterThan(0n)
        expect(await world.refusalOf(at(deadline + 1n))).toEqual({
          error: 'Expired',
          args: [deadline, deadline + 1n],
        })
      }))

    it('reads zero as not given', async () => {
      const zeros = { minProfit: 0n, deadline: 0n, signalId: `0x${'00'.repeat(32)}` as Hex }
      expect(await world.profitOf({ ...candidate, ...zeros })).toBe(await world.profitOf(candidate))
      await world.undone(async () => {
        await world.execute({ ...candidate, ...zeros })
        expect(await world.profitOf({ ...candidate, loanAmount: 10n ** 18n, ...zeros })).toBeGreaterThan(0n)
        expect(await world.read('consumed', [zeros.signalId])).toBe(false)
      })
    })

    it('consumes a signal once, and only by a trade that succeeds', () =>
      world.undone(async () => {
        const small = { ...candidate, loanAmount: 100n * 10n ** 18n, signalId }
        await expect(world.execute({ ...small, minProfit: 10n ** 24n })).rejects.toThrow('reverted')
        expect(await world.read('consumed', [signalId])).toBe(false)

        await world.execute(small)
        expect(await world.read('consumed', [signalId])).toBe(true)
        const again = { error: 'SignalConsumed', args: [signalId] }
        expect(await world.refusalOfExecute(small)).toEqual(again)
        expect(await world.refusalOfExecute({ ...small, flashSource: 2, minProfit: 1n })).toEqual(again)

        const other: Hex = `0x${'5a'.repeat(31)}08`
        expect(await world.profitOf({ ...small, signalId: other })).toBeGreaterThan(0n)
      }))
  })

  describe('the route', () => {
    it('must be well-formed', async () => {
      const data = encodeRoute(trade)
      const longer = encodeRoute({ ...trade, minProfit: 1n, deadline: 0n, signalId })
      const malformed: [string, Hex][] = [
        ['empty', '0x'],
        ['one byte short of a head', sliceHex(data, 0, 127)],
        ['head only', sliceHex(data, 0, 128)],
        ['cut within the last array', sliceHex(data, 0, size(data) - 33)],
        ['head too small', withWord(data, 0, '0x60')],
        ['head off the words', withWord(data, 0, '0x81')],
        ['head too large', withWord(data, 0, '0x0100')],
        [
          'head of seven words, data of six',
          concatHex(['0xe0', sliceHex(longer, 0, 32), sliceHex(longer, 32, 191)]),
        ],
        ['offset outside', withWord(data, 1, numberToHex(size(data) - 31))],
        ['offset that overflows', withWord(data, 2, `0x${'ff'.repeat(32)}`)],
        ['length outside', withWord(data, 4, `0x${'ff'.repeat(32)}`)],
        ['no hops', encodeRoute({ hops: [] })],
        ['fewer hops than routers', withWord(data, 4, '0x01')],
        ['protocol over 255', withWord(data, 5, '0x0100')],
        ['router over 20 bytes', withWord(data, 8, `0x01${v2Router.slice(2)}`)],
        ['token over 20 bytes', withWord(data, 11, `0x01${weth.slice(2)}`)],
        ['extras outside', withWord(data, 15, numberToHex(size(data)))],
        ['extras that overflow', withWord(data, 15, `0x${'ff'.repeat(32)}`)],
        ['extras that begin inside and end outside', sliceHex(data, 0, size(data) - 1)],
        ['not back in the loan token', encodeRoute({ hops: trade.hops.slice(0, 1) })],
      ]
      for (const [what, routeData] of malformed) {
        expect(await refused({ routeData }), what).toEqual({ error: 'BadRoute', args: [] })
      }
    })

    it('is refused with a reason, whatever one word of it is changed to', async () => {
      const data = encodeRoute({ ...curveTrade, minProfit: 1n, deadline: 0n, signalId })
      const interesting = [
        0n,
        1n,
        0x20n,
        0x80n,
        0xe0n,
        BigInt(size(data)),
        BigInt(weth),
        BigInt(curvePool),
        2n ** 256n - 1n,
      ]
      const word = fc.oneof(fc.constantFrom(...interesting), fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }))
      await fc.assert(
        fc.asyncProperty(fc.nat({ max: size(data) / 32 - 1 }), word, async (index, value) => {
          const routeData = withWord(data, index, numberToHex(value, { size: 32 }))
          const attempt = world.profitOf({ flashSource: 2, ...curveTrade, routeData })
          const outcome = await world
            .refusalOf(attempt.then(() => Promise.reject(new Error('paid'))))
            .catch(String)
          expect(typeof outcome === 'string' ? outcome : outcome.error).toMatch(
            /^(?!Panic)[A-Z]\w+$|^Error: paid$/,
          )
        }),
        { numRuns: 300, seed: 20_260_101 },
      )
    })

    it('names a protocol it does not know', async () => {
      expect(await refused(withHop(1, { protocol: 3 }))).toEqual({ error: 'BadProtocol', args: [1n, 3] })
    })

    it('names a hop whose extras do not fit', async () => {
      for (const extra of ['0x', '0x0bb8', coinsExtra(0n, 1n)] as const) {
        expect(await refused(withHop(1, { extra })), extra).toEqual({ error: 'BadExtras', args: [1n] })
      }
      const hops = curveTrade.hops.map((hop) => (hop.protocol === 2 ? { ...hop, extra: feeExtra(1) } : hop))
      expect(await world.refusalOfExecute({ flashSource: 1, ...curveTrade, hops })).toEqual({
        error: 'BadExtras',
        args: [1n],
      })
    })

    it('names a hop that swaps a token for itself', async () => {
      const hops = [{ protocol: 0, router: v2Router, tokenOut: dai }]
      expect(await refused({ hops })).toEqual({ error: 'SameToken', args: [0n] })
    })

    it('names a router or token without code', async () => {
      expect(await refused(withHop(1, { router: nowhere }))).toEqual({
        error: 'NotAContract',
        args: [1n, nowhere],
      })
      expect(await refused(withHop(0, { router: zeroAddress }))).toEqual({
        error: 'NotAContract',
        args: [0n, zeroAddress],
      })
      expect(await refused(withHop(0, { tokenOut: nowhere }))).toEqual({
        error: 'NotAContract',
        args: [0n, nowhere],
      })
    })

    it('names the hop that failed, with the reason its router gave', () =>
      world.undone(async () => {
        const router = await deployAdversary({ world, name: 'PliantRouter' })
        const reason = encodeErrorResult({
          abi: parseAbi(['error Error(string)']),
          args: ['the 1971 reason'],
        })
        await router.call('fail', [reason])
        expect(await refused(withHop(1, { protocol: 0, router: router.address }))).toEqual({
          error: 'HopFailed',
          args: [1n, reason],
        })
        await router.call('fail', ['0x'])
        expect((await refused(withHop(0, { router: router.address }))).args).toEqual([0n, '0x'])
      }))

    it('names the hop real protocols refuse', async () => {
      const unknownFee = await refused(withHop(1, { extra: feeExtra(123) }))
      expect([unknownFee.error, unknownFee.args[0]]).toEqual(['HopFailed', 1n])
      const hops = curveTrade.hops.map((hop) =>
        hop.protocol === 2 ? { ...hop, extra: coinsExtra(0n, 7n) } : hop,
      )
      const unknownCoin = await world.refusalOfExecute({ flashSource: 2, ...curveTrade, hops })
      expect([unknownCoin.error, unknownCoin.args[0]]).toEqual(['HopFailed', 1n])
      const notAToken = await refused(withHop(0, { tokenOut: v3Router }))
      expect([notAToken.error, notAToken.args[0]]).toEqual(['HopFailed', 0n])
    })

    it('names a hop that gives nothing', () =>
      world.undone(async () => {
        const router = await deployAdversary({ world, name: 'PliantRouter' })
        expect(await refused(withHop(0, { router: router.address }))).toEqual({
          error: 'NoOutput',
          args: [0n],
        })
      }))

    it('must pay: the loss can be read, with the premium', async () => {
      const hops = [
        { protocol: 1, router: v3Router, tokenOut: weth, extra: feeExtra(3_000) },
        { protocol: 0, router: v2Router, tokenOut: dai },
      ]
      const loanAmount = 20_000n * 10n ** 18n
      const balancer = await refused({ hops, loanAmount })
      const aave = await refused({ hops, loanAmount, flashSource: 2 })
      expect([balancer.error, balancer.args[1]]).toEqual(['Unprofitable', loanAmount])
      expect(aave).toEqual({
        error: 'Unprofitable',
        args: [balancer.args[0], loanAmount + loanAmount / 2_000n],
      })
      expect(balancer.args[0]).toBeLessThan(loanAmount)
    })
  })

  it('has a test for every error of its own', () => {
    const source = ['access', 'refusals', 'adversaries']
      .map((name) => readFileSync(new URL(`./${name}.test.ts`, import.meta.url), 'utf8'))
      .join()
    const inherited = ['OwnableInvalidOwner', 'OwnableUnauthorizedAccount', 'SafeERC20FailedOperation']
    const own = executorArtifact.abi.flatMap((item) => (item.type === 'error' ? [item.name] : []))
    expect(own.filter((name) => !inherited.includes(name) && !source.includes(`'${name}'`))).toEqual([])
  })
})
