import { expect, it } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import { mineUntil, startLive } from './gethWorld.ts'

const SIGNALS = 40

it('of a burst of signals for one opportunity one lands on go-ethereum, and nothing else is paid for', async () => {
  const { world, chain, server } = await startLive({ lanes: 2 })
  const usdc = addressBook.tokens.usdc.address
  const before = await chain.tokenBalance(usdc, world.executor)
  const counts = () => Promise.all(world.lanes.map(chain.count))
  const [first = 0, second = 0] = await counts()
  // 14,000 USDC close the gap between the two pools: after one of them the next would lose.
  const answers = await mineUntil(
    chain,
    Promise.all(
      Array.from({ length: SIGNALS }, (_, index) =>
        server.submit({ amount: String(14_000_000_000 + index), wait: 'included' }),
      ),
    ),
  )
  const landed = answers.filter(({ json }) => json.success)
  expect(landed.map(({ json }) => json.status)).toEqual(['included'])
  const others = answers.filter(({ json }) => !json.success).map(({ json }) => json.status)
  expect(new Set(others)).toEqual(new Set(['denied']))
  const [firstAfter = 0, secondAfter = 0] = await counts()
  expect(firstAfter + secondAfter - first - second).toBe(1)
  expect((await chain.tokenBalance(usdc, world.executor)) - before).toBe(BigInt(landed[0]?.json.profit))
})
