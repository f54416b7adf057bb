import { getAddress } from 'ethers'
import type { FlashSource, Hop, ProtocolId, Signal } from '../domain/signal.ts'
import type { NameAmount } from '../domain/tokenAmount.ts'
import type { Facts } from '../errors/failure.ts'

/** Why an execution reverted, for a person, with what a program needs of it. */
export interface RevertExplanation {
  readonly sentence: string
  /** Zero-based hop that failed; null when it was none. */
  readonly hop: number | null
  /** What repayment lacked, base units of the loan token; null when that is not what failed. */
  readonly shortfall: bigint | null
  readonly hint: string | null
  readonly kind: 'unprofitable' | 'expired' | 'failed'
  /** Further numbers of the error, for programs; amounts as decimal strings. */
  readonly facts?: Facts
  /** What the data leave open and the chain may tell: the hop's venue, or the lender; null when nothing. */
  readonly open: 'hop' | 'loan' | null
}

/** What the chain says besides the revert data. */
export interface Finding {
  /** It explains the failure; otherwise it is only what is known although the failure is not explained. */
  readonly isCause: boolean
  /** The part of a sentence behind a colon, without full stop. */
  readonly clause: string
  readonly hint: string | null
  readonly facts?: Facts
}

/**
 * What an error means: the part of a sentence behind its name, without full stop, and what to do where that
 * can be said.
 */
export interface ErrorMeaning {
  readonly clause: string
  readonly hint?: string
  /** The chain can tell more. */
  readonly open?: true
}

export const LENDER_NAMES: Readonly<Record<FlashSource, string>> = {
  1: 'Balancer V3 vault',
  2: 'Aave V3 pool',
}

const VENUE_NAMES: Readonly<Record<ProtocolId, string>> = {
  0: 'Uniswap V2, router',
  1: 'Uniswap V3, router',
  2: 'Curve, pool',
}

/** An explanation of kind `failed`. */
export const explainFailed = (
  sentence: string,
  hint: string | null = null,
  hop: number | null = null,
  open: RevertExplanation['open'] = null,
): RevertExplanation => ({ sentence, hint, hop, shortfall: null, kind: 'failed', open })

/** How sentences begin that are about one hop, e.g. `Hop 1 (Uniswap V3, router 0xE592…)`. */
export function nameHop({ index, hop }: { index: number; hop: Hop | undefined }): string {
  return hop === undefined
    ? `Hop ${index}`
    : `Hop ${index} (${VENUE_NAMES[hop.protocol]} ${getAddress(hop.router)})`
}

/** Amounts where nothing is known of tokens. */
export const nameBaseUnits: NameAmount = (amount, token) => `${amount} base units of ${getAddress(token)}`

/** How sentences begin that are about everything but the hops. */
export const nameLoan = ({ flashSource, loanAmount, loanToken }: Signal, nameAmount: NameAmount): string =>
  `The flash loan of ${nameAmount(loanAmount, loanToken)} from the ${LENDER_NAMES[flashSource]}`

/** The address in the low 20 bytes of a word. */
export const wordAddress = (word: bigint): string =>
  getAddress(`0x${BigInt.asUintN(160, word).toString(16).padStart(40, '0')}`)
