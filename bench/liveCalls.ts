import type { RpcProxy } from '../test/support/rpcProxy.ts'
import type { LiveStretch } from './liveLoad.ts'

/**
 * Calls that a server makes per landed trade, by method and in all; `heads` are not in the sum: the newest
 * block, however it is asked for.
 */
export async function countCalls({ proxy, work }: { proxy: RpcProxy; work: () => Promise<LiveStretch> }) {
  const seen = new Map<string, number>()
  proxy.interfere = ({ calls }) => {
    for (const { method, params } of calls) {
      const isHead =
        method === 'eth_blockNumber' || (method === 'eth_getBlockByNumber' && params[0] === 'latest')
      const name = isHead ? 'heads' : method
      seen.set(name, (seen.get(name) ?? 0) + 1)
    }
    return null
  }
  const { successes } = await work()
  proxy.interfere = null
  const perCall = Object.fromEntries(
    [...seen].map(([method, count]) => [method, Number((count / successes).toFixed(2))]),
  )
  const { heads: _, ...others } = perCall
  return { perTrade: Object.values(others).reduce((sum, each) => sum + each, 0), calls: perCall }
}
