import type { Hex } from '../domain/signal.ts'
import { type Failure, failure } from '../errors/failure.ts'
import type { Outgoing, SendEndpoint } from './sendTransport.ts'
import { describeVerdict, type Meaning, meaningOf, type Verdict } from './verdict.ts'

/**
 * What became of one sending. It speaks of this sending only: the same bytes may have been taken at an
 * earlier one.
 */
export type BroadcastOutcome =
  /** An endpoint has these bytes. Not yet that they will be included. */
  | { readonly status: 'accepted'; readonly hash: Hex }
  /** Every endpoint certainly did not take them: the nonce can be released if they were never sent before. */
  | { readonly status: 'refused'; readonly failure: Failure; readonly verdicts: readonly Verdict[] }
  /**
   * Nobody said to have them, and to someone the nonce is held by another transaction, or is mined: by one of
   * ours, by this one, or by a foreign one. The nonce stays reserved and the chain must be asked.
   */
  | { readonly status: 'contested'; readonly failure: Failure; readonly verdicts: readonly Verdict[] }
  /** They may have been taken: the nonce stays reserved, and the same bytes may be sent again. */
  | { readonly status: 'unknown'; readonly failure: Failure; readonly verdicts: readonly Verdict[] }

/** One endpoint's verdict as it came in. */
export interface VerdictReport {
  readonly hash: Hex
  readonly verdict: Verdict
  /** It disagrees with an earlier verdict on the same sending, or names another hash than ours. */
  readonly contradicts: boolean
}

export interface Broadcast {
  /**
   * Sends to every endpoint at once and answers at the first acceptance, else when all have answered. Never
   * rejects and never sends again by itself.
   *
   * @param request.through some of the endpoints; all when absent
   */
  send(request: {
    raw: Hex
    hash: Hex
    targetBlock?: number | null
    through?: readonly SendEndpoint[]
  }): Promise<BroadcastOutcome>
  close(): Promise<void>
}

/**
 * Hands signed bytes to nodes or relays. The hash is computed by the caller and an endpoint's answer is held
 * against it.
 *
 * @param options.onVerdict called for every verdict, also those that come after the answer
 */
export function createBroadcast({
  endpoints,
  onVerdict = () => {},
}: {
  endpoints: readonly SendEndpoint[]
  onVerdict?: (report: VerdictReport) => void
}): Broadcast {
  function sendThrough(outgoing: Outgoing, through: readonly SendEndpoint[]): Promise<BroadcastOutcome> {
    const { hash } = outgoing
    if (through.length === 0) return Promise.resolve(NOWHERE)
    return new Promise((resolve) => {
      const verdicts: Verdict[] = []
      function receive(verdict: Verdict): void {
        const contradicts = disagrees(verdict, verdicts)
        verdicts.push(verdict)
        if (meaningOf(verdict) === 'taken') resolve({ status: 'accepted', hash })
        else if (verdicts.length === through.length) resolve(withoutAcceptance(verdicts))
        onVerdict({ hash, verdict, contradicts })
      }
      for (const endpoint of through) void endpoint.send(outgoing).then(receive)
    })
  }

  return {
    async send({ raw, hash, targetBlock = null, through = endpoints }) {
      return sendThrough({ raw, hash, targetBlock }, through)
    },
    async close() {
      await Promise.all(endpoints.map((endpoint) => endpoint.close()))
    },
  }
}

/** Certainly not sent: it may go out later. */
const NOWHERE: BroadcastOutcome = {
  status: 'refused',
  failure: failure('NODE_UNAVAILABLE', 'No endpoint serves this chain: the transaction was sent to none.'),
  verdicts: [],
}

/**
 * A refusal beside an acceptance is a disagreement, whichever came first. "nonce too low" is not: the
 * transaction may have been mined in between. Nor is silence.
 */
function disagrees(verdict: Verdict, earlier: readonly Verdict[]): boolean {
  if (verdict.class === 'foreign_hash') return true
  if (meaningOf(verdict) === 'taken') return earlier.some(isRefusal)
  return isRefusal(verdict) && earlier.some((other) => meaningOf(other) === 'taken')
}
const isRefusal = (verdict: Verdict) =>
  verdict.class === 'replacement_underpriced' ||
  (meaningOf(verdict) === 'not_taken' && verdict.class !== 'unreachable')

/**
 * All verdicts are in and none is an acceptance. One unknown is enough to keep the nonce; a contested nonce
 * says more.
 */
function withoutAcceptance(verdicts: readonly Verdict[]): BroadcastOutcome {
  const has = (meaning: Meaning) => verdicts.some((verdict) => meaningOf(verdict) === meaning)
  const facts = { verdicts: verdicts.map(describeVerdict) }
  if (has('contested')) {
    const sentence =
      'The nonce is held by another transaction, or is mined already; the chain is asked which one it was.'
    return { status: 'contested', failure: failure('NONCE_CONTESTED', sentence, facts), verdicts }
  }
  if (has('unknown')) {
    const sentence = 'No endpoint confirmed the transaction and at least one may have taken it.'
    return { status: 'unknown', failure: failure('SEND_UNKNOWN', sentence, facts), verdicts }
  }
  const said = verdicts.map(describeVerdict).join('; ')
  if (verdicts.every((verdict) => verdict.class === 'unreachable')) {
    const sentence = `No endpoint could be reached to send the transaction: ${said}.`
    return { status: 'refused', failure: failure('NODE_UNAVAILABLE', sentence, facts), verdicts }
  }
  const code = verdicts.some((verdict) => verdict.class === 'insufficient_funds')
    ? 'INSUFFICIENT_FUNDS'
    : 'SEND_REFUSED'
  const sentence = `The transaction was refused before it was sent on: ${said}.`
  return { status: 'refused', failure: failure(code, sentence, facts), verdicts }
}
