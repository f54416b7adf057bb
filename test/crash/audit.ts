import { createHash } from 'node:crypto'
import type { LaneRest, MinedTransaction } from './readChain.ts'
import type { JournaledAttempt } from './readJournal.ts'
import type { StreamedSignal } from './signalStream.ts'

/** What is wrong after a run; all zero when nothing is. */
export interface Audit {
  readonly signals: number
  /** Signals the server has taken responsibility for: an answer of theirs was not a refusal. */
  readonly accepted: number
  /** Signals with an effect on chain. */
  readonly landed: number
  /** Trades that reverted in a block. */
  readonly reverted: number
  /** Signals with more than one effect, or in blocks at more than one nonce. */
  readonly duplicates: number
  /** Accepted signals without a final outcome, and effects of signals that were never accepted. */
  readonly lost: number
  /** Nonces that were handed out and are in no block, and transactions still in the mempool. */
  readonly permanentGaps: number
  /** Transactions that left before their record was on disk, and those in a block that no journal has. */
  readonly unjournaled: number
  /** Final outcomes, and outcomes told earlier, that the chain contradicts. */
  readonly falseOutcomes: number
  /**
   * Signals that were answered 202 and then not tried until their own reasons ended them, or not found under
   * their id.
   */
  readonly brokenPromises: number
  /** Events that are missing, told twice or told differently by WebSocket, `GET /events` and the records. */
  readonly eventHoles: number
  /** Sums of `GET /stats` that the chain contradicts. */
  readonly totalsWrong: number
  /** A sentence for each of them. */
  readonly findings: readonly string[]
}

/** The record `GET /trades/{id}` gives at the end; null when there is none. */
export type FinalRecord = Readonly<Record<string, unknown>> | null

/**
 * Why a trade that was promised may end without having been tried in a block: reasons of its own. A node, a
 * disk, a busy or stopped server are none: the promise is kept when they are well again.
 */
const OWN_REASONS = new Set([
  'SIMULATION_FAILED',
  'UNPROFITABLE',
  'UNPRICED',
  'FEE_LIMIT',
  'EXPIRED',
  'OPPORTUNITY_TAKEN',
  'INSUFFICIENT_FUNDS',
])

/** The word of the calldata by which the executor knows a signal. */
export const signalWordOf = (signalId: string): string =>
  `0x${createHash('sha256').update(signalId).digest('hex')}`

/**
 * The devnet's oracle: the loan token is worth a dollar, the coin three thousand; gain and cost are rounded
 * to 1e-8 USD.
 */
export const netUsd = ({ profit, gasCostWei }: MinedTransaction): number =>
  Number(profit ?? 0n) / 1e6 - (Number(gasCostWei) / 1e18) * 3_000
const ROUNDING_USD = 2e-8

/** Holds what the server said against what the chain and the journals say. */
export function audit({
  sent,
  records,
  transactions,
  rests,
  attempts,
  foreign = new Set(),
  reorgs = 0,
  early = [],
  eventFindings = [],
  totalFindings = [],
}: {
  sent: readonly StreamedSignal[]
  /** By signal_id. */
  records: ReadonlyMap<string, FinalRecord>
  transactions: readonly MinedTransaction[]
  rests: readonly LaneRest[]
  attempts: readonly JournaledAttempt[]
  /** Hashes of what the run itself sent from an account of the server. */
  foreign?: ReadonlySet<string>
  /** How many there were: an outcome that was not final may change by one. */
  reorgs?: number
  /** Hashes of bytes that came to an endpoint before their record was on disk. */
  early?: readonly string[]
  eventFindings?: readonly string[]
  totalFindings?: readonly string[]
}): Audit {
  const findings: string[] = []
  const counts = {
    accepted: 0,
    landed: 0,
    reverted: 0,
    duplicates: 0,
    lost: 0,
    permanentGaps: 0,
    unjournaled: 0,
    falseOutcomes: 0,
    brokenPromises: 0,
    eventHoles: 0,
    totalsWrong: 0,
  }
  const find = (count: keyof typeof counts, sentence: string, times = 1) => {
    counts[count] += times
    findings.push(`${count}: ${sentence}`)
  }
  const ours = transactions.filter(({ hash }) => !foreign.has(hash))
  const bySignal = Map.groupBy(ours, ({ signalWord }) => signalWord)
  const byHash = new Map(transactions.map((transaction) => [transaction.hash as string, transaction]))

  for (const { signal, answers } of sent) {
    const id = signal.signal_id
    const mined = bySignal.get(signalWordOf(id) as MinedTransaction['signalWord']) ?? []
    const effects = mined.filter(({ profit }) => profit !== null)
    const nonces = new Set(mined.map(({ lane, nonce }) => `${lane} ${nonce}`))
    if (effects.length > 1) find('duplicates', `${id} took effect ${effects.length} times.`)
    else if (nonces.size > 1) find('duplicates', `${id} is in blocks at ${nonces.size} nonces.`)
    if (effects.length > 0) counts.landed++
    counts.reverted += mined.filter(({ succeeded }) => !succeeded).length

    const taken = answers.some(isTaken)
    if (taken) counts.accepted++
    const record = records.get(id) ?? null
    if (taken && record === null) find('lost', `${id} was accepted and has no record.`)
    else if (taken && record?.final !== true) find('lost', `${id} ended as ${record?.status}, not final.`)
    if (!taken && mined.length > 0) find('lost', `${id} is on chain and was never accepted.`)

    const wrong = record === null ? null : contradiction({ record, mined, byHash, transactions, foreign })
    if (wrong !== null) find('falseOutcomes', `${id}: ${wrong}`)
    if (record !== null)
      for (const { body } of answers.filter(isTaken))
        if (!mayBecome(body, record, reorgs))
          find('falseOutcomes', `${id} was told ${body.status} and is ${record.status}.`)

    const promise = answers.some(isPromise) ? brokenPromise(answers, record) : null
    if (promise !== null) find('brokenPromises', `${id}: ${promise}`)
  }

  const journaled = new Set(attempts.map(({ chainId, hash }) => `${chainId} ${hash}`))
  for (const { chainId, hash, lane, nonce } of ours)
    if (!journaled.has(`${chainId} ${hash}`))
      find('unjournaled', `${hash} (nonce ${nonce} of ${lane}) is in no journal.`)
  for (const hash of new Set(early)) find('unjournaled', `${hash} left before its record was on disk.`)
  for (const sentence of eventFindings) find('eventHoles', sentence)
  for (const sentence of totalFindings) find('totalsWrong', sentence)
  for (const { chainId, lane, minedCount, waiting } of rests) {
    const above = new Set(
      attempts
        .filter((each) => each.chainId === chainId && each.lane === lane && each.nonce >= minedCount)
        .map(({ nonce }) => nonce),
    )
    if (above.size > 0)
      find('permanentGaps', `${lane} on ${chainId} stays at ${minedCount} below ${[...above]}.`, above.size)
    else if (waiting > 0)
      find('permanentGaps', `${waiting} transactions of ${lane} on ${chainId} wait forever.`, waiting)
  }
  return { signals: sent.length, ...counts, findings }
}

