import { getAddress, Interface } from 'ethers'
import artifact from '../../contracts/artifacts/OmniArbExecutor.json' with { type: 'json' }
import type { Hex } from '../domain/signal.ts'

const abi = new Interface(artifact.abi)

/** Clauses for the errors that setting up and sweeping can end in; the others are told by their names. */
const MEANINGS: Readonly<Record<string, string>> = {
  OwnableUnauthorizedAccount: 'only the owner may do this, and the owner is another account',
  NotAuthorized: 'only the owner and the lanes may do this',
  TreasuryMissing: 'the owner has named no treasury',
  WithdrawFailed: 'the recipient takes no coins',
  SafeERC20FailedOperation: 'the token refused the transfer',
  Busy: 'one of its trades is still running',
}

/** The executor's own error in words, a clause; null for data that are none of its errors. */
export function explainSetupRevert(data: Hex): string | null {
  let error: ReturnType<Interface['parseError']>
  try {
    error = abi.parseError(data)
  } catch {
    // A selector of ours with arguments that are not.
    return null
  }
  if (error === null || !artifact.abi.some(({ type, name }) => type === 'error' && name === error.name))
    return null
  const values = error.fragment.inputs.map(({ type }, index) =>
    type === 'address' ? getAddress(error.args[index]) : String(error.args[index]),
  )
  const meaning = MEANINGS[error.name]
  return `${error.name}(${values.join(', ')})${meaning === undefined ? '' : `: ${meaning}`}`
}
