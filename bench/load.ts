import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Hex } from 'viem'
import type { WireSignal } from './tradeSource.ts'

/** One stretch of load: so many requests in flight, each sent as soon as the one before it is answered. */
export type LoadJob = {
  readonly seconds: number
  readonly inFlight: number
} & (
  | { readonly kind: 'single'; readonly url: string; readonly answers: AnswerForm }
  | { readonly kind: 'batch'; readonly url: string; readonly answers: AnswerForm; readonly batchSize: number }
  | {
      readonly kind: 'bare'
      readonly url: string
      readonly batchSize: number
      readonly executor: Hex
      readonly owner: Hex
    }
)

/**
 * What a good answer must hold: Titan's has profit, gas and id, the documented one only the gas, the lean
 * peer's only the profit.
 */
export type AnswerForm = 'titan' | 'document' | 'lean'

export interface LoadResult {
  /** Trades whose answer was checked and good. */
  readonly successes: number
  readonly failures: number
  readonly firstFailure: string | null
  /** From the first request to the last answer. */
  readonly elapsedMs: number
  /** Of whole requests: a batch is one. */
  readonly latencyMs: Latency
  /** Some of the trades, drawn by chance, with the profit that was answered (null when the form has none). */
  readonly samples: readonly { readonly signal: WireSignal; readonly profit: string | null }[]
}

export interface Latency {
  readonly p50: number
  readonly p99: number
}

/** The load generator: a process of its own, so that it and the servers do not share an event loop. */
export interface Load {
  readonly pid: number
  /** One job at a time. Ids and amounts never come again during the life of the process. */
  run(job: LoadJob): Promise<LoadResult>
  stop(): Promise<void>
}

/** Starts the load generator; it ends with this process. */
export async function startLoad(): Promise<Load> {
  const child = fork(fileURLToPath(new URL('./loadProcess.ts', import.meta.url)), { stdio: 'inherit' })
  const exited = once(child, 'exit')
  const reply = async () => {
    const message = await Promise.race([once(child, 'message'), exited.then(() => null)])
    if (message === null) throw new Error('The load generator ended.')
    return message[0] as 'ready' | { result: LoadResult } | { error: string }
  }
  await reply()
  return {
    pid: child.pid as number,
    async run(job) {
      child.send(job)
      const answer = await reply()
      if (answer === 'ready') throw new Error('The load generator started twice.')
      if ('error' in answer) throw new Error(answer.error)
      return answer.result
    },
    async stop() {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}
