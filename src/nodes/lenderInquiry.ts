import type { Address, Signal } from '../domain/signal.ts'
import type { NameAmount } from '../domain/tokenAmount.ts'
import { type BlockReader, callData } from './blockReader.ts'
import { type Finding, LENDER_NAMES } from './revertExplanation.ts'

const BALANCE_OF = '0x70a08231'
/** IVaultExtension.sol, which the vault answers for; what the vault counts as its own of a token. */
const GET_RESERVES_OF = '0x96787092'
/** IPool.sol; the ninth word names the contract that holds the token. */
const GET_RESERVE_DATA = '0x35ea6a75'
const A_TOKEN_WORD = 8

/**
 * What a lender has of the loan token, held against what is asked of it; null when it does not tell. At most
 * two reads. Rejects with `NotRead`.
 */
export async function inquireLender({
  read,
  lender,
  signal: { flashSource, loanToken, loanAmount },
  nameAmount,
}: {
  read: BlockReader
  lender: Address
  signal: Signal
  nameAmount: NameAmount
}): Promise<Finding | null> {
  const name = LENDER_NAMES[flashSource]
  let has: bigint | undefined
  if (flashSource === 1) {
    has = (await read.words(lender, callData(GET_RESERVES_OF, loanToken)))[0]
  } else {
    const holder = (await read.words(lender, callData(GET_RESERVE_DATA, loanToken)))[A_TOKEN_WORD]
    if (holder === undefined) return null
    if (holder === 0n) {
      const clause = `the ${name} does not list this token`
      return { isCause: true, clause, hint: 'Borrow a token it lists, or use another flash source.' }
    }
    has = (await read.words(loanToken, callData(BALANCE_OF, asAddress(holder))))[0]
  }
  if (has === undefined) return null
  const facts = { lender_has: has.toString(), loan: loanAmount.toString() }
  if (loanAmount <= has) {
    const clause = `the ${name} has ${nameAmount(has, loanToken)}, which is enough for the loan`
    return { isCause: false, clause, hint: null, facts }
  }
  const hint = 'Borrow less, or from another flash source.'
  return { isCause: true, clause: `the ${name} has only ${nameAmount(has, loanToken)}`, hint, facts }
}

const asAddress = (word: bigint): Address => `0x${BigInt.asUintN(160, word).toString(16).padStart(40, '0')}`
