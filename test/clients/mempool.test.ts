import { describe, expect, it } from 'vitest'
import { genesisKey } from './gethChain.ts'
import { mineUntil, startLive } from './gethWorld.ts'

describe("rules of go-ethereum's mempool", () => {
  it('--txpool.pricelimit: a trade below it is offered at what the node takes, and lands', async () => {
    // 0.02 gwei of tip, twenty times what blocks have paid.
    const { world, chain, server } = await startLive()
    await world.geth.end()
    await world.geth.start(['--txpool.pricelimit', '20000000'])
    const { json } = await mineUntil(chain, server.submit())
    expect(json).toMatchObject({ success: true, status: 'included' })
  })

  it('--txpool.accountslots: what a full pool drops is sent again, and all of it lands', async () => {
    const full = ['--txpool.accountslots', '1', '--txpool.globalslots', '1', '--txpool.globalqueue', '1']
    const { chain, lane, server } = await startLive({ flags: full })
    const first = await chain.count(lane)
    const answers = await Promise.all([1, 2, 3, 4].map(() => server.submit({ wait: 'broadcast' })))
    const held = await chain.pooled(lane)
    expect(held.length).toBeLessThan(4)
    // Others' transactions with a better tip fill the pool meanwhile.
    for (const index of [8, 9]) {
      const raw = await chain.sign(genesisKey(index), { to: lane, gasLimit: 21_000n })
      await chain.ask('eth_sendRawTransaction', raw).catch(() => null)
    }
    const trades = await mineUntil(
      chain,
      Promise.all(
        answers.map(({ json }) => server.until(json.signal_id, ({ status }) => status === 'included')),
      ),
    )
    expect(trades.map(({ nonce }) => nonce).sort()).toEqual([0, 1, 2, 3].map((place) => first + place))
    expect(await chain.count(lane)).toBe(first + 4)
  })
})
