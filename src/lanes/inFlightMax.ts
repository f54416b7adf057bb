import type { Hex } from '../domain/signal.ts'

/** What the code of an account begins with that delegates to a contract (EIP-7702). */
const DELEGATION = '0xef0100'

/**
 * How many transactions of an account may be in flight. Of a delegated account nodes hold only a few, mostly
 * one, and none with a gap before it, because the contract it delegates to can move its balance at any time
 * (`in-flight transaction limit reached for delegated accounts`, `gapped-nonce tx from delegated accounts`:
 * geth's and reth's mempools).
 *
 * @param options.code of the account at the newest block, `0x` when it has none
 * @param options.delegatedMax what the chain's nodes allow a delegated account
 */
export function inFlightMax({
  code,
  configured,
  delegatedMax,
}: {
  code: Hex
  configured: number
  delegatedMax: number
}): number {
  return code.toLowerCase().startsWith(DELEGATION) ? Math.min(configured, delegatedMax) : configured
}
