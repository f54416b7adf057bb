/**
 * The process behind `startLoad`: takes jobs from its parent, answers each with a result, ends with its
 * parent.
 */
import { randomBytes } from 'node:crypto'
import { Pool } from 'undici'
import { createBareCalls } from './bareCalls.ts'
import { checkAnswer } from './checkAnswer.ts'
import type { AnswerForm, LoadJob, LoadResult } from './load.ts'
import { percentile } from './percentile.ts'
import { createTradeSource, type WireSignal } from './tradeSource.ts'

const samplesMax = 8
const requestTimeoutMs = 60_000
const source = createTradeSource({ run: randomBytes(6).toString('hex') })
const pools = new Map<string, Pool>()

/** What one request carries, and how its answer is read: a profit per signal, or why it is not good. */
interface Shot {
  readonly signals: readonly WireSignal[]
  readonly body: string
  read(text: string): readonly Verdict[]
}
type Verdict =
  | { readonly ok: true; readonly profit: string | null }
  | { readonly ok: false; readonly reason: string }

function poolOf({ url, inFlight }: { url: string; inFlight: number }): Pool {
  const key = `${url} ${inFlight}`
  const pool = pools.get(key) ?? new Pool(url, { connections: inFlight, pipelining: 1 })
  pools.set(key, pool)
  return pool
}

async function shooterOf(job: LoadJob): Promise<{ path: string; next(): Shot }> {
  switch (job.kind) {
    case 'single':
      return {
        path: '/execute',
        next() {
          const signal = source.next()
          return {
            signals: [signal],
            body: JSON.stringify(signal),
            read: (text) => [judge({ signal, text: () => JSON.parse(text), form: job.answers })],
          }
        },
      }
    case 'batch':
      return {
        path: '/execute/batch',
        next() {
          const signals = Array.from({ length: job.batchSize }, () => source.next())
          return {
            signals,
            body: JSON.stringify({ signals }),
            read(text) {
              const { results } = JSON.parse(text) as { results?: readonly unknown[] }
              return signals.map((signal, place) =>
                judge({ signal, text: () => results?.[place], form: job.answers }),
              )
            },
          }
        },
      }
    case 'bare': {
      const calls = await createBareCalls({ executor: job.executor, owner: job.owner })
      return {
        path: '/',
        next() {
          const signals = Array.from({ length: job.batchSize }, () => source.next())
          return { signals, body: calls.encode(signals), read: (text) => calls.read({ signals, text }) }
        },
      }
    }
    default:
      return job satisfies never
  }
}

function judge({
  signal,
  text,
  form,
}: {
  signal: WireSignal
  text: () => unknown
  form: AnswerForm
}): Verdict {
  return checkAnswer({ signal, answer: text(), form })
}

async function run(job: LoadJob): Promise<LoadResult> {
  const { path, next } = await shooterOf(job)
  const pool = poolOf(job)
  const latencies: number[] = []
  const samples: { signal: WireSignal; profit: string | null }[] = []
  let [successes, failures, seen] = [0, 0, 0]
  let firstFailure: string | null = null
  const refuse = (reason: string) => {
    failures++
    firstFailure ??= reason
  }

  const start = performance.now()
  const end = start + job.seconds * 1_000
  let lastAnswer = start
  const shoot = async () => {
    while (performance.now() < end) {
      const shot = next()
      const sent = performance.now()
      let verdicts: readonly Verdict[]
      try {
        const response = await pool.request({
          path,
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: shot.body,
          headersTimeout: requestTimeoutMs,
          bodyTimeout: requestTimeoutMs,
        })
        const text = await response.body.text()
        lastAnswer = performance.now()
        latencies.push(lastAnswer - sent)
        verdicts = shot.read(text)
      } catch (error) {
        for (const _ of shot.signals) refuse(String(error))
        continue
      }
      for (const [place, signal] of shot.signals.entries()) {
        const verdict = verdicts[place] ?? {
          ok: false,
          reason: 'There is no answer to a signal of the batch.',
        }
        if (!verdict.ok) {
          refuse(verdict.reason)
          continue
        }
        successes++
        // Reservoir sampling: every success has the same chance to be kept.
        const slot = seen < samplesMax ? seen : Math.floor(Math.random() * (seen + 1))
        if (slot < samplesMax) samples[slot] = { signal, profit: verdict.profit }
        seen++
      }
    }
  }
  await Promise.all(Array.from({ length: job.inFlight }, shoot))
  const latencyMs = { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) }
  return { successes, failures, firstFailure, elapsedMs: lastAnswer - start, latencyMs, samples }
}

process.on('message', (job: LoadJob) => {
  run(job).then(
    (result) => process.send?.({ result }),
    (error) => process.send?.({ error: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
