import type { ProtocolId } from '../domain/signal.ts'
import type { ErrorMeaning } from './revertExplanation.ts'

/**
 * Texts of Uniswap V2 (v2-core UniswapV2Pair.sol; v2-periphery UniswapV2Router02.sol, UniswapV2Library.sol,
 * TransferHelper.sol) by what follows `<contract>: `, because copies of it change only the name before the
 * colon. The executor sets no minimum on a single hop, so an output is insufficient only when it is nothing.
 */
export const V2_TEXTS: Readonly<Record<string, ErrorMeaning>> = {
  EXPIRED: { clause: 'the router found its deadline passed' },
  FORBIDDEN: { clause: 'the pair lets only its factory do this' },
  IDENTICAL_ADDRESSES: { clause: 'both tokens of the hop are the same' },
  INSUFFICIENT_AMOUNT: { clause: 'the amount to quote is zero' },
  INSUFFICIENT_INPUT_AMOUNT: {
    clause: 'nothing of the token given reached the pair',
    hint: 'Check what the token does with a transfer: it may keep all of the amount.',
  },
  INSUFFICIENT_LIQUIDITY: {
    clause: 'the pair holds too little of its tokens',
    hint: 'Trade a smaller amount or through another pair.',
  },
  INSUFFICIENT_OUTPUT_AMOUNT: {
    clause: 'so small an amount buys nothing',
    hint: 'Trade a larger amount.',
  },
  INVALID_PATH: { clause: 'the router takes no such path' },
  INVALID_TO: { clause: 'the pair cannot send to one of its own tokens' },
  K: {
    clause: 'less reached the pair than the router computed, as with a token that takes a fee on transfer',
    hint: 'If a token of the hop takes a fee on transfer, leave it out of routes.',
  },
  LOCKED: { clause: 'the pair is in the middle of another swap' },
  OVERFLOW: { clause: 'the pair cannot count so much of a token' },
  TRANSFER_FAILED: { clause: 'a token refused to be sent' },
  TRANSFER_FROM_FAILED: { clause: 'the token could not be taken from the executor' },
  ZERO_ADDRESS: { clause: 'a token of the hop is the zero address' },
}

/**
 * Texts of Uniswap V3 (v3-core UniswapV3Pool.sol, libraries/; v3-periphery SwapRouter.sol,
 * PeripheryValidation.sol, TransferHelper.sol).
 */
export const V3_TEXTS: Readonly<Record<string, ErrorMeaning>> = {
  AS: { clause: 'the amount to swap is zero' },
  IIA: {
    clause: 'less reached the pool than it asked for, as with a token that takes a fee on transfer',
    hint: 'If a token of the hop takes a fee on transfer, leave it out of routes.',
  },
  LOK: {
    clause: 'the pool is in the middle of another swap, or was never given a price',
    hint: 'Trade through another pool.',
  },
  SPL: { clause: 'the price of the pool stands at its limit: nothing is left to buy' },
  STF: { clause: 'the token could not be taken from the executor' },
  TF: { clause: 'a token refused to be sent' },
  'Too little received': { clause: 'the hop gave less than its minimum' },
  'Transaction too old': { clause: 'the router found its deadline passed' },
}

/** Arithmetic of Uniswap V2's libraries (ds-math). */
const DS_MATH = /^ds-math-(?:add-overflow|sub-underflow|mul-overflow)$/

/** What a venue's text means; null when it is not a known one and has to speak for itself. */
export function explainVenueText({
  protocol,
  text,
}: {
  protocol: ProtocolId
  text: string
}): ErrorMeaning | null {
  switch (protocol) {
    case 0: {
      const suffix = /^\w+: ([A-Z_]+)$/.exec(text)?.[1]
      const known = suffix === undefined ? undefined : V2_TEXTS[suffix]
      if (known !== undefined) return known
      return DS_MATH.test(text) ? { clause: 'the amount is beyond what the pair can compute' } : null
    }
    case 1:
      return Object.hasOwn(V3_TEXTS, text) ? (V3_TEXTS[text] as ErrorMeaning) : null
    case 2:
      return null
    default:
      return protocol satisfies never
  }
}
