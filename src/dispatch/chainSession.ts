import type { Mode } from '../domain/mode.ts'
import type { Signal } from '../domain/signal.ts'
import { type Facts, type Failure, failure } from '../errors/failure.ts'
import type { Answer, DispatchedSignal } from './protocol.ts'
import type { ThreadChannel } from './threadChannel.ts'
import type { Trader } from './trader.ts'

/** The signals that a chain's thread works on. */
export interface ChainSession {
  /** Each is answered by the channel when it is ready, exactly once. */
  take(signals: readonly DispatchedSignal[]): void
  /** Resolves when those taken so far are answered. */
  settled(): Promise<void>
}

export function createChainSession({
  chainName,
  mode,
  trader,
  unavailable,
  paused,
  isKnown,
  channel,
  refuse,
  log,
}: {
  chainName: string
  mode: Mode
  trader: () => Trader | null
  /** Why no signal can be worked on, a sentence; null when one can. */
  unavailable: () => string | null
  /** Why the operator refuses new signals; null when he does not. An id that is known has its answer. */
  paused: () => Failure | null
  /** Whether the journal has this id. */
  isKnown: (signalId: string) => boolean
  channel: Pick<ThreadChannel, 'settled'>
  refuse: (reason: Failure, signal: Signal) => Answer
  log: { error(facts: object, message: string): void }
}): ChainSession {
  /** Of a refusal that cannot say that nothing of the signal was sent. */
  const doubt: Facts = mode === 'LIVE' ? { sent: 'unknown' } : {}
  const running = new Set<Promise<void>>()

  /** Ids that are executed now, with how often each. */
  const executing = new Map<string, number>()

  async function execute(ready: Trader, key: number, signal: Signal): Promise<void> {
    const { signalId } = signal
    const reason = paused()
    if (reason !== null && !executing.has(signalId) && !isKnown(signalId))
      return channel.settled({ key, answer: refuse(reason, signal) }, null)
    executing.set(signalId, (executing.get(signalId) ?? 0) + 1)
    try {
      const { answer, event } = await ready.execute(signal)
      channel.settled({ key, answer }, event)
    } finally {
      const left = (executing.get(signalId) ?? 1) - 1
      if (left === 0) executing.delete(signalId)
      else executing.set(signalId, left)
    }
  }

  async function answer({ key, kind, signal }: DispatchedSignal): Promise<void> {
    const refused = (reason: Failure) => channel.settled({ key, answer: refuse(reason, signal) }, null)
    try {
      const ready = trader()
      const reason = unavailable()
      if (ready === null || reason !== null)
        refused(
          failure(
            'CHAIN_UNAVAILABLE',
            reason ?? `${chainName} is starting.`,
            kind === 'execute' && (executing.has(signal.signalId) || isKnown(signal.signalId)) ? doubt : {},
          ),
        )
      else if (kind === 'simulate') channel.settled({ key, answer: await ready.simulate(signal) }, null)
      else await execute(ready, key, signal)
    } catch (error) {
      log.error({ err: error, signal_id: signal.signalId }, 'A bug.')
      const sentence = `A bug in the thread of ${chainName}; its log line has this signal_id.`
      refused(failure('INTERNAL', sentence, kind === 'execute' ? doubt : {}))
    }
  }

  return {
    take(signals) {
      for (const signal of signals) {
        const settling = answer(signal).finally(() => running.delete(settling))
        running.add(settling)
      }
    },
    async settled() {
      await Promise.all(running)
    },
  }
}
