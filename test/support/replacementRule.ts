import { Transaction } from 'ethers'
import { callRpc } from '../../devnet/callRpc.ts'
import { errorAnswer } from './faults.ts'
import type { Fault, SeenPayload } from './rpcProxy.ts'

/** geth's `--txpool.pricebump`, percent. */
const PRICE_BUMP = 10n

interface PoolEntry {
  readonly hash: string
  readonly cap: bigint
  readonly tip: bigint
}

/**
 * geth's rule for a second transaction at a nonce (core/txpool/legacypool/list.go, `Add`): fee cap and tip
 * cap both at least a tenth higher, and the first one again is "already known". anvil takes any higher price.
 */
export function replacementRule({ node }: { node: string }): (payload: SeenPayload) => Promise<Fault | null> {
  const pool = new Map<string, PoolEntry>()

  return async ({ calls }) => {
    const [call] = calls
    if (calls.length !== 1 || call?.method !== 'eth_sendRawTransaction') return null
    const { from, nonce, hash, gasPrice, maxFeePerGas, maxPriorityFeePerGas } = Transaction.from(
      String(call.params[0]),
    )
    const price = gasPrice ?? 0n
    const offer = { hash: hash ?? '', cap: maxFeePerGas ?? price, tip: maxPriorityFeePerGas ?? price }
    const held = pool.get(`${from} ${nonce}`)
    if (held && held.hash !== offer.hash && (await isPending(node, held.hash)) && !outbids(offer, held))
      return errorAnswer({ id: call.id, code: -32000, message: 'replacement transaction underpriced' })
    pool.set(`${from} ${nonce}`, offer)
    return null
  }
}

const outbids = (offer: PoolEntry, held: PoolEntry): boolean =>
  offer.cap * 100n >= held.cap * (100n + PRICE_BUMP) && offer.tip * 100n >= held.tip * (100n + PRICE_BUMP)

async function isPending(node: string, hash: string): Promise<boolean> {
  const params = [hash]
  const found = await callRpc({ rpc: node, method: 'eth_getTransactionByHash', params, timeoutMs: 20_000 })
  return found !== null && (found as { blockNumber: unknown }).blockNumber === null
}
