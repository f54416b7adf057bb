import { describe, expect, it, onTestFinished } from 'vitest'
import { addressOf, genesisKey, openGethChain } from './gethChain.ts'
import { eventually, mineUntil, startLive } from './gethWorld.ts'
import { startGeth } from './startGeth.ts'

describe('a second transaction at a nonce, on go-ethereum', () => {
  it('is taken when both fees are a tenth higher, and refused when one of them is not', async () => {
    const geth = await startGeth()
    onTestFinished(geth.stop)
    const chain = openGethChain(geth)
    const key = genesisKey(8)
    const offer = async (cap: bigint, tip: bigint) => {
      const fees = { maxFeePerGas: cap, maxPriorityFeePerGas: tip }
      const raw = await chain.sign(key, { to: addressOf(key), gasLimit: 21_000n, nonce: 0, ...fees })
      return await chain.ask('eth_sendRawTransaction', raw).then(
        () => 'taken',
        (cause: Error) => cause.message.replace(/^\w+: /, ''),
      )
    }
    const refused = 'replacement transaction underpriced'
    expect([
      await offer(1_000_000_000n, 10_000_000n),
      await offer(1_100_000_000n, 10_999_999n),
      await offer(1_099_999_999n, 11_000_000n),
      await offer(1_100_000_000n, 11_000_000n),
    ]).toEqual(['taken', refused, refused, 'taken'])
  })

  it('replaces a trade that the base fee has left behind, until it lands, once', async () => {
    const { chain, lane, server } = await startLive()
    const nonce = await chain.count(lane)
    const { json } = await server.submit({ wait: 'broadcast' })
    const [first] = await chain.pooled(lane)
    expect([json.status, first?.hash]).toEqual(['pending', json.txHash])
    // Somebody else fills the blocks; the trade waits, and the price goes past its limit.
    const replaced = await eventually('replacement in the mempool', async () => {
      await chain.mineFull(1)
      const [newest] = await chain.pooled(lane)
      return newest && newest.hash !== first?.hash ? newest : null
    })
    for (const fee of ['maxFeePerGas', 'maxPriorityFeePerGas'] as const)
      expect(BigInt(replaced[fee]) * 100n).toBeGreaterThanOrEqual(BigInt(first?.[fee] ?? 0) * 110n)
    const landed = await mineUntil(
      chain,
      server.until(json.signal_id, ({ status }) => status === 'included'),
    )
    expect(landed).toMatchObject({ nonce, success: true })
    expect(landed.tx_hashes.length).toBeGreaterThan(1)
    expect((await chain.receipt(landed.txHash))?.status).toBe('0x1')
    const receipts = await Promise.all(landed.tx_hashes.map(chain.receipt))
    expect(receipts.filter((receipt) => receipt !== null)).toHaveLength(1)
    expect(await chain.count(lane)).toBe(nonce + 1)
  })

  it('cancels a trade that has ceased to pay, and the account goes on', async () => {
    const { chain, lane, server } = await startLive()
    const nonce = await chain.count(lane)
    const { json } = await server.submit({ wait: 'broadcast' })
    // WETH becomes dear where the trade buys it: it would revert.
    await chain.moveBuyPrice(3_200_00000000n)
    const cancelled = await eventually('cancel in the mempool', async () => {
      await chain.mineFull(1)
      const [newest] = await chain.pooled(lane)
      return newest && newest.hash !== json.txHash ? newest : null
    })
    const ended = await mineUntil(
      chain,
      server.until(json.signal_id, ({ status }) => status === 'cancelled'),
    )
    expect(ended).toMatchObject({ nonce, success: false })
    expect((await chain.receipt(cancelled.hash))?.gasUsed).toBe('0x5208')
    expect(await chain.count(lane)).toBe(nonce + 1)
    await chain.moveBuyPrice(2_930_00000000n)
    const next = await mineUntil(chain, server.submit())
    expect(next.json).toMatchObject({ status: 'included', nonce: nonce + 1 })
  })
})
