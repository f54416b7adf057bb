import { readHash } from '../domain/rpcValues.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { PAPER_CALLER } from './paperAccounts.ts'
import type { JsonRpc } from './rpc.ts'

/** Blocks that the EVM remembers the hashes of, the newest one excluded. */
export const REMEMBERED_BLOCKS = 256

/**
 * What tells the hash of an earlier block inside a call: the opcode `BLOCKHASH`, or on Arbitrum, where that
 * opcode makes hashes up (docs.arbitrum.io, Solidity support), `ArbSys.arbBlockHash`.
 */
export type HashSource = 'opcode' | 'arb-sys'

/**
 * Programs that take two words, a height and a count, and return the hashes from that height on, one word
 * each; zero for a block that is not remembered.
 */
const PROGRAMS: Readonly<Record<HashSource, Hex>> = {
  // for (i = 0; i < count; i++) memory[32 i] = blockhash(height + i); return memory[0 .. 32 count]
  opcode: '0x60005b806020351115601d5780600035014081602002526001016002565b6020356020026000f3',
  // The same with a call of arbBlockHash(uint256); what a call that reverts returns is multiplied by its
  // success, zero.
  'arb-sys': `0x${[
    '632b407a8260e01b60005260005b8060203511156044578060003501600452602081602002604001602460006064',
    '5afa8160200260400180518202905250600101600d565b6020356020026040f3',
  ].join('')}`,
}
const GAS = '0x989680'

/** Where the program is put, by a state override: an account that nobody has. */
const PLACE: Address = PAPER_CALLER

/**
 * The hashes of up to 256 blocks in one `eth_call`, all of the chain that the answering state stands on.
 *
 * @param options.from lowest and highest height, both included
 * @returns by height less `from`, null where the node does not remember one; null when it does not answer so
 */
export async function readBlockHashes({
  rpc,
  source,
  from,
  to,
}: {
  rpc: Pick<JsonRpc, 'call'>
  source: HashSource
  from: number
  to: number
}): Promise<readonly (Hex | null)[] | null> {
  const count = to - from + 1
  const word = (value: number) => value.toString(16).padStart(64, '0')
  const call = { from: PLACE, to: PLACE, gas: GAS, data: `0x${word(from)}${word(count)}` }
  const outcome = await rpc.call('eth_call', [call, 'latest', { [PLACE]: { code: PROGRAMS[source] } }])
  if (!outcome.ok || typeof outcome.result !== 'string') return null
  const words = outcome.result.slice(2).match(/.{64}/g) ?? []
  if (words.length !== count) return null
  return words.map((hash) => (/^0+$/.test(hash) ? null : readHash(`0x${hash}`)))
}
