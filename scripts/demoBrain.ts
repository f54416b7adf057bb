import { setTimeout as sleep } from 'node:timers/promises'
import { bestTrade } from './bestTrade.ts'
import { encodeReads, type PoolReads, type PricedPool, readPools } from './demoPools.ts'

/** What the brain wants said: a signal the server would not take, or a chain it cannot read. */
export type BrainTrouble = { readonly chainId: number; readonly sentence: string }

export interface DemoBrain {
  /**
   * How long the server took to answer a signal of ours, ms; null when it did not answer, or the signal is
   * not ours.
   */
  latencyOf(signalId: string): Promise<number | null>
  /** Ends the loops; signals in flight are given up. */
  stop(): Promise<void>
}

const pollMs = 200
const requestTimeoutMs = 10_000
/** Of a trade over two pools, on the high side. */
const gasPerTrade = 450_000n
const profitMinUsd = 0.5

/**
 * A small brain for the devnet: on every new block of each chain it reads the pools, finds the two between
 * which a loan earns most, works out the loan, and sends the signal to the server over HTTP.
 *
 * A trade on paper leaves the pools as they are. So that no gap is counted twice, a pool that was traded in
 * is left alone until its price has moved.
 */
export function startDemoBrain(options: {
  chains: readonly { readonly chainId: number; readonly rpc: string }[]
  serverUrl: string
  onTrouble: (trouble: BrainTrouble) => void
}): DemoBrain {
  const { chains, serverUrl, onTrouble } = options
  const stopping = new AbortController()
  const signal = stopping.signal
  const latencies = new Map<string, Promise<number | null>>()
  /** What a pool held when it was last traded in. */
  const used = new Map<string, bigint>()

  async function post({ url, body }: { url: string; body: string }): Promise<unknown> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
    })
    return response.json()
  }

  /** Sends a trade; the answer itself comes to the demo as an event, except where nothing was executed. */
  async function submit({
    chainId,
    block,
    pools,
    gasPriceWei,
  }: PoolReads & { chainId: number }): Promise<void> {
    const trade = bestTrade(pools.filter((pool) => used.get(keyOf({ chainId, pool })) !== pool.stableReserve))
    if (trade === null) return
    const gasUsd = (Number(gasPriceWei * gasPerTrade) / 1e18) * trade.wethUsd
    if (trade.profitUsd - gasUsd < profitMinUsd) return
    for (const pool of trade.pools) used.set(keyOf({ chainId, pool }), pool.stableReserve)
    const signalId = `demo-${chainId}-${block}`
    const request = {
      signal_id: signalId,
      chainId,
      ...trade.signal,
      expected_profit: Number((trade.profitUsd - gasUsd).toFixed(6)),
    }
    const sent = performance.now()
    const answered = post({ url: `${serverUrl}/execute`, body: JSON.stringify(request) })
    latencies.set(
      signalId,
      answered.then(
        () => performance.now() - sent,
        () => null,
      ),
    )
    const { status, error } = (await answered) as { status?: unknown; error?: unknown }
    if (status !== 'filled' && status !== 'failed') onTrouble({ chainId, sentence: String(error) })
  }

  async function watch({ chainId, rpc }: { chainId: number; rpc: string }): Promise<void> {
    const body = encodeReads()
    for (let seen = -1; !signal.aborted; ) {
      try {
        const reads = readPools(await post({ url: rpc, body }))
        if (reads.block !== seen) {
          seen = reads.block
          await submit({ chainId, ...reads })
        }
      } catch (cause) {
        if (!signal.aborted)
          onTrouble({ chainId, sentence: cause instanceof Error ? cause.message : String(cause) })
      }
      await sleep(pollMs, undefined, { signal }).catch(() => {})
    }
  }

  const watching = chains.map(watch)
  return {
    async latencyOf(signalId) {
      const latency = await (latencies.get(signalId) ?? null)
      latencies.delete(signalId)
      return latency
    },
    async stop() {
      stopping.abort()
      await Promise.all(watching)
    },
  }
}

const keyOf = ({ chainId, pool }: { chainId: number; pool: PricedPool }) => `${chainId} ${pool.address}`
