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
  /** Transactions of our accounts in a block that no journal has, or has only signed after the block. */
  readonly unjournaled: number
  /** Final outcomes, and outcomes told earlier, that the chain contradicts. */
  readonly falseOutcomes: number
  /** A sentence for each of them. */
  readonly findings: readonly string[]
}

/** The record `GET /trades/{id}` gives at the end; null when there is none. */
export type FinalRecord = Readonly<Record<string, unknown>> | null

/** anvil's clock counts whole seconds and may lead by one. */
const CLOCK_SLACK_MS = 2_000

/** The word of the calldata by which the executor knows a signal. */
export const signalWordOf = (signalId: string): string =>
  `0x${createHash('sha256').update(signalId).digest('hex')}`

/** Holds what the server said against what the chain and the journals say. */
export function audit({
  sent,
  records,
  transactions,
  rests,
  attempts,
  clockSlackMs = CLOCK_SLACK_MS,
}: {
  sent: readonly StreamedSignal[]
  /** By signal_id. */
  records: ReadonlyMap<string, FinalRecord>
  transactions: readonly MinedTransaction[]
  rests: readonly LaneRest[]
  attempts: readonly JournaledAttempt[]
  /** How far a block's clock may lag behind ours. */
  clockSlackMs?: number
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
  }
  const find = (count: keyof typeof counts, sentence: string, times = 1) => {
    counts[count] += times
    findings.push(`${count}: ${sentence}`)
  }
  const bySignal = Map.groupBy(transactions, ({ signalWord }) => signalWord)
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

    const wrong = record === null ? null : contradiction(record, mined, byHash)
    if (wrong !== null) find('falseOutcomes', `${id}: ${wrong}`)
    for (const { body } of answers.filter(isTaken))
      if (ENDED.has(String(body.status)) && record !== null && body.status !== record.status)
        find('falseOutcomes', `${id} was told ${body.status} and is ${record.status}.`)
  }

  const journaled = new Map(attempts.map((attempt) => [`${attempt.chainId} ${attempt.hash}`, attempt]))
  for (const { chainId, hash, lane, nonce, timestamp } of transactions) {
    const attempt = journaled.get(`${chainId} ${hash}`)
    if (attempt === undefined) find('unjournaled', `${hash} (nonce ${nonce} of ${lane}) is in no journal.`)
    else if (attempt.signedAtMs > timestamp * 1_000 + clockSlackMs)
      find('unjournaled', `${hash} was journaled after its block.`)
  }
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

/** True when the server answered for a signal instead of refusing it: any later outcome is owed. */
const isTaken = ({ httpStatus, body }: StreamedSignal['answers'][number]): boolean =>
  httpStatus < 300 && body.retryable !== true && typeof body.status === 'string'

const ENDED = new Set(['included', 'reverted', 'cancelled', 'displaced', 'denied', 'expired'])

/** What the chain says against a record; null when they agree. */
function contradiction(
  record: Readonly<Record<string, unknown>>,
  mined: readonly MinedTransaction[],
  byHash: ReadonlyMap<string, MinedTransaction>,
): string | null {
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
      return null
    }
    case 'cancelled':
      if (mined.length > 0) return `cancelled, but it is in block ${mined[0]?.block}.`
      return named === undefined || named.signalWord !== null
        ? `cancelled by ${record.txHash}, which is no empty transaction of ours.`
        : null
    case 'displaced':
    case 'denied':
    case 'expired':
      return mined.length > 0 ? `${record.status}, but it is in block ${mined[0]?.block}.` : null
    default:
      return mined.length > 0 ? `${record.status}, but it is in block ${mined[0]?.block}.` : null
  }
}
