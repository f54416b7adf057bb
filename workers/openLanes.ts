import artifact from '../contracts/artifacts/OmniArbExecutor.json' with { type: 'json' }
import type { ChainConfig } from '../src/config/chainConfig.ts'
import { readCount } from '../src/domain/rpcValues.ts'
import type { Address } from '../src/domain/signal.ts'
import { type Failure, fail, failure, type Result, succeed } from '../src/errors/failure.ts'
import type { LiveJournal } from '../src/journal/liveJournal.ts'
import { inFlightMax } from '../src/lanes/inFlightMax.ts'
import type { LaneInit } from '../src/lanes/lanes.ts'
import { createNonceLedger } from '../src/lanes/nonceLedger.ts'
import type { ChainFacts } from '../src/nodes/chainFacts.ts'
import { createProbeReader } from '../src/nodes/probeReader.ts'
import type { JsonRpc, RpcReader } from '../src/nodes/rpc.ts'
import type { Logger } from '../src/observability/logger.ts'

const ISLANE = `0x${artifact.methodIdentifiers['isLane(address)']}` as const

/** At `latest`; null when the endpoint does not tell. */
export async function minedCount(reader: RpcReader, account: Address): Promise<number | null> {
  const outcome = await reader.call('eth_getTransactionCount', [account, 'latest'])
  return outcome.ok ? readCount(outcome.result) : null
}

/**
 * The accounts that the executor obeys, each with a ledger made of the journal and of every endpoint's mined count. An account it does not know is left out
 * with a warning; fails when none is left, or no endpoint
 * tells the mined count.
 */
export async function openLanes({
  chain,
  accounts,
  laneInFlightMax,
  rpc,
  readers,
  facts,
  journal,
  logger,
}: {
  chain: ChainConfig
  accounts: readonly Address[]
  laneInFlightMax: number
  rpc: JsonRpc
  readers: readonly RpcReader[]
  facts: ChainFacts
  journal: LiveJournal
  logger: Logger
}): Promise<Result<LaneInit[]>> {
  const read = createProbeReader(rpc)
  const attempts = journal.openAttempts()
  const { executor } = facts

  async function openLane(address: Address): Promise<LaneInit | Failure | null> {
    const isLane = read.words(executor.address, `${ISLANE}${address.slice(2).padStart(64, '0')}`)
    const [[word], code, counts] = await Promise.all([
      executor.caller === address ? [1n] : isLane,
      read.code(address),
      Promise.all(readers.map((reader) => minedCount(reader, address))),
    ])
    if (word !== 1n) return null
    const known = counts.filter((count) => count !== null)
    // One that is down may be left out: nonces of ours are in the journal, whatever the others count.
    if (known.length === 0)
      return failure('NODE_UNAVAILABLE', `No endpoint of ${chain.name} tells the mined count of ${address}.`)
    const ours = attempts.filter(({ lane }) => lane === address)
    return {
      address,
      ledger: createNonceLedger({
        minedCount: Math.max(...known, (journal.settledNonce(address) ?? -1) + 1),
        open: ours.map(({ nonce }) => ({ nonce, left: true })),
        epoch: Date.now(),
      }),
      inFlightMax: inFlightMax({
        code: code ?? '0x',
        configured: laneInFlightMax,
        delegatedMax: chain.delegatedInFlightMax,
      }),
    }
  }

  const opened = await Promise.all(accounts.map(openLane))
  if (read.failure) return fail(read.failure)
  const lanes: LaneInit[] = []
  for (const [index, lane] of opened.entries()) {
    if (lane === null)
      logger.warn(
        { lane: accounts[index] },
        'The executor does not know this account: it sends nothing. Run npx titan deploy.',
      )
    else if ('code' in lane) return fail(lane)
    else lanes.push(lane)
  }
  if (lanes.length > 0) return succeed(lanes)
  const sentence = `The executor ${executor.address} on ${chain.name} obeys none of the configured keys; run npx titan deploy --chain ${chain.chainId}.`
  return fail(failure('CHAIN_UNAVAILABLE', sentence, { chain_id: chain.chainId }))
}