/**
 * Whether the server answered for a signal instead of refusing it: then its outcome is owed. A refusal's
 * status is a number.
 */
const isTaken = ({ body }: StreamedSignal['answers'][number]): boolean => typeof body.status === 'string'

const isPromise = ({ httpStatus }: StreamedSignal['answers'][number]): boolean => httpStatus === 202

/** What a signal that was answered 202 is owed and did not get; null when it got it. */
function brokenPromise(answers: StreamedSignal['answers'], record: FinalRecord): string | null {
  if (answers.some(({ isFound }) => isFound === false))
    return 'answered 202, and then not found under its id.'
  if (record === null) return null // lost
  if (record.retryable === true) return `answered 202, and ended with ${record.code}, said to be retryable.`
  if (record.status !== 'denied' && record.status !== 'expired') return null
  if (OWN_REASONS.has(String(record.code))) return null
  return `answered 202, and ${record.status} with ${record.code}, which is no reason of its own.`
}

const IN_A_BLOCK = new Set(['included', 'reverted', 'cancelled', 'displaced'])
const NEVER_SENT = new Set(['denied', 'expired'])

/**
 * Whether what was told can have become what is: only a reorg changes what was in a block, and nothing what
 * is final or never left.
 */
function mayBecome(
  told: Readonly<Record<string, unknown>>,
  record: Readonly<Record<string, unknown>>,
  reorgs: number,
): boolean {
  const [before, after] = [String(told.status), String(record.status)]
  if (told.final === true || NEVER_SENT.has(before)) return before === after
  if (!IN_A_BLOCK.has(before)) return true
  return reorgs > 0 ? IN_A_BLOCK.has(after) : before === after
}

/** What the chain says against a record; null when they agree. */
function contradiction({
  record,
  mined,
  byHash,
  transactions,
  foreign,
}: {
  record: Readonly<Record<string, unknown>>
  mined: readonly MinedTransaction[]
  byHash: ReadonlyMap<string, MinedTransaction>
  transactions: readonly MinedTransaction[]
  foreign: ReadonlySet<string>
}): string | null {
  const named = byHash.get(String(record.txHash))
  switch (record.status) {
    case 'included':
    case 'reverted': {
      const succeeded = record.status === 'included'
      const actual = mined.find(({ hash }) => hash === record.txHash)
      if (actual === undefined)
        return `${record.status} by ${record.txHash}, which is no trade of it in any block.`
      if (actual.succeeded !== succeeded) return `${record.status}, but ${actual.hash} says otherwise.`
      if (record.block !== actual.block) return `in block ${record.block}, but it is ${actual.block}.`
      if (String(record.profit) !== String(actual.profit ?? 0n))
        return `a profit of ${record.profit}, but the log says ${actual.profit}.`
      if (String(record.gas_cost_wei) !== String(actual.gasCostWei))
        return `gas of ${record.gas_cost_wei} wei, but the receipt says ${actual.gasCostWei}.`
      const net = netUsd(actual)
      if (typeof record.net_profit_usd !== 'number' || Math.abs(record.net_profit_usd - net) > ROUNDING_USD)
        return `a net profit of ${record.net_profit_usd} USD, but it is ${net}.`
      return null
    }
    case 'cancelled':
      if (mined.length > 0) return `cancelled, but it is in block ${mined[0]?.block}.`
      return named === undefined || named.signalWord !== null
        ? `cancelled by ${record.txHash}, which is no empty transaction of ours.`
        : null
    case 'displaced': {
      if (mined.length > 0) return `displaced, but it is in block ${mined[0]?.block}.`
      const place = transactions.find(
        ({ chainId, lane, nonce }) =>
          chainId === record.chainId && lane === String(record.lane).toLowerCase() && nonce === record.nonce,
      )
      if (place === undefined) return `displaced, but its nonce ${record.nonce} is in no block.`
      return foreign.has(place.hash) ? null : `displaced, but ${place.hash} at its nonce is not foreign.`
    }
    case 'denied':
    case 'expired':
      return mined.length > 0 ? `${record.status}, but it is in block ${mined[0]?.block}.` : null
    default:
      return mined.length > 0 ? `${record.status}, but it is in block ${mined[0]?.block}.` : null
  }
}
