import type { Address, FlashSource } from '../domain/signal.ts'
import type { ExecutorFacts } from './chainFacts.ts'
import { readContractCode } from './contractKind.ts'
import { executorVersion } from './executorCode.ts'
import { PAPER_CALLER, PAPER_EXECUTOR } from './paperAccounts.ts'
import type { ProbeReader } from './probeReader.ts'

// OmniArbExecutor.sol
const OWNER = '0x8da5cb5b'
const BALANCER_VAULT = '0x158274a5'
const AAVE_POOL = '0xa03e4bc3'

export type Lenders = Readonly<Record<FlashSource, Address | null>>

export interface ExecutorFound {
  readonly executor: ExecutorFacts
  /**
   * Lenders a deployed executor is configured with; null for an injected one, which gets those of the chain.
   */
  readonly configured: Lenders | null
}

/** The executor simulations will use; null when the contract at `address` is something else, by its code. */
export async function probeExecutor({
  read,
  address,
  notes,
}: {
  read: ProbeReader
  address: Address | null
  notes: string[]
}): Promise<ExecutorFound | null> {
  const code = address && (await read.code(address))
  if (address === null || code === null) {
    if (address !== null) {
      notes.push(`There is no code at the configured executor ${address}, so its code is injected instead.`)
    }
    const executor = { address: PAPER_EXECUTOR, deployed: false, caller: PAPER_CALLER }
    return { executor, configured: null }
  }
  const version = executorVersion(code)
  if (version === null) return null
  if (version === 'older') {
    notes.push(
      `The executor ${address} is of an older version, without a treasury; "titan deploy" makes the current one.`,
    )
  }
  const [caller, vault, pool] = await Promise.all([
    read.address(address, OWNER),
    read.address(address, BALANCER_VAULT),
    read.address(address, AAVE_POOL),
  ])
  return caller && { executor: { address, deployed: true, caller }, configured: { 1: vault, 2: pool } }
}

const NAMES = { 1: 'Balancer V3 vault', 2: 'Aave V3 pool' } as const

/**
 * What a lender of this kind answers, and neither another kind nor an earlier version of it: `getVaultExtension`
 * of IVaultMain.sol, `FLASHLOAN_PREMIUM_TO_PROTOCOL` of IPool.sol.
 */
const QUESTIONS = { 1: '0xb9a8effa', 2: '0x6a99c036' } as const

/**
 * The lender of a flash source, if there is one that answers as one; what is wrong with it, and what differs
 * from `known`, goes into `notes`.
 */
export async function probeLender({
  read,
  source,
  known,
  configured,
  notes,
}: {
  read: ProbeReader
  source: FlashSource
  known: Lenders
  configured: Lenders | null
  notes: string[]
}): Promise<Address | null> {
  const expected = known[source]
  const lender = configured ? configured[source] : expected
  const unusable = `so flash_source ${source} cannot be used`
  if (lender === null) {
    if (expected) notes.push(`The executor is configured with no ${NAMES[source]}, ${unusable}.`)
    return null
  }
  if ((await read.code(lender)) === null) {
    notes.push(`There is no code at the ${NAMES[source]} ${lender}, ${unusable}.`)
    return null
  }
  if ((await read.said(lender, QUESTIONS[source])).length === 0) {
    const [kind] = (await readContractCode(read, lender))?.kinds ?? []
    const is = kind === undefined ? '' : `: by its code it is ${kind.name}`
    notes.push(`The contract at ${lender} does not answer as the ${NAMES[source]}${is}, ${unusable}.`)
    return null
  }
  if (expected && lender !== expected) {
    notes.push(`The executor is configured with the ${NAMES[source]} ${lender}; this chain's is ${expected}.`)
  }
  return lender
}
