import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { HDNodeWallet } from 'ethers'
import { addressBook } from '../../devnet/addressBook.ts'
import { startDevnet } from '../../devnet/startDevnet.ts'
import { CHAINS } from '../../src/config/chains.ts'
import type { Address, Hex } from '../../src/domain/signal.ts'
import { createDevnetAccount } from './devnetAccount.ts'
import { executorInterface } from './devnetTrades.ts'
import { type FaultProxy, startFaultProxy } from './faultProxy.ts'
import { openJournalFiles } from './journalFiles.ts'
import { type LiveChain, openLiveChain } from './liveChain.ts'
import { type RelayServer, startRelayServer } from './relayServer.ts'
import { mountSmallDisk } from './smallDisk.ts'
import { type Json, type Launch, type Reply, startTitan, type Titan } from './startTitan.ts'

/** The words anvil derives its accounts from. */
const WORDS = 'test test test test test test test test test test test junk'

/**
 * One of anvil's accounts: #0 deploys the world, #5 owns the executor, #7 makes noise; #1 to #4 and #6 are
 * free.
 */
export function devAccount(index: number): { readonly address: Address; readonly privateKey: string } {
  const { address, privateKey } = HDNodeWallet.fromPhrase(WORDS, undefined, `m/44'/60'/0'/0/${index}`)
  return { address: address.toLowerCase() as Address, privateKey }
}

/** An attempt as the journal has it. */
export interface JournaledAttempt {
  readonly hash: Hex
  readonly lane: Address
  readonly nonce: number
  readonly kind: string
  readonly signalId: string | null
  readonly signedAtMs: number
}

export interface JournaledExecution {
  readonly signalId: string
  readonly state: string
  readonly final: boolean
}

/** One chain of the world, its endpoints as the server sees them. */
export interface WorldChain extends LiveChain {
  readonly chainId: number
  readonly endpoints: readonly FaultProxy[]
  readonly executor: Address
}

/** A server in LIVE on chains of its own. */
export interface LiveTitan {
  /** The first chain, and its first endpoint. */
  readonly chain: WorldChain
  readonly proxy: FaultProxy
  readonly chains: readonly WorldChain[]
  readonly lanes: readonly Address[]
  readonly titan: Titan
  /** Null when none was asked for. */
  readonly relay: RelayServer | null
  /**
   * Hashes of bytes that came to an endpoint or the relay while the journal's files did not hold them; see
   * `JournalFiles`.
   */
  unjournaled(): readonly string[]
  /** What the server was started with, its port and folder aside. */
  readonly environment: Readonly<Record<string, string>>
  /** Sends a trade that pays; see `signal`. */
  submit(over?: object): Promise<Reply>
  /** The newest event of an execution, or null. */
  trade(signalId: string): Promise<Json | null>
  /** Mines nothing; waits until the trade is as wanted. */
  until(signalId: string, wanted: (trade: Json) => boolean): Promise<Json>
  /** Ends the server with a signal and starts it again on the same data; resolves when it is ready. */
  restart(signal?: NodeJS.Signals): Promise<void>
  /** Ends the server for good; then the journal can be read. */
  end(signal?: NodeJS.Signals): Promise<void>
  journal(chainId?: number): {
    readonly attempts: readonly JournaledAttempt[]
    readonly executions: readonly JournaledExecution[]
  }
  stop(): Promise<void>
}

/** How the server reaches an endpoint. */
export type Transport = 'http' | 'ws' | 'ipc'

const endpointOf = ({ url, socketUrl, ipcPath }: FaultProxy, transport: Transport = 'http'): string =>
  ({ http: url, ws: socketUrl, ipc: ipcPath })[transport]

let serial = 0

/** Its blocks are wanted every 0.75 s, so that the server looks for new ones soon. */
const FAST_CHAIN = 56

/**
 * The document's own example with another id and amount each time, so that each is a trade of its own; all of
 * them pay.
 */
