import { zeroHash } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWorld, type World } from './test/startWorld.ts'
import { flashSources, trades } from './test/trades.ts'

describe('OmniArbExecutor trades', { timeout: 120_000 }, () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  }, 120_000)
  afterAll(() => world?.stop())

  for (const { flashSource, lender } of flashSources) {
    for (const { name, ...trade } of trades) {
      it(`${lender}, ${name}: what is simulated, emitted and kept is the same profit, and no approval is left`, () =>
        world.undone(async () => {
          const candidate = { flashSource, ...trade }
          const simulated = await world.profitOf(candidate)
          expect(simulated).toBeGreaterThan(0n)

          const before = await world.balanceOf(trade.loanToken, world.executor)
          const receipt = await world.execute(candidate)
          const after = await world.balanceOf(trade.loanToken, world.executor)
          expect(world.tradesIn(receipt)).toEqual([
            {
              signalId: zeroHash,
              lane: world.owner,
              token: trade.loanToken,
              amount: trade.loanAmount,
              profit: simulated,
            },
          ])
          expect(after - before).toBe(simulated)

          let tokenIn = trade.loanToken
          for (const hop of trade.hops) {
            expect(await world.allowance(tokenIn, hop.router)).toBe(0n)
            tokenIn = hop.tokenOut
          }
        }))
    }
  }
})
