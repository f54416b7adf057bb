import { describe, expect, it } from 'vitest'
import type { GethChain } from './gethChain.ts'
import { eventually, mineUntil, type Server, startLive } from './gethWorld.ts'

async function withTradesOut(count: number) {
  const live = await startLive({ lanes: 2 })
  const answers = await Promise.all(
    Array.from({ length: count }, () => live.server.submit({ wait: 'broadcast' })),
  )
  const trades = answers.map(({ json }) => json)
  expect(trades.map(({ status }) => status)).toEqual(trades.map(() => 'pending'))
  return { ...live, trades }
}

async function landed(
  { chain, server }: { chain: GethChain; server: Server },
  trades: readonly { signal_id: string }[],
) {
  const wanted = trades.map(({ signal_id }) => server.until(signal_id, ({ status }) => status === 'included'))
  return await mineUntil(chain, Promise.all(wanted))
}

describe('restarts with trades out, on go-ethereum', () => {
  it('of the node: its mempool is gone, the same bytes are sent again and land', async () => {
    const { world, chain, server, trades } = await withTradesOut(4)
    await world.geth.end()
    await world.geth.start()
    const pooled = await Promise.all(world.lanes.map(chain.pooled))
    expect(pooled.flat().length).toBeLessThan(trades.length)
    await eventually('trades in the mempool', async () => {
      const found = (await Promise.all(world.lanes.map(chain.pooled))).flat()
      return found.length === trades.length ? found : null
    })
    const ended = await landed({ chain, server }, trades)
    expect(ended.map(({ txHash }) => txHash).sort()).toEqual(trades.map(({ txHash }) => txHash).sort())
  })

  it('of the server, killed: everything is taken up, and nothing is made twice', async () => {
    const { world, chain, server, trades } = await withTradesOut(4)
    await server.end('SIGKILL')
    await chain.mine() // lands while nobody watches
    await server.start()
    const ended = await landed({ chain, server }, trades)
    expect(ended.map(({ txHash }) => txHash).sort()).toEqual(trades.map(({ txHash }) => txHash).sort())
    const counts = await Promise.all(world.lanes.map(chain.count))
    const nonces = world.lanes.map((lane) =>
      Math.max(...ended.filter((trade) => trade.lane.toLowerCase() === lane).map(({ nonce }) => nonce)),
    )
    expect(counts).toEqual(nonces.map((nonce) => nonce + 1))
  })

  it('of both: the server waits for the node, and goes on where it was', async () => {
    const { world, chain, server, trades } = await withTradesOut(3)
    await server.end('SIGKILL')
    await world.geth.end()
    await world.geth.start()
    await server.start()
    const ended = await landed({ chain, server }, trades)
    expect(ended.map(({ txHash }) => txHash).sort()).toEqual(trades.map(({ txHash }) => txHash).sort())
  })
})
