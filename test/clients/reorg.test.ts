import { describe, expect, it } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import { mineUntil, startLive } from './gethWorld.ts'

const usdc = addressBook.tokens.usdc.address

describe('blocks that go-ethereum takes back (debug_setHead)', () => {
  it('a trade of such a block is pending again, and lands once more, with its profit counted once', async () => {
    const { world, chain, lane, server } = await startLive()
    const before = await chain.tokenBalance(usdc, world.executor)
    const { json } = await mineUntil(chain, server.submit())
    expect(json.status).toBe('included')
    await chain.rewind((await chain.head()) - json.block + 1)
    expect([await chain.receipt(json.txHash), await chain.count(lane)]).toEqual([null, json.nonce])
    // The node has forgotten the transaction; another block stands in the place of its own.
    await chain.mine(2)
    const again = await mineUntil(
      chain,
      server.until(
        json.signal_id,
        (trade) => trade.status === 'included' && trade.seq !== json.seq && trade.block > json.block,
      ),
    )
    expect(again).toMatchObject({ nonce: json.nonce, success: true })
    expect((await chain.receipt(again.txHash))?.status).toBe('0x1')
    expect(await chain.count(lane)).toBe(json.nonce + 1)
    expect((await chain.tokenBalance(usdc, world.executor)) - before).toBe(BigInt(again.profit))
    const { json: stats } = await server.titan.get('/stats')
    expect(stats.executed).toBe(1)
  })

  it('a trade whose nonce somebody has taken in the other branch is displaced, and its profit is not counted', async () => {
    // Known for a devnet, where a block is final four blocks later.
    const { world, chain, lane, server } = await startLive({ marked: true })
    const [key] = world.keys as [`0x${string}`]
    const { json } = await mineUntil(chain, server.submit())
    await chain.rewind((await chain.head()) - json.block + 1)
    const foreign = await chain.sign(key, { to: lane, gasLimit: 21_000n, nonce: json.nonce })
    await chain.mine(1, [foreign])
    const ended = await mineUntil(
      chain,
      server.until(json.signal_id, ({ status }) => status === 'displaced'),
    )
    expect(ended).toMatchObject({ success: false, final: true })
    expect(await chain.receipt(json.txHash)).toBeNull()
    const { json: stats } = await server.titan.get('/stats')
    expect([stats.executed, stats.total_profit]).toEqual([0, 0])
  })
})
