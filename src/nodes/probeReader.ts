import type { Address, Hex } from '../domain/signal.ts'
import { type Failure, failure } from '../errors/failure.ts'
import { readNodeError } from './nodeErrors.ts'
import type { JsonRpc, RpcOutcome } from './rpc.ts'

/**
 * Pauses before a read that found no node is made again, while others are answered: one call of a hundred may
 * fail anywhere.
 */
const RETRY_MS: readonly number[] = [200, 500]

/**
 * Reads for the probe. What is not there reads as null; what could not be learnt reads as null too and leaves
 * its reason in `failure`, to be looked at after each step: "not there" is only true while it is null.
 */
export interface ProbeReader {
  readonly failure: Failure | null
  /** Any method's result. */
  result(method: string, params: readonly unknown[]): Promise<unknown>
  /** Null for an account without code. */
  code(address: Address): Promise<Hex | null>
  /** The words of an `eth_call`'s answer; empty when it reverted or there is nothing. */
  words(to: Address, data: Hex): Promise<readonly bigint[]>
  /** The answer's only word as an address; null when zero or missing. */
  address(to: Address, data: Hex): Promise<Address | null>
  /**
   * The same of a contract that must answer where it exists: null is true only when it has no code, or says
   * zero.
   */
  named(contract: Address, data: Hex, what: string): Promise<Address | null>
  /** The words of an `eth_call`'s answer, where only a revert counts as none: any other error is a miss. */
  said(to: Address, data: Hex): Promise<readonly bigint[]>
  /** The address that stands in a storage slot; null when zero. */
  storedAddress(account: Address, slot: Hex): Promise<Address | null>
  /** Something that must be known was not learnt. */
  miss(reason: Failure): void
}

export function createProbeReader(rpc: Pick<JsonRpc, 'call'>): ProbeReader {
  let problem: Failure | null = null
  /** A node has answered something. */
  let isAnswered = false

  async function ask(method: string, params: readonly unknown[]): Promise<RpcOutcome> {
    let outcome = await rpc.call(method, params)
    for (const pauseMs of RETRY_MS) {
      if (outcome.ok || outcome.kind === 'rpc') break
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      if (!isAnswered) break
      outcome = await rpc.call(method, params)
    }
    if (outcome.ok || outcome.kind === 'rpc') isAnswered = true
    if (!outcome.ok && outcome.kind === 'transport') problem ??= outcome.failure
    return outcome
  }
  async function result(method: string, params: readonly unknown[]): Promise<unknown> {
    const outcome = await ask(method, params)
    return outcome.ok ? outcome.result : null
  }
  const miss = (reason: Failure): void => {
    problem ??= reason
  }
  const words = async (to: Address, data: Hex) =>
    readWords(await result('eth_call', [{ to, data }, 'latest']))

  async function code(address: Address): Promise<Hex | null> {
    const told = await result('eth_getCode', [address, 'latest'])
    return typeof told === 'string' && told.length > 2 ? (told.toLowerCase() as Hex) : null
  }

  return {
    get failure() {
      return problem
    },
    result,
    miss,
    code,
    words,
    async said(to, data) {
      const outcome = await ask('eth_call', [{ to, data }, 'latest'])
      if (outcome.ok) return readWords(outcome.result)
      if (outcome.kind === 'rpc' && readNodeError(outcome.error).kind !== 'execution')
        miss(failure('NODE_UNAVAILABLE', `The contract ${to} could not be asked: ${outcome.error.message}.`))
      return []
    },
    async storedAddress(account, slot) {
      const [word] = readWords(await result('eth_getStorageAt', [account, slot, 'latest']))
      return word ? addressOf(word) : null
    },
    async address(to, data) {
      const [word] = await words(to, data)
      return word ? addressOf(word) : null
    },
    async named(contract, data, what) {
      const [word] = await words(contract, data)
      if (word === 0n) return null
      const address = word === undefined ? null : addressOf(word)
      if (address === null && (await code(contract)) !== null)
        miss(failure('NODE_UNAVAILABLE', `The contract ${contract} does not tell ${what}.`))
      return address
    },
  }
}

const addressOf = (word: bigint): Address | null =>
  word < 2n ** 160n ? `0x${word.toString(16).padStart(40, '0')}` : null

/** Whole words of returned bytes. */
export function readWords(data: unknown): readonly bigint[] {
  if (typeof data !== 'string') return []
  return [...data.slice(2).matchAll(/[0-9a-fA-F]{64}/g)].map(([word]) => BigInt(`0x${word}`))
}
