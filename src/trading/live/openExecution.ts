import type { Refusal } from '../../confirmation/nextStep.ts'
import type { Simulation, Valuation } from '../../domain/execution.ts'
import { type ExecutionEvent, transition } from '../../domain/executionState.ts'
import type { Attempt, FillerRecord, LiveExecution } from '../../domain/liveExecution.ts'
import type { Address, Hex, Signal } from '../../domain/signal.ts'
import type { Place } from '../../lanes/lane.ts'

/** What the journal keeps of an open execution: of a signal's trade, or of a filler. */
export type OpenRecord = LiveExecution | FillerRecord

/** An execution that can still change, as the engine holds it. */
export interface OpenExecution<Kind extends OpenRecord = OpenRecord> {
  /** Empty for a filler. */
  readonly payloadHash: string
  record: Kind
  /** Resolves when the newest change is on disk, or refused by it. */
  lastChange: Promise<void>
  /** Resolves when the newest replacement is on disk, or is not made. */
  lastReplacement: Promise<void>
  /** It is on disk as accepted: the client was promised that it is tried. */
  isPromised: boolean
  /** In the order of signing; all at one nonce. */
  attempts: readonly Attempt[]
  /** Null until something is signed, and where the key of its lane is not configured any more. */
  place: Place | null
  sending: Sending
  worth: Worth
  /** The head at which every count was first above its nonce; null while one is not. */
  passedAtBlock: number | null
  /** When nodes were last asked about it, though blocks that were seen do not hold it. */
  askedAtMs: number
  /** The head at which no limit left room for a replacement; null before. */
  keptAtHead: number | null
  /** What was said of its newest attempt: at every head it would be the same. */
  readonly warned: Set<string>
  /** Set while a client waits. */
  giveAnswer: (() => void) | null
}

/** How the newest attempt was last sent. */
export interface Sending {
  /** Newest block when bytes last went out; bumps count from the newest of signing and `reopenedAtBlock`. */
  atBlock: number
  /** Of the clock that never jumps. */
  atMs: number
  signedAtMs: number
  /** Newest block when a reorg last brought it back. */
  reopenedAtBlock: number
  /** The attempt that was handed out last, until the nodes have all answered. */
  underway: Hex | null
  /** A node has said to have it. */
  taken: boolean
  /** What every node held against it. */
  refusal: Refusal
  /** A node has said that its nonce is taken, or used up. */
  contested: boolean
}

/** What simulations of a pending trade have said, each on a block above the one it was signed on. */
export interface Worth {
  /** The head at the newest of them; null before the first. */
  simulatedAtHead: number | null
  pays: boolean | null
  /** Different blocks in a row on which it did not pay. */
  unpayingBlocks: ReadonlySet<number>
  /** What bounds a higher fee; null unless it pays. */
  evaluation: { readonly simulation: Simulation; readonly valuation: Valuation } | null
}

export const UNKNOWN_WORTH: Worth = {
  simulatedAtHead: null,
  pays: null,
  unpayingBlocks: new Set(),
  evaluation: null,
}

/** The trade of a signal, and no filler. */
export const isTrade = (execution: OpenExecution): execution is OpenExecution<LiveExecution> =>
  execution.record.signal !== null

/** The signal's id; a filler is named by its nonce. */
export const idOf = ({ signal, lane, nonce }: OpenRecord): string =>
  signal === null ? fillerId({ lane, nonce: nonce as number }) : signal.signalId

/** No signal_id begins with a space. */
export const fillerId = ({ lane, nonce }: { lane: Address | null; nonce: number }): string =>
  ` filler ${nonce} ${lane}`

/**
 * What counts from a block above the head counts from the head: an endpoint told one too high, or the chain
 * went back. Else nothing more is done for the execution until the chain has come to that block.
 */
export function countFromHead(execution: OpenExecution, head: number): void {
  const { sending, attempts, passedAtBlock } = execution
  if (attempts.some(({ signedAtBlock }) => signedAtBlock > head))
    execution.attempts = attempts.map((attempt) => ({
      ...attempt,
      signedAtBlock: Math.min(attempt.signedAtBlock, head),
    }))
  sending.atBlock = Math.min(sending.atBlock, head)
  sending.reopenedAtBlock = Math.min(sending.reopenedAtBlock, head)
  if (passedAtBlock !== null) execution.passedAtBlock = Math.min(passedAtBlock, head)
}

/** Hashes of everything that may be in a block for this execution. */
export const hashesOf = ({ attempts }: Pick<OpenExecution, 'attempts'>): readonly Hex[] =>
  attempts.map(({ hash }) => hash)

/** As the engine holds it from the beginning, or from a restart on. */
export function openExecution<Kind extends OpenRecord>({
  record,
  payloadHash,
  head,
  elapsedMs,
  attempts = [],
  place = null,
  isPromised = false,
}: {
  record: Kind
  payloadHash: string
  head: number
  elapsedMs: number
  attempts?: readonly Attempt[]
  place?: Place | null
  isPromised?: boolean
}): OpenExecution<Kind> {
  return {
    payloadHash,
    record,
    lastChange: Promise.resolve(),
    lastReplacement: Promise.resolve(),
    isPromised,
    attempts,
    place,
    sending: {
      atBlock: head,
      atMs: elapsedMs,
      signedAtMs: elapsedMs,
      reopenedAtBlock: 0,
      underway: null,
      taken: false,
      refusal: 'none',
      contested: false,
    },
    worth: UNKNOWN_WORTH,
    passedAtBlock: null,
    askedAtMs: elapsedMs,
    keptAtHead: null,
    warned: new Set(),
    giveAnswer: null,
  }
}

export const acceptedRecord = (signal: Signal, nowMs: number): LiveExecution => ({
  ...EMPTY_RECORD,
  signal,
  state: 'accepted',
  lane: null,
  nonce: null,
  acceptedAtMs: nowMs,
  changedAtMs: nowMs,
})

export const fillerRecord = (place: { lane: Address; nonce: number }, nowMs: number): FillerRecord => ({
  ...EMPTY_RECORD,
  ...place,
  signal: null,
  state: 'signed',
  acceptedAtMs: nowMs,
  changedAtMs: nowMs,
})

const EMPTY_RECORD = {
  final: false,
  simulation: null,
  valuation: null,
  failure: null,
  inclusion: null,
  realised: null,
} as const

/**
 * The record after an event, by the one table of states. Throws on an event that cannot happen in this state:
 * a record that contradicts the table must never be written.
 */
export function changedRecord<Kind extends OpenRecord>(
  record: Kind,
  event: ExecutionEvent,
  change: Partial<Omit<OpenRecord, 'signal'>> & { readonly changedAtMs: number },
): Kind {
  const state = transition(record.state, event)
  if (state === null) throw new Error(`An execution that is ${record.state} cannot ${event}.`)
  return { ...record, ...change, state }
}
