import { hash } from 'node:crypto'
import type { Signal } from '../domain/signal.ts'

/** Begins every hash of this version; those of the first one have no prefix. */
const VERSION = '2:'

/**
 * What of a signal is the trade, hashed, so that the same id with another trade is noticed: everything that
 * decides what may reach the chain and who may see it. How to answer (`wait`), what the sender believes
 * (`expected_profit`) and how long the signal is good (`valid_until`, `max_block`) are not: a repetition that
 * changes them is answered as the first one was. Taken over the normalised signal: two spellings of one trade
 * (checksummed or not, either path form) are one payload.
 */
export const payloadHash = (signal: Signal): string =>
  VERSION + digest(`${routeText(signal)};${signal.relay}`)

/**
 * Whether a signal is the trade that a journaled hash was made of. Hashes of the first version were made of
 * every field: an id of then goes on answering to the signal as it was sent, and only to that, since what it
 * left out cannot be told from them.
 */
export const isSamePayload = (signal: Signal, known: string): boolean =>
  known === (known.startsWith(VERSION) ? payloadHash(signal) : firstVersion(signal))

const firstVersion = (signal: Signal): string =>
  digest(
    `${routeText(signal)};${signal.validUntilMs};${signal.maxBlock};${signal.relay};${signal.wait};${signal.expectedProfitUsd}`,
  )

function routeText({ chainId, flashSource, loanToken, loanAmount, hops, minProfit }: Signal): string {
  const hopTexts = hops.map(
    ({ protocol, router, tokenIn, tokenOut, extra }) =>
      `${protocol},${router},${tokenIn},${tokenOut},${extra}`,
  )
  return `${chainId};${flashSource};${loanToken};${loanAmount};${hopTexts.join(';')};${minProfit}`
}

const digest = (text: string): string => hash('sha256', text, 'base64url')
