import type { Address, Hex } from '../domain/signal.ts'
import type { Failure } from '../errors/failure.ts'
import type { JsonRpc } from './rpc.ts'

/**
 * Reads for the probe. What is not there reads as null; what could not be learnt reads as null too and leaves its reason in
 * `failure`, to be looked at after each step: "not there" is only true while it is null.
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
}

export function createProbeReader(rpc: Pick<JsonRpc, 'call'>): ProbeReader {
  let problem: Failure | null = null

  async function result(method: string, params: readonly unknown[]): Promise<unknown> {
    const outcome = await rpc.call(method, params)
    if (outcome.ok) return outcome.result
    if (outcome.kind === 'transport') problem ??= outcome.failure
    return null
  }
  const words = async (to: Address, data: Hex) =>
    readWords(await result('eth_call', [{ to, data }, 'latest']))

  return {
    get failure() {
      return problem
    },
    result,
    async code(address) {
      const code = await result('eth_getCode', [address, 'latest'])
      return typeof code === 'string' && code.length > 2 ? (code.toLowerCase() as Hex) : null
    },
    words,
    async address(to, data) {
      const [word] = await words(to, data)
      return word && word < 2n ** 160n ? `0x${word.toString(16).padStart(40, '0')}` : null
    },
  }
}

/** Whole words of returned bytes. */
export function readWords(data: unknown): readonly bigint[] {
  if (typeof data !== 'string') return []
  return [...data.slice(2).matchAll(/[0-9a-fA-F]{64}/g)].map(([word]) => BigInt(`0x${word}`))
}
