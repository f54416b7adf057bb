import { setTimeout as sleep } from 'node:timers/promises'
import type { TradingChain } from '../test/support/liveWorld.ts'
import type { RpcProxy } from '../test/support/rpcProxy.ts'
import type { LiveStretch } from './liveLoad.ts'

/** Every so manieth send is cut off before the node sees it. */
const CUT_EVERY = 20
/** After the last answer, before what is stuck is counted. */
const RECOVERY_MS = 10_000

/** Trades of one kind of server while sends fail. */
export interface Injected {
  readonly cutSends: number
  readonly landed: number
  readonly failures: number
  readonly firstFailure: string | null
  /** Nonces that were used up and sent nothing, so that what came behind them waits for ever. */
  readonly lostNonces: number
  /** Transactions that wait for them. */
  readonly stuck: number
}

/** Cuts a part of the sends off before the node sees them, then leaves time to recover. */
export async function measureInjected({
  chain,
  proxy,
  lanes,
  work,
}: {
  chain: TradingChain
  proxy: RpcProxy
  lanes: readonly string[]
  work: () => Promise<LiveStretch>
}): Promise<Injected> {
  let sends = 0
  let cutSends = 0
  proxy.interfere = ({ methods }) => {
    if (!methods.includes('eth_sendRawTransaction') || ++sends % CUT_EVERY !== 0) return null
    cutSends++
    return { kind: 'drop' }
  }
  const { successes, failures, firstFailure } = await work()
  proxy.interfere = null
  await sleep(RECOVERY_MS)
  const { queued } =
    await chain.ask<Record<'queued', Record<string, Record<string, object>>>>('txpool_content')
  let lostNonces = 0
  let stuck = 0
  for (const lane of lanes) {
    const waiting = Object.entries(queued).find(([sender]) => sender.toLowerCase() === lane)?.[1] ?? {}
    const nonces = Object.keys(waiting)
      .map(Number)
      .sort((a, b) => a - b)
    stuck += nonces.length
    const mined = await chain.count(lane)
    const highest = nonces.at(-1)
    if (highest !== undefined) lostNonces += highest + 1 - mined - nonces.length
  }
  return { cutSends, landed: successes, failures, firstFailure, lostNonces, stuck }
}
