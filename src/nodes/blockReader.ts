import { quantityOf } from '../domain/rpcValues.ts'
import type { Address, Hex } from '../domain/signal.ts'
import type { NodeError } from './nodeErrors.ts'
import { readWords } from './probeReader.ts'
import type { JsonRpc, RpcError } from './rpc.ts'

/** No node tells, so that nothing may be concluded. */
export class NotRead extends Error {}

/**
 * Reads contracts on the state of one block. What is not there reads as null, and a call that reverts as no
 * words; rejects with `NotRead` where no node tells.
 */
export interface BlockReader {
  code(account: Address): Promise<Hex | null>
  /** Whole words of what the call returns. */
  words(to: Address, data: Hex): Promise<readonly bigint[]>
  /** The address in the first word; null when it is zero or none. */
  address(to: Address, data: Hex): Promise<Address | null>
  /** The address that stands in a storage slot. */
  storedAddress(account: Address, slot: Hex): Promise<Address | null>
}

export function createBlockReader({
  rpc,
  block,
  readNodeError,
}: {
  rpc: Pick<JsonRpc, 'call'>
  block: number
  readNodeError: (error: RpcError) => NodeError
}): BlockReader {
  const at = quantityOf(block)

  async function ask(method: string, params: readonly unknown[]): Promise<unknown> {
    const outcome = await rpc.call(method, [...params, at])
    if (outcome.ok) return outcome.result
    if (outcome.kind === 'rpc' && readNodeError(outcome.error).kind === 'execution') return '0x'
    throw new NotRead()
  }
  const words = async (to: Address, data: Hex) => readWords(await ask('eth_call', [{ to, data }]))

  return {
    words,
    async code(account) {
      const code = await ask('eth_getCode', [account])
      if (typeof code !== 'string') throw new NotRead()
      return code.length > 2 ? (code.toLowerCase() as Hex) : null
    },
    address: async (to, data) => addressOf((await words(to, data))[0]),
    storedAddress: async (account, slot) =>
      addressOf(readWords(await ask('eth_getStorageAt', [account, slot]))[0]),
  }
}

const addressOf = (word: bigint | undefined): Address | null =>
  word === undefined || word === 0n || word >= 2n ** 160n ? null : `0x${word.toString(16).padStart(40, '0')}`

/** Calldata of a function whose arguments are one word each. */
export const callData = (selector: Hex, ...args: readonly (Address | bigint)[]): Hex =>
  `0x${selector.slice(2)}${args.map((arg) => (typeof arg === 'bigint' ? arg.toString(16) : arg.slice(2)).padStart(64, '0')).join('')}`
