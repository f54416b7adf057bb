import type { ControlCommand } from '../domain/control.ts'
import type { Mode } from '../domain/mode.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import { thrownText } from '../errors/thrown.ts'
import type { ChainPause, ControlEntry, ControlOrder, ControlStore } from './protocol.ts'
import type { Trader } from './trader.ts'

/** The operator's hand on one chain. */
export interface ChainControl {
  /** Null unless the operator has paused the whole chain. */
  paused(): ChainPause | null
  /** Why a new signal is refused; null unless the chain is paused. Error: PAUSED. */
  refusal(): Failure | null
  /**
   * Writes a command down, carries it out, and writes down what came of it. A failure means that nothing was
   * done; a command that does not apply is an entry that says so. Error: JOURNAL_UNAVAILABLE.
   */
  order(order: ControlOrder): Promise<Result<ControlEntry>>
  /** The newest commands first. */
  newest(limit: number): readonly ControlEntry[]
}

const RETRY_AFTER_S = 5

export function createChainControl({
  chainId,
  chainName,
  mode,
  store,
  trader,
  onChange,
  log,
}: {
  chainId: number
  chainName: string
  mode: Mode
  store: ControlStore
  trader: () => Trader | null
  /** A pause has begun or ended. */
  onChange: () => void
  log: { warn(facts: object, message: string): void; error(facts: object, message: string): void }
}): ChainControl {
  let pause = pauseOf(store.pauses().find(({ lane }) => lane === null))

  async function carryOut(
    command: ControlCommand,
    entry: ControlEntry,
  ): Promise<Result<{ sentence: string }>> {
    if ('lane' in command && command.lane === null) {
      const was = pause
      // Who paused it first stays named, unless another says why: as `store.pauses` reads it.
      if (command.action === 'resume') pause = null
      else if (was === null || entry.reason !== null) pause = pauseOf(entry)
      const already = (command.action === 'pause') === (was !== null) ? ' already' : ''
      return succeed({
        sentence:
          command.action === 'pause'
            ? `${chainName} takes no new signals${already}; what is in flight goes on.`
            : `${chainName} takes signals${already}.`,
      })
    }
    const unsupported = failure(
      'CONTROL_UNSUPPORTED',
      `There are no lanes and transactions on ${chainName} in this mode.`,
    )
    if (mode === 'PAPER') return fail(unsupported)
    const ready = trader()
    if (ready === null)
      return fail(
        failure('CHAIN_UNAVAILABLE', `${chainName} has not begun: its lanes and trades are not known yet.`),
      )
    return ready.control === undefined ? fail(unsupported) : await ready.control(command)
  }

  return {
    paused: () => pause,
    refusal() {
      if (pause === null) return null
      const { since, by, reason } = pause
      const why = reason === null ? '' : `: ${reason.replace(/\.$/, '')}`
      return failure('PAUSED', `${chainName} is paused by its operator${why}.`, {
        chain_id: chainId,
        since,
        by,
        reason,
        retry_after_s: RETRY_AFTER_S,
      })
    },
    async order(order) {
      let entry: ControlEntry
      try {
        entry = store.begin(order)
      } catch (error) {
        const sentence = `The journal of ${chainName} cannot be written, so nothing was done: ${thrownText(error)}.`
        return fail(failure('JOURNAL_UNAVAILABLE', sentence, { chain_id: chainId }))
      }
      let done: Result<{ sentence: string }>
      try {
        done = await carryOut(order.command, entry)
      } catch (error) {
        log.error({ err: error, control: entry }, 'A command failed by a bug.')
        done = fail(failure('INTERNAL', `A bug in the thread of ${chainName}: ${thrownText(error)}.`))
      }
      const told = done.ok
        ? ({ outcome: 'applied', code: null, sentence: done.value.sentence } as const)
        : ({ outcome: 'refused', code: done.failure.code, sentence: done.failure.sentence } as const)
      try {
        entry = store.end(entry.id, told)
      } catch (error) {
        // It is on disk that it was given; what came of it is told here only.
        log.error({ err: error, control: entry }, 'What came of a command could not be written down.')
        entry = { ...entry, ...told }
      }
      log.warn({ control: entry }, `The operator: ${entry.action}. ${told.sentence}`)
      onChange()
      return succeed(entry)
    },
    newest: store.newest,
  }
}

const pauseOf = (entry: ControlEntry | undefined): ChainPause | null =>
  entry === undefined
    ? null
    : { since: new Date(entry.atMs).toISOString(), by: entry.by, reason: entry.reason }
