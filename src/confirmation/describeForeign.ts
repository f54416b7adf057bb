import type { Address, Hex } from '../domain/signal.ts'
import type { ForeignTransaction } from './findForeign.ts'

/**
 * What a foreign transaction did, to follow its hash in a sentence.
 *
 * @param options.readExecute reads a call of the executor's `execute`
 */
export function describeForeign({
  transaction: { to, input, valueWei, isAuthorisation },
  executor,
  readExecute,
}: {
  transaction: ForeignTransaction
  executor: Address
  readExecute: (
    input: Hex,
  ) => { readonly loanToken: Address; readonly loanAmount: bigint; readonly consumedId: Hex | null } | null
}): string {
  if (isAuthorisation) return 'with an EIP-7702 authorisation of the account'
  if (to === null) return 'which creates a contract'
  const trade = to === executor ? readExecute(input) : null
  if (trade !== null) {
    const { loanToken, loanAmount, consumedId } = trade
    const id = consumedId === null ? '' : ` for a signal_id with the SHA-256 ${consumedId}`
    return `a trade on the executor with a loan of ${loanAmount} base units of ${loanToken}${id}`
  }
  if (input === '0x') return `which sends ${valueWei} wei to ${to}`
  return `which calls ${input.slice(0, 10)} of ${to === executor ? 'the executor' : to}`
}
