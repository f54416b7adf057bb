import type { Refusal } from '../../confirmation/nextStep.ts'
import { type ExecutionEvent, transition } from '../../domain/executionState.ts'
import type { Attempt, LiveExecution } from '../../domain/liveExecution.ts'
import type { Hex, Signal } from '../../domain/signal.ts'
import type { Slot } from '../../lanes/slot.ts'

/** An execution that can still change, as the engine holds it; its record is the journal's. */
export interface OpenExecution {
  readonly payloadHash: string
  record: LiveExecution
  /** Resolves when the newest change is on disk, or refused by it. */
  lastChange: Promise<void>
  /** The client was told `accepted` and is not waiting. */
  isPromised: boolean
  /** In the order of signing; all at one nonce. */
  attempts: readonly Attempt[]
  /** Null until something is signed. */
  slot: Slot | null
  /** Newest block when bytes last went out. */
  sentAtBlock: number
  /** Newest block when a reorg last brought it back; bumps count from there. */
  reopenedAtBlock: number
  sentAtMs: number
  /** Its bytes are on their way to the nodes, which have not all answered. */
  isSending: boolean
  /** A node has said to have the newest attempt. */
  taken: boolean
  /** What every node held against it when it was last sent. */
  refusal: Refusal
  /** Set while a client waits. */
  giveAnswer: (() => void) | null
}

/** Hashes of everything that may be in a block for this execution. */
export const hashesOf = ({ attempts }: OpenExecution): readonly Hex[] => attempts.map(({ hash }) => hash)

export function acceptedRecord(signal: Signal, nowMs: number): LiveExecution {
  return {
    signal,
    state: 'accepted',
    final: false,
    lane: null,
    nonce: null,
    simulation: null,
    valuation: null,
    failure: null,
    inclusion: null,
    realised: null,
    acceptedAtMs: nowMs,
    changedAtMs: nowMs,
  }
}

/**
 * The record after an event, by the one table of states. Throws on an event that cannot happen in this state: a record that contradicts the table
 * must never be written.
 */
export function changedRecord(
  record: LiveExecution,
  event: ExecutionEvent,
  change: Partial<LiveExecution> & { readonly changedAtMs: number },
): LiveExecution {
  const state = transition(record.state, event)
  if (state === null) throw new Error(`An execution that is ${record.state} cannot ${event}.`)
  return { ...record, ...change, state }
}
