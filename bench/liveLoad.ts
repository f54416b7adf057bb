import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { addressBook } from '../devnet/addressBook.ts'
import { payingRoutes } from './routes.ts'

/** A signal in the form of `POST /execute`, for a LIVE server. */
export interface LiveSignal {
  readonly signal_id: string
  readonly chainId: number
  readonly token: string
  readonly amount: string
  readonly flashSource: number
  readonly protocols: readonly number[]
  readonly routers: readonly string[]
  readonly path: readonly string[]
  readonly extras: readonly string[]
  readonly wait: 'broadcast' | 'included'
}

/** One stretch of trades. */
export interface LiveStretch {
  /** Answers that say what was waited for: a node has it, or a block has it. */
  readonly successes: number
  readonly failures: number
  readonly firstFailure: string | null
  /** From the first request to the last answer. */
  readonly elapsedMs: number
  /** Of the successes, as the client sees them. */
  readonly latenciesMs: readonly number[]
}

const REQUEST_TIMEOUT_MS = 90_000
const { weth, usdc, dai } = addressBook.tokens
/** `abi.encode(uint24 3000)`, as the V3 route of `routes.ts` has it. */
const feeExtra = payingRoutes[0]?.extras[1] as string

/**
 * Makes signals that all differ: some 60 USDC and DAI in turn, bought on Uniswap V2 and sold on V3 0.3 %.
 * Small, so that many of them fit between the prices of two pools. Those of one token meet in the same pools,
 * those of the other do not.
 */
export function createLiveSignals({ chainId, run }: { chainId: number; run: string }) {
  let made = 0
  return (wait: LiveSignal['wait']): LiveSignal => {
    const index = made++
    const dollar = index % 2 === 0 ? usdc : dai
    return {
      signal_id: `${run}-${index}`,
      chainId,
      token: dollar.address,
      amount: String(60n * 10n ** BigInt(dollar.decimals) + BigInt(index)),
      flashSource: 1,
      protocols: [0, 1],
      routers: [addressBook.uniswapV2.router, addressBook.uniswapV3.router],
      path: [weth.address, dollar.address],
      extras: ['0x', feeExtra],
      wait,
    }
  }
}

/** Keeps so many requests in flight for so long; each is sent as soon as the one before it is answered. */
export async function driveLive({
  url,
  seconds,
  inFlight,
  pauseMs = 0,
  next,
}: {
  url: string
  seconds: number
  inFlight: number
  /** After an answer, before the next request. */
  pauseMs?: number
  next: () => LiveSignal
}): Promise<LiveStretch> {
  const pool = new Pool(url, { connections: inFlight, pipelining: 1 })
  const latenciesMs: number[] = []
  let failures = 0
  let firstFailure: string | null = null
  const start = performance.now()
  const end = start + seconds * 1_000
  let lastAnswer = start

  const shoot = async () => {
    while (performance.now() < end) {
      const sent = performance.now()
      try {
        const response = await pool.request({
          path: '/execute',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(next()),
          headersTimeout: REQUEST_TIMEOUT_MS,
          bodyTimeout: REQUEST_TIMEOUT_MS,
        })
        const answer = (await response.body.json()) as { success?: boolean; error?: string; txHash?: string }
        lastAnswer = performance.now()
        if (answer.success === true && typeof answer.txHash === 'string') latenciesMs.push(lastAnswer - sent)
        else {
          failures++
          firstFailure ??= JSON.stringify(answer).slice(0, 400)
        }
      } catch (error) {
        failures++
        firstFailure ??= String(error)
      }
      if (pauseMs > 0) await sleep(pauseMs)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, shoot))
  await pool.close()
  return { successes: latenciesMs.length, failures, firstFailure, elapsedMs: lastAnswer - start, latenciesMs }
}
