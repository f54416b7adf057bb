import { keccak256, maxUint256, toHex, zeroHash } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openThinPool, thinPoolTrade } from '../test/support/thinPool.ts'
import { addresses } from './test/addresses.ts'
import { deployAdversary } from './test/deployAdversary.ts'
import { simulateByLens } from './test/simulateByLens.ts'
import { encodeExecute, startWorld, type World } from './test/startWorld.ts'
import { flashSources, trades } from './test/trades.ts'

const { weth, dai, usdc } = addresses
const unit = 10n ** 18n

describe('what a hop leaves of its input', { timeout: 120_000 }, () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  }, 120_000)
  afterAll(() => world?.stop())

  it('is told to the unit when a real pool runs out, simulated and on chain, and can be swept', () =>
    world.undone(async () => {
      const { owner, executor, treasury } = world
      await openThinPool({ rpc: world.rpc })
      await world.give(weth, executor, 77n)
      const { signal, calldata: data } = thinPoolTrade
      const simulated = await simulateByLens({
        world,
        caller: owner,
        target: executor,
        data,
        token: usdc,
        passing: [weth],
      })
      const receipt = await world.send({ from: owner, to: executor, data })

      const left = (await world.balanceOf(weth, executor)) - 77n
      expect(left).toBeGreaterThan(unit / 100n)
      expect(simulated).toMatchObject({ ok: true, left: [left] })
      expect(world.leftoversIn(receipt)).toEqual([{ signalId: zeroHash, hop: 1n, token: weth, amount: left }])
      const [made] = world.tradesIn(receipt)
      expect(made).toMatchObject({ lane: owner, token: usdc, amount: signal.loanAmount })
      expect(made?.profit).toBe(await world.balanceOf(usdc, executor))

      await world.write('setTreasury', [treasury])
      const before = await world.balanceOf(weth, treasury)
      await world.write('sweep', [[weth]])
      expect((await world.balanceOf(weth, treasury)) - before).toBe(left + 77n)
    }))

  for (const { flashSource, lender } of flashSources) {
    it(`${lender}: is told with the trade's id, hop by hop, apart from what was held before`, () =>
      world.undone(async () => {
        const [hook, other] = [
          await deployAdversary({ world, name: 'HookToken' }),
          await deployAdversary({ world, name: 'HookToken' }),
        ]
        const routers = []
        for (const token of [hook, other, null]) {
          const router = await deployAdversary({ world, name: 'PliantRouter' })
          if (token === null) await world.give(dai, router.address, 5_000n * unit)
          else await token.call('mint', [router.address, 5_000n * unit])
          routers.push(router)
        }
        const [out, middle, back] = routers as [(typeof routers)[0], (typeof routers)[0], (typeof routers)[0]]
        await hook.call('mint', [world.executor, 123n])
        await out.call('set', [900n * unit, 500n * unit])
        await middle.call('set', [499n * unit, 300n * unit])
        await back.call('set', [297n * unit, 1_007n * unit])
        const signalId = keccak256(toHex('leaves something'))
        const candidate = {
          flashSource,
          loanToken: dai,
          loanAmount: 1_000n * unit,
          hops: [
            { protocol: 0, router: out.address, tokenOut: hook.address },
            { protocol: 0, router: middle.address, tokenOut: other.address },
            { protocol: 0, router: back.address, tokenOut: dai },
          ],
          signalId,
        }
        const passing = [hook.address, other.address]
        const question = { world, caller: world.owner, target: world.executor, token: dai, passing }
        const simulated = await simulateByLens({ ...question, data: encodeExecute(candidate) })
        expect(simulated.left).toEqual([unit, 3n * unit])
        const receipt = await world.execute(candidate)
        expect(world.leftoversIn(receipt)).toEqual([
          { signalId, hop: 1n, token: hook.address, amount: unit },
          { signalId, hop: 2n, token: other.address, amount: 3n * unit },
        ])
        // The 100 DAI that the first hop left are in the profit.
        expect(world.tradesIn(receipt)[0]?.profit).toBe(BigInt(simulated.ret))
        expect(BigInt(simulated.ret)).toBeGreaterThan(100n * unit)

        await middle.call('set', [maxUint256, 300n * unit])
        await back.call('set', [maxUint256, 1_007n * unit])
        const whole = { ...candidate, signalId: keccak256(toHex('leaves nothing')) }
        expect((await simulateByLens({ ...question, data: encodeExecute(whole) })).left).toEqual([0n, 0n])
        expect(world.leftoversIn(await world.execute(whole))).toEqual([])
      }))
  }

  it('is nothing in ordinary trades', async () => {
    for (const { name: _, ...trade } of trades) {
      await world.undone(async () => {
        const receipt = await world.execute({ flashSource: 1, ...trade })
        expect(world.leftoversIn(receipt)).toEqual([])
      })
    }
  })

  it('a token that cannot be read leaves nothing, and the candidate is told for itself', async () => {
    const { name: _, ...trade } = trades[0] as (typeof trades)[0]
    const answer = await simulateByLens({
      world,
      caller: world.owner,
      target: world.executor,
      data: encodeExecute({ flashSource: 1, ...trade }),
      token: dai,
      passing: [weth, '0x00000000000000000000000000000000000a4b17', addresses.v2Router],
    })
    expect(answer).toMatchObject({ ok: true, left: [0n, 0n, 0n] })
  })
})
