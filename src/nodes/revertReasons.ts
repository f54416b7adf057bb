import type { FlashSource, Hex, Signal } from '../domain/signal.ts'
import type { NameAmount } from '../domain/tokenAmount.ts'
import { EXECUTOR_SELECTORS, HOP_FAILED } from './executorErrors.ts'
import { AAVE_CODES, LENDER_SELECTORS } from './lenderErrors.ts'
import { type RevertData, readBytes, readRevertData } from './revertData.ts'
import {
  type ErrorMeaning,
  explainFailed,
  type Finding,
  nameBaseUnits,
  nameHop,
  nameLoan,
  type RevertExplanation,
} from './revertExplanation.ts'
import { TOKEN_SELECTORS } from './tokenErrors.ts'
import { explainVenueText } from './venueErrors.ts'

/** Meanings of `Panic(uint256)`; docs.soliditylang.org, "Panic via assert and Error via require". */
const PANICS: Readonly<Record<string, string>> = {
  '1': 'an assertion that should always hold did not',
  '17': 'a number went above its largest or below zero',
  '18': 'a division by zero',
  '33': 'a value that is no member of its enum',
  '34': 'a wrongly encoded byte array in storage',
  '49': 'taking from an empty array',
  '50': 'an index beyond the end of an array',
  '65': 'more memory than there can be',
  '81': 'a call of a function that was never set',
}
/** A router may itself be an executor; wrappings beyond any honest depth are not followed. */
const UNWRAPS_MAX = 4
const TEXT_CHARS_MAX = 200

/**
 * Why an execution of this signal reverted, read from its revert data: what the executor says itself, or what
 * a router, pool, lender or token said to it. Names the hop where the data do. What no table knows is quoted,
 * never guessed at: `open` says what the chain may be asked about it (`revertInquiry.ts`).
 */
export function explainRevert({
  data,
  signal,
  nameAmount = nameBaseUnits,
}: {
  data: Hex
  signal: Signal
  nameAmount?: NameAmount
}): RevertExplanation {
  const revert = readRevertData(data)
  if (revert.kind !== 'custom') return explainLoan({ data, signal, nameAmount })
  const { selector, words } = revert
  if (selector === HOP_FAILED) return explainHop({ index: Number(words[0] ?? 0n), data, signal })
  const explain = EXECUTOR_SELECTORS.get(selector)
  return explain === undefined
    ? explainLoan({ data, signal, nameAmount })
    : explain({ words, signal, nameAmount })
}

/** An explanation with what the chain says besides. */
export function addFinding({
  explanation,
  finding: { isCause, clause, hint, facts },
}: {
  explanation: RevertExplanation
  finding: Finding
}): RevertExplanation {
  const said = explanation.sentence.slice(0, -1)
  const isSilent = said.endsWith(SILENCE)
  // What the data say stands; that the chain does not explain it is of use only where they say nothing.
  if (!isCause && !isSilent) return explanation
  const cause = isCause ? `${isSilent ? ':' : ';'} ${clause}` : `. Why is not known; ${clause}`
  return {
    ...explanation,
    sentence: `${said}${cause}.`,
    hint: hint ?? explanation.hint,
    ...(facts !== undefined && { facts: { ...explanation.facts, ...facts } }),
  }
}

const SILENCE = 'reverted without a reason'

/** A router's or pool's revert, passed on by the executor. */
function explainHop({
  index,
  data,
  signal,
}: {
  index: number
  data: Hex
  signal: Signal
}): RevertExplanation {
  const hop = signal.hops[index]
  const place = nameHop({ index, hop })
  const reason = unwrap(data)
  const revert = readRevertData(reason)
  const text = revert.kind === 'text' && hop !== undefined ? revert.text : null
  const known = text === null || hop === undefined ? null : explainVenueText({ protocol: hop.protocol, text })
  return explainFailed(...word({ place, data: reason, known }), index, revert.kind === 'empty' ? 'hop' : null)
}

/** Everything outside the hops: the lender, and the loan token's transfers and approvals. */
function explainLoan({
  data,
  signal,
  nameAmount,
}: {
  data: Hex
  signal: Signal
  nameAmount: NameAmount
}): RevertExplanation {
  const known = lenderMeaning(readRevertData(data), signal.flashSource)
  const said = word({ place: nameLoan(signal, nameAmount), data, known })
  return explainFailed(...said, null, known === null || known.open ? 'loan' : null)
}

/** What a lender means by its error; null when it is none of this lender's. */
function lenderMeaning(revert: RevertData, flashSource: FlashSource): ErrorMeaning | null {
  if (revert.kind === 'text' && flashSource === 2) return AAVE_CODES.get(revert.text) ?? null
  const lender = revert.kind === 'custom' ? LENDER_SELECTORS.get(revert.selector) : undefined
  return lender?.source === flashSource ? lender.meaning : null
}

/** The reason inside `HopFailed`, and inside that of an executor used as a router. */
function unwrap(data: Hex): Hex {
  let reason = data
  for (let depth = 0; depth < UNWRAPS_MAX && reason.startsWith(HOP_FAILED); depth++) {
    reason = readBytes({ data: reason, argument: 1 }) ?? '0x'
  }
  return reason
}

/** Sentence and hint for data that are not empty; `known` is their meaning where the place decides it. */
function word({
  place,
  data,
  known,
}: {
  place: string
  data: Hex
  known: ErrorMeaning | null
}): [string, string | null] {
  const say = (label: string, meaning: ErrorMeaning | null): [string, string | null] => [
    `${place} reverted with ${label}${meaning === null ? '' : `: ${meaning.clause}`}.`,
    meaning?.hint ?? null,
  ]
  const revert = readRevertData(data)
  switch (revert.kind) {
    case 'text':
      return say(JSON.stringify(revert.text.slice(0, TEXT_CHARS_MAX)), known)
    case 'panic': {
      const clause = PANICS[revert.code.toString()]
      return say(`panic 0x${revert.code.toString(16)}`, clause === undefined ? null : { clause })
    }
    case 'custom': {
      const lender = LENDER_SELECTORS.get(revert.selector)
      if (lender !== undefined) return say(lender.name, known)
      const token = TOKEN_SELECTORS.get(revert.selector)
      if (token !== undefined) return say(token.name, token.explain(revert.words))
      return [`${place} reverted with data ${revert.selector}… that no known error explains.`, null]
    }
    case 'other':
      return [`${place} reverted with data ${data.slice(0, 10)} that no known error explains.`, null]
    case 'empty':
      return [`${place} ${SILENCE}.`, null]
    default:
      return revert satisfies never
  }
}
