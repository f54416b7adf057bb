import { describe, expect, it } from 'vitest'
import { eventually, mineUntil, startLive } from './gethWorld.ts'

describe("a transaction that waits in go-ethereum's queue beyond --txpool.lifetime", () => {
  it('is thrown away, is sent again by the server, and lands', async () => {
    const { world, chain, lane, server } = await startLive({ flags: ['--txpool.lifetime', '1s'] })
    const { json: first } = await server.submit({ wait: 'broadcast' })
    const { json: second } = await server.submit({ wait: 'broadcast' })
    // A node that was away has neither; the second alone comes back first, and is queued behind a gap.
    const raw = await chain.ask('eth_getRawTransactionByHash', second.txHash)
    await server.end('SIGKILL')
    await world.geth.end()
    await world.geth.start()
    await chain.ask('eth_sendRawTransaction', raw)
    expect((await chain.pooled(lane)).map(({ hash }) => hash)).toEqual([second.txHash])
    // geth evicts once a minute.
    await eventually('eviction', async () => ((await chain.pooled(lane)).length === 0 ? true : null))
    await server.start()
    const trades = await mineUntil(
      chain,
      Promise.all(
        [first, second].map(({ signal_id }) =>
          server.until(signal_id, ({ status }) => status === 'included'),
        ),
      ),
    )
    expect(trades.map(({ txHash }) => txHash)).toEqual([first.txHash, second.txHash])
  })
})
