import { gunzipSync } from 'node:zlib'
import { type Address, getAddress, type Hex, hexToBytes, padHex, toHex } from 'viem'
import { callRpc } from '../callRpc.ts'

export interface GenesisAccount {
  readonly balance: Hex
  readonly nonce?: Hex
  readonly code?: Hex
  readonly storage?: Readonly<Record<Hex, Hex>>
}

/** A genesis as geth defined it; anvil, Hardhat and @ethereumjs read it. */
export interface Genesis {
  readonly config: Readonly<Record<string, unknown>>
  readonly alloc: Readonly<Record<Hex, GenesisAccount>>
  readonly [field: string]: unknown
}

interface AnvilState {
  readonly accounts: Readonly<
    Record<Hex, { nonce: number; balance: Hex; code: Hex; storage: Readonly<Record<Hex, Hex>> }>
  >
}

/** anvil puts these in place by itself at every start. */
const anvilsOwn = new Set([
  '0x0000000000000000000000000000000000000000', // receives the fees of the build
  '0x0000f90827f1c53a10cb7a02335b175320002935', // EIP-2935 block hashes
  '0x4e59b44847b379578588920ca78fbf26c0b4956c', // CREATE2 deployer
])
const fundedBalance = toHex(10_000n * 10n ** 18n)

/**
 * Reads the whole state of an anvil into a genesis that any chain id can use.
 *
 * Accounts without code get 10,000 ETH, and keep their nonce: the deployer's next contract must not meet one of these.
 */
export async function freezeGenesis(options: { rpc: string; timestamp: number }): Promise<Genesis> {
  const dump = (await callRpc({
    rpc: options.rpc,
    method: 'anvil_dumpState',
    params: [],
    timeoutMs: 60_000,
  })) as Hex
  const state = JSON.parse(gunzipSync(hexToBytes(dump)).toString()) as AnvilState
  const alloc: Record<Hex, GenesisAccount> = {}
  for (const [address, account] of sorted(state.accounts)) {
    if (anvilsOwn.has(address)) continue
    const slots = sorted(account.storage).filter(([, value]) => BigInt(value) !== 0n)
    const storage = Object.fromEntries(slots.map(([slot, value]) => [word(slot), word(value)]))
    alloc[address] =
      account.code === '0x'
        ? { balance: fundedBalance, nonce: toHex(account.nonce) }
        : {
            balance: toHex(BigInt(account.balance)),
            nonce: toHex(account.nonce),
            code: account.code,
            ...(slots.length > 0 ? { storage } : {}),
          }
  }
  return {
    config: {
      chainId: 1,
      ...Object.fromEntries(forksByBlock.map((fork) => [`${fork}Block`, 0])),
      terminalTotalDifficulty: '0x0',
      terminalTotalDifficultyPassed: true,
      shanghaiTime: 0,
      cancunTime: 0,
      pragueTime: 0,
    },
    nonce: '0x0',
    timestamp: toHex(options.timestamp),
    extraData: '0x',
    gasLimit: toHex(60_000_000),
    difficulty: '0x0',
    mixHash: word('0x0'),
    coinbase: padHex('0x', { size: 20 }),
    alloc,
  }
}

/** The runtime code of each account that has any. */
export function codes(genesis: Genesis): Map<Address, Hex> {
  return new Map(
    Object.entries(genesis.alloc).flatMap(([address, { code }]) =>
      code ? [[getAddress(address), code]] : [],
    ),
  )
}

const forksByBlock = [
  'homestead',
  'eip150',
  'eip155',
  'eip158',
  'byzantium',
  'constantinople',
  'petersburg',
  'istanbul',
  'berlin',
  'london',
]

function word(value: Hex): Hex {
  return padHex(toHex(BigInt(value)), { size: 32 })
}

function sorted<T>(record: Readonly<Record<Hex, T>>): [Hex, T][] {
  const entries = Object.entries(record).map(([key, value]): [Hex, T] => [key.toLowerCase() as Hex, value])
  return entries.sort(([a], [b]) => (a < b ? -1 : 1))
}