export function signal(over: object = {}): Json {
  serial++
  const { usdc, weth } = addressBook.tokens
  return {
    chainId: FAST_CHAIN,
    token: usdc.address,
    amount: String(400_000_000 + serial * 1_013),
    flashSource: 1,
    protocols: [0, 1],
    routers: [addressBook.uniswapV2.router, addressBook.uniswapV3.router],
    path: [usdc.address, weth.address],
    extras: ['0x', '0x'],
    expected_profit: 10,
    signal_id: `fault-${serial}`,
    ...over,
  }
}

/**
 * Devnet chains, each behind as many fault proxies as wanted, the executor with its lanes on each, and the
 * built server in LIVE before them.
 *
 * @param options.endpoints proxies in front of each chain: how many, or by what each is reached
 * @param options.lanes how many of anvil's accounts #1 to #4 send
 * @param options.env further settings of the server
 * @param options.disk gives the server's data a file system of its own, so small that it can be filled; see
 *   `canMount`
 * @param options.prepare called for each chain before the server starts
 * @param options.relay a private relay of the first chain, which includes what it is given or keeps it for
 *   ever
 */
export async function startLiveTitan({
  chainIds = [FAST_CHAIN],
  endpoints = 1,
  lanes: laneCount = 1,
  env = {},
  disk = null,
  prepare = async () => {},
  relay: relayWanted = null,
  launch,
}: {
  chainIds?: readonly number[]
  endpoints?: number | readonly Transport[]
  lanes?: number
  env?: Record<string, string>
  disk?: { bytes: number } | null
  prepare?: (chain: WorldChain) => Promise<void>
  relay?: { includes: boolean } | null
  launch?: Launch
} = {}): Promise<LiveTitan> {
  const dataDir = mkdtempSync(join(tmpdir(), 'titan-live-'))
  const unmount = disk ? mountSmallDisk({ folder: dataDir, ...disk }) : () => {}
  const journal = openJournalFiles({ dataDir })
  const transports =
    typeof endpoints === 'number' ? Array.from({ length: endpoints }, (): Transport => 'http') : endpoints
  const devnet = await startDevnet({ chainIds })
  const keys = Array.from({ length: laneCount }, (_, index) => devAccount(index + 1))
  const lanes = keys.map(({ address }) => address)
  const chains: WorldChain[] = []
  let relay: RelayServer | null = null
  let running: Titan | null = null
  const titan = (): Titan => {
    if (running === null) throw new Error('The server has ended.')
    return running
  }

  async function stop(): Promise<void> {
    await running?.stop()
    running = null
    await Promise.all(chains.flatMap(({ endpoints: proxies }) => proxies.map((proxy) => proxy.stop())))
    await relay?.stop()
    await devnet.stop()
    unmount()
    rmSync(dataDir, { recursive: true, force: true })
  }

  function environment(): Record<string, string> {
    const rpc = chains.map(({ chainId, endpoints: proxies }) => [
      `RPC_${envNameOf(chainId)}`,
      proxies.map((proxy, index) => endpointOf(proxy, transports[index])).join(','),
    ])
    return {
      EXECUTION_MODE: 'LIVE',
      PRIVATE_KEYS: keys.map(({ privateKey }) => privateKey).join(','),
      EXECUTOR_ADDRESS: chains[0]?.executor ?? '',
      RPC_TIMEOUT_MS: '3000',
      ...Object.fromEntries(rpc),
      ...(relay && { [`RELAY_${envNameOf(chainIds[0] ?? FAST_CHAIN)}`]: `plain|${relay.url}` }),
      ...env,
    }
  }

  async function start(): Promise<void> {
    running = await startOnFreePort(() =>
      startTitan({ dataDir, env: environment(), ...(launch && { launch }) }),
    )
    await ready(running, chainIds.length)
  }

  try {
    for (const { chainId, rpc } of devnet.chains) {
      const proxies = await Promise.all(transports.map(() => startFaultProxy({ node: rpc, journal })))
      const executor = await deploy({ rpc, lanes })
      const chain = { ...openLiveChain({ rpc }), chainId, endpoints: proxies, executor }
      chains.push(chain)
      await prepare(chain)
    }
    if (relayWanted) relay = await startRelayServer({ target: chains[0]?.rpc ?? '', journal, ...relayWanted })
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  const [chain] = chains as [WorldChain]

  async function trade(signalId: string): Promise<Json | null> {
    const { status, json } = await titan().get(`/trades/${signalId}`)
    return status === 200 ? json : null
  }

  return {
    chain,
    proxy: chain.endpoints[0] as FaultProxy,
    chains,
    lanes,
    get titan() {
      return titan()
    },
    relay,
    unjournaled: () => [
      ...chains.flatMap(({ endpoints: proxies }) => proxies.flatMap((proxy) => proxy.unjournaled)),
      ...(relay?.unjournaled ?? []),
    ],
    get environment() {
      return environment()
    },
    submit: (over) => titan().post('/execute', signal(over)),
    trade,
    async until(signalId, wanted) {
      let found: Json | null = null
      try {
        return await eventually(async () => {
          found = await trade(signalId)
          if (found !== null && wanted(found)) return found
          if (found?.final) throw new Error(endedOtherwise(found))
          return null
        })
      } catch (cause) {
        const state = { trade: found, head: await chain.head(), pooled: await chain.pooled() }
        throw new Error(`${signalId} did not come so far. ${JSON.stringify(state)}`, { cause })
      }
    },
    async restart(kill = 'SIGKILL') {
      await titan().end(kill)
      await start()
    },
    async end(kill = 'SIGTERM') {
      await titan().end(kill)
      running = null
    },
    journal(chainId = chain.chainId) {
      return readJournal(join(dataDir, 'live', `chain-${chainId}.sqlite`))
    },
    stop,
  }
}

/** How long a test waits for something that is to come. */
const PATIENCE_MS = 45_000

/** Asks until the answer is not null; throws when that takes too long. */
export async function eventually<T>(ask: () => Promise<T | null>): Promise<T> {
  const startedAtMs = performance.now()
  for (;;) {
    const found = await ask()
    if (found !== null) return found
    if (performance.now() - startedAtMs > PATIENCE_MS)
      throw new Error(`What was waited for did not come within ${PATIENCE_MS / 1_000} s.`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/**
 * Another process may take a port between its being found free and the server's listening on it: then once
 * more, on another.
 */
async function startOnFreePort(start: () => Promise<Titan>): Promise<Titan> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start()
    } catch (error) {
      if (attempt === 5 || !/is not free/.test(String(error))) throw error
    }
  }
}

/** What to say of a trade that has an outcome, and not the one that was waited for. */
export const endedOtherwise = ({ signal_id, status, code, error }: Json): string =>
  `${signal_id} ended as ${status}: ${code} ${error}`

async function ready(titan: Titan, chains: number): Promise<void> {
  await eventually(async () => {
    const { json } = await titan.get('/readyz')
    return json.chains_ready === chains ? true : null
  })
}

async function deploy({ rpc, lanes }: { rpc: string; lanes: readonly Address[] }): Promise<Address> {
  const owner = await createDevnetAccount({ rpc })
  const executor = await owner.deployExecutor()
  const data = executorInterface.encodeFunctionData('setLanes', [lanes, true]) as Hex
  await owner.send({ to: executor, data })
  return executor
}

function envNameOf(chainId: number): string {
  const profile = CHAINS.find((chain) => chain.chainId === chainId)
  if (profile === undefined) throw new Error(`There is no chain ${chainId} in the table.`)
  return profile.envName
}

/** Reads what a server that has ended left behind. */
function readJournal(path: string) {
  if (!existsSync(path)) throw new Error(`There is no journal at ${path}.`)
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const attempts = db.prepare('SELECT * FROM attempts ORDER BY lane, nonce, signed_at_ms').all()
    const executions = db.prepare('SELECT * FROM executions ORDER BY accepted_at_ms, signal_id').all()
    return {
      attempts: attempts.map((row) => ({
        hash: row.hash as Hex,
        lane: row.lane as Address,
        nonce: Number(row.nonce),
        kind: String(row.kind),
        signalId: row.signal_id as string | null,
        signedAtMs: Number(row.signed_at_ms),
      })),
      executions: executions.map((row) => ({
        signalId: String(row.signal_id),
        state: String(row.state),
        final: row.final === 1,
      })),
    }
  } finally {
    db.close()
  }
}
