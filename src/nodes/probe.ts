import type { ChainConfig } from '../config/chainConfig.ts'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { ChainFacts, DevnetBook } from './chainFacts.ts'
import { minesOnDemand } from './headAge.ts'
import { readHead } from './heads.ts'
import { probeExecutor, probeLender } from './probeExecutor.ts'
import { probeL1Fee } from './probeL1Fee.ts'
import { probeOverrides } from './probeOverrides.ts'
import { createProbeReader } from './probeReader.ts'
import type { JsonRpc } from './rpc.ts'

// aave-v3-core, contracts/interfaces/IPoolAddressesProvider.sol
const GET_POOL = '0x026b1d5f'
const GET_PRICE_ORACLE = '0xfca513a8'

const BEHIND_NOTE_MS = 60_000
const BEHIND_NOTE_BLOCKS = 30
const BEHIND_FAILS_MS = 3_600_000

const minutes = (ms: number) => `${Math.round(ms / 60_000)} minutes`

/**
 * Holds a chain's profile against its node and says what is true there. When nothing could be simulated truly
 * it fails with the reason: `NODE_UNAVAILABLE` or `NODE_TIMEOUT` for what could not be read, or
 * `CHAIN_UNAVAILABLE` for another chain, a node an hour behind, one without state overrides, or an address
 * that is not the executor.
 *
 * @param options.devnetBook what holds instead of the profile on a node that carries the devnet's world
 * @param options.now the clock, Unix ms
 */
export async function probeChain({
  rpc,
  chain,
  devnetBook,
  now = Date.now,
}: {
  rpc: Pick<JsonRpc, 'call'>
  chain: ChainConfig
  devnetBook: DevnetBook
  now?: () => number
}): Promise<Result<ChainFacts>> {
  const read = createProbeReader(rpc)
  const notes: string[] = []
  const label = `${chain.name} (${chain.chainId})`
  const refuse = (sentence: string) =>
    fail(failure('CHAIN_UNAVAILABLE', sentence, { chain_id: chain.chainId }))

  const [served, version, block, markerCode, found] = await Promise.all([
    read.result('eth_chainId', []),
    read.result('web3_clientVersion', []),
    read.result('eth_getBlockByNumber', ['latest', false]),
    read.code(devnetBook.marker),
    probeExecutor({ read, address: chain.executor, notes }),
  ])
  const servedId = typeof served === 'string' || typeof served === 'number' ? Number(served) : null
  if (served !== null && servedId !== chain.chainId) {
    return refuse(`The node of ${label} serves chain ${servedId}, not chain ${chain.chainId}.`)
  }
  if (read.failure) return fail(read.failure)
  const head = readHead(block)
  if (head === null) return refuse(`The node of ${label} has no newest block.`)
  if (found === null) {
    const command = `npx titan deploy --chain ${chain.chainId}`
    return refuse(
      `The contract at ${chain.executor} on ${label} is not the executor of this version: its code is another. Set EXECUTOR_ADDRESS to one that "${command}" has made.`,
    )
  }
  const clientVersion = typeof version === 'string' ? version : null
  const devnet = markerCode?.includes(Buffer.from(devnetBook.markerText).toString('hex')) ?? false
  const profile = devnet ? devnetBook : chain
  const provider = profile.aavePoolAddressesProvider

  const headAgeMs = Math.max(0, now() - head.timestamp * 1_000)
  if (!devnet && !minesOnDemand(clientVersion)) {
    const age = `The newest block of ${label} at this node is ${minutes(headAgeMs)} old`
    if (headAgeMs > BEHIND_FAILS_MS) return refuse(`${age}: the node is not in step with the chain.`)
    const noteMs = Math.max(BEHIND_NOTE_MS, BEHIND_NOTE_BLOCKS * chain.blockTimeMs)
    if (headAgeMs > noteMs) notes.push(`${age}, and simulations stand on it.`)
  }

  const l1FeeExpected = devnet ? 'none' : chain.l1FeeModel
  const overriding = createProbeReader(rpc)
  const [pool, oracle, features, l1FeeModel] = await Promise.all([
    provider && read.named(provider, GET_POOL, 'the pool of Aave V3'),
    provider && read.named(provider, GET_PRICE_ORACLE, 'the price oracle of Aave V3'),
    probeOverrides({ read: overriding, head, now }),
    probeL1Fee({ read, model: l1FeeExpected }),
  ])
  // A node that takes no overrides often takes no such call at all: that is the reason to tell.
  if (!overriding.failure && !features.stateOverride) {
    return refuse(`The node of ${label} takes no state override in eth_call, which every simulation needs.`)
  }
  const missed = overriding.failure ?? read.failure
  if (missed) return fail(missed)
  if (!features.blockOverrideTime) {
    notes.push('The node takes no block override, so gas is measured at the newest block and can be too low.')
  }
  if (l1FeeModel !== l1FeeExpected) {
    notes.push(`The node has no fee oracle of the kind ${l1FeeExpected}, so no data fee is counted.`)
  }
  if (provider && pool === null) notes.push(`There is no Aave V3 at ${provider}.`)
  if (provider && oracle === null) notes.push('There is no price oracle, so nothing has a price in USD.')

  const expected = { 1: profile.balancerVault, 2: pool }
  const lender = { read, known: expected, configured: found.configured, notes }
  const [vaultUsable, poolUsable] = [
    await probeLender({ ...lender, source: 1 }),
    await probeLender({ ...lender, source: 2 }),
  ]
  if (read.failure) return fail(read.failure)

  return succeed({
    chainId: chain.chainId,
    name: chain.name,
    clientVersion,
    head: head.number,
    headTimestampMs: head.timestamp * 1_000,
    headAgeMs,
    devnet,
    executor: found.executor,
    lenders: { 1: vaultUsable, 2: poolUsable },
    features,
    l1FeeModel,
    oracle,
    wrappedNative: profile.wrappedNative,
    notes,
  })
}
