import {
  type Address,
  decodeErrorResult,
  encodeFunctionData,
  type Hex,
  maxUint256,
  toFunctionSelector,
} from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addresses } from './test/addresses.ts'
import { deployAdversary } from './test/deployAdversary.ts'
import { encodeRoute, type Hop } from './test/encodeRoute.ts'
import { encodeExecute, executorArtifact, startWorld, type World } from './test/startWorld.ts'
import { flashSources, type Trade, trades } from './test/trades.ts'

const { weth, dai, v2Router, sushiRouter, v3Router, balancerVault, aavePool } = addresses
const [trade] = trades as [Trade]
const unit = 10n ** 18n
const loanAmount = 1_000n * unit

function encodeCall(functionName: string, args: readonly unknown[]): Hex {
  return encodeFunctionData({ abi: executorArtifact.abi, functionName, args })
}

describe('OmniArbExecutor among adversaries', { timeout: 120_000 }, () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  }, 120_000)
  afterAll(() => world?.stop())

  /**
   * DAI to HOOK at one router, back at another; the first takes all and gives 500 HOOK, the second pays 7 DAI
   * on top.
   */
  async function startHookMarket({ tokenName = 'HookToken' } = {}) {
    const token = await deployAdversary({ world, name: tokenName })
    const out = await deployAdversary({ world, name: 'PliantRouter' })
    const back = await deployAdversary({ world, name: 'PliantRouter' })
    await token.call('mint', [out.address, 100_000n * unit])
    await world.give(dai, back.address, 50_000n * unit)
    await out.call('set', [maxUint256, 500n * unit])
    await back.call('set', [maxUint256, loanAmount + 7n * unit])
    const hops: Hop[] = [
      { protocol: 0, router: out.address, tokenOut: token.address },
      { protocol: 0, router: back.address, tokenOut: dai },
    ]
    return { token, out, back, hops, candidate: { flashSource: 1, loanToken: dai, loanAmount, hops } }
  }

  /**
   * Calls into the executor that must fail in the middle of a trade, each with the error it must fail with.
   */
  function intrusions(executor: Address): [string, Address, Hex, string][] {
    const routeData = encodeRoute(trade)
    const aaveLoan = encodeFunctionData({
      abi: [
        {
          type: 'function',
          name: 'flashLoanSimple',
          stateMutability: 'nonpayable',
          inputs: ['address', 'address', 'uint256', 'bytes', 'uint16'].map((type) => ({ type })),
          outputs: [],
        },
      ],
      args: [executor, dai, unit, routeData, 0],
    })
    return [
      ['execute', executor, encodeExecute({ flashSource: 1, ...trade }), 'Busy'],
      ['execute by the other source', executor, encodeExecute({ flashSource: 2, ...trade }), 'Busy'],
      ['onBalancerUnlock', executor, encodeCall('onBalancerUnlock', [dai, unit, routeData]), 'BadCallback'],
      [
        'executeOperation',
        executor,
        encodeCall('executeOperation', [dai, unit, 0n, executor, routeData]),
        'BadCallback',
      ],
      ['an Aave loan in its name', aavePool, aaveLoan, 'BadCallback'],
      ['sweep', executor, encodeCall('sweep', [[dai]]), 'Busy'],
      ['withdraw', executor, encodeCall('withdraw', [dai, balancerVault, 1n]), 'OwnableUnauthorizedAccount'],
      [
        'configure',
        executor,
        encodeCall('configure', [balancerVault, balancerVault]),
        'OwnableUnauthorizedAccount',
      ],
    ]
  }

  for (const { flashSource, lender } of flashSources) {
    for (const place of ['router', 'token'] as const) {
      it(`${lender}: a ${place} that is itself a lane cannot enter while a trade is in flight`, () =>
        world.undone(async () => {
          const { token, out, candidate } = await startHookMarket()
          const intruder = place === 'router' ? out : token
          await world.write('setLane', [intruder.address, true])
          for (const [what, target, payload, error] of intrusions(world.executor)) {
            await world.undone(async () => {
              await intruder.call('plant', [target, payload])
              const receipt = await world.execute({ ...candidate, flashSource })
              expect(world.tradesIn(receipt)).toHaveLength(1)
              expect(await intruder.read('called'), what).toBe(true)
              expect(await intruder.read('succeeded'), what).toBe(false)
              const data = (await intruder.read('answer')) as Hex
              expect(decodeErrorResult({ abi: executorArtifact.abi, data }).errorName, what).toBe(error)
            })
          }
        }))
    }
  }

  it('does nothing for its owner either while a trade is in flight', () =>
    world.undone(async () => {
      const { out, candidate } = await startHookMarket()
      await world.write('setLane', [world.lane, true])
      await world.give(dai, world.executor, 777n)
      await world.write('setTreasury', [out.address])
      await world.write('transferOwnership', [out.address])
      await world.client.impersonateAccount({ address: out.address })
      await world.client.setBalance({ address: out.address, value: 10n ** 18n })
      await world.write('acceptOwnership', [], out.address)
      for (const payload of [
        encodeCall('withdraw', [dai, out.address, 777n]),
        encodeCall('sweep', [[dai]]),
        encodeCall('configure', [out.address, out.address]),
        encodeExecute({ flashSource: 2, ...trade }),
      ]) {
        await out.call('plant', [world.executor, payload])
        await world.execute(candidate, { from: world.lane })
        expect([await out.read('called'), await out.read('succeeded'), await out.read('answer')]).toEqual([
          true,
          false,
          toFunctionSelector('Busy()'),
        ])
      }
    }))

  it('is idle again after a trade that failed and after one that succeeded', () =>
    world.undone(async () => {
      const phase = async () =>
        BigInt((await world.client.getStorageAt({ address: world.executor, slot: '0x0' })) ?? '0x') >> 160n
      await expect(world.execute({ flashSource: 1, ...trade, minProfit: 10n ** 30n })).rejects.toThrow(
        'reverted',
      )
      expect(await phase()).toBe(0n)
      await world.execute({ flashSource: 1, ...trade })
      expect(await phase()).toBe(0n)
      expect(await world.profitOf({ flashSource: 2, ...trade, loanAmount: 100n * unit })).toBeGreaterThan(0n)
    }))

  it('lets a router take no more than the hop brings, whatever the contract holds', () =>
    world.undone(async () => {
      const { candidate } = await startHookMarket()
      const thief = await deployAdversary({ world, name: 'ThiefRouter' })
      await world.give(dai, world.executor, 777n * unit)
      const hops = [{ ...(candidate.hops[0] as Hop), router: thief.address }, candidate.hops[1] as Hop]
      const refusal = await world.refusalOfExecute({ ...candidate, hops })
      expect([refusal.error, refusal.args[0]]).toEqual(['HopFailed', 0n])
    }))

  it('does not pay for a losing route with what it holds', () =>
    world.undone(async () => {
      const { back, candidate } = await startHookMarket()
      await world.give(dai, world.executor, 777n * unit)
      await back.call('set', [maxUint256, loanAmount - 1n])
      expect(await world.refusalOfExecute(candidate)).toEqual({
        error: 'Unprofitable',
        args: [loanAmount - 1n, loanAmount],
      })
      await back.call('set', [maxUint256, loanAmount])
      expect(await world.refusalOfExecute(candidate)).toEqual({ error: 'ProfitTooLow', args: [0n, 0n] })
      await back.call('set', [maxUint256, loanAmount + 1n])
      expect(await world.profitOf(candidate)).toBe(1n)
    }))

  it('counts only what arrived, when it holds some of the token already', () =>
    world.undone(async () => {
      const { token, candidate } = await startHookMarket()
      await token.call('mint', [world.executor, 123n * unit])
      await world.give(dai, world.executor, 777n * unit)
      expect(await world.profitOf(candidate)).toBe(7n * unit)
      await world.execute(candidate)
      expect(await world.balanceOf(token.address, world.executor)).toBe(123n * unit)
      expect(await world.balanceOf(dai, world.executor)).toBe(784n * unit)
    }))

  it('takes back what a router left of its approval', () =>
    world.undone(async () => {
      const { token, out, back, candidate } = await startHookMarket({ tokenName: 'TetherLikeToken' })
      await out.call('set', [600n * unit, 500n * unit])
      await back.call('set', [499n * unit, loanAmount - 600n * unit + 7n * unit])
      await world.give(dai, world.executor, 600n * unit)
      await back.call('set', [499n * unit, loanAmount + 7n * unit])
      for (const round of [1n, 2n]) {
        await world.execute(candidate)
        expect(await world.allowance(dai, out.address)).toBe(0n)
        expect(await world.allowance(token.address, back.address)).toBe(0n)
        expect(await world.balanceOf(token.address, world.executor)).toBe(round * unit)
      }
    }))

  it('approves tokens that return nothing and refuse to change an approval', () =>
    world.undone(async () => {
      const { candidate } = await startHookMarket({ tokenName: 'TetherLikeToken' })
      const profit = await world.profitOf(candidate)
      expect(profit).toBe(7n * unit)
      expect(world.tradesIn(await world.execute(candidate))).toMatchObject([
        { token: dai, amount: loanAmount, profit },
      ])
      expect(await world.profitOf(candidate)).toBe(profit)
    }))

  it('passes through the loan token in the middle of a route', () =>
    world.undone(async () => {
      const v2 = { protocol: 0, router: v2Router, tokenOut: weth }
      const v3 = { ...(trade.hops[1] as Hop), router: v3Router }
      const hops = [v2, v3, v2, { protocol: 0, router: sushiRouter, tokenOut: dai }]
      const candidate = { flashSource: 1, loanToken: dai, loanAmount, hops }
      await world.give(dai, world.executor, 777n * unit)
      const simulated = await world.profitOf(candidate)
      expect(simulated).toBeGreaterThan(0n)
      expect(world.tradesIn(await world.execute(candidate))[0]?.profit).toBe(simulated)
      expect(await world.balanceOf(dai, world.executor)).toBe(777n * unit + simulated)
    }))

  it('is left unharmed by a router that borrows from the unlocked vault', () =>
    world.undone(async () => {
      const { out, candidate } = await startHookMarket()
      const sendTo = encodeFunctionData({
        abi: [
          {
            type: 'function',
            name: 'sendTo',
            stateMutability: 'nonpayable',
            inputs: ['address', 'address', 'uint256'].map((type) => ({ type })),
            outputs: [],
          },
        ],
        args: [dai, out.address, 3n * unit],
      })
      await out.call('plant', [balancerVault, sendTo])
      // the vault wants the debt settled by whoever opened the session, and refuses the whole of it
      await expect(world.profitOf(candidate)).rejects.toThrow()
      await expect(world.execute(candidate)).rejects.toThrow('reverted')
      expect(await world.balanceOf(dai, world.executor)).toBe(0n)
    }))
})
