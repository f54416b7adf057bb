import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { packageRoot } from '../../devnet/packageRoot.ts'
import type { Address, Hex } from '../../src/domain/signal.ts'
import { signal as fastSignal } from '../support/liveTitan.ts'
import { type Json, type Reply, startTitan, type Titan } from '../support/startTitan.ts'
import { addressOf, type GethChain, genesisKey, openGethChain } from './gethChain.ts'
import { type Geth, type GethOptions, startGeth } from './startGeth.ts'

const run = promisify(execFile)
const PATIENCE_MS = 90_000

/** A go-ethereum with the executor deployed by `titan deploy`, and its lanes authorised. */
export interface GethWorld {
  readonly geth: Geth
  readonly chain: GethChain
  readonly executor: Address
  readonly keys: readonly Hex[]
  readonly lanes: readonly Address[]
  /** What a server needs to trade here. */
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

export async function startGethWorld({
  lanes = 1,
  ...options
}: GethOptions & { lanes?: number } = {}): Promise<GethWorld> {
  const geth = await startGeth(options)
  try {
    const chain = openGethChain(geth)
    const keys = Array.from({ length: lanes }, (_, index) => genesisKey(index + 1))
    const deploying = deploy({ rpc: geth.rpc, keys })
    const executor = options.blockSeconds ? await deploying : await mineUntil(chain, deploying)
    return {
      geth,
      chain,
      executor,
      keys,
      lanes: keys.map(addressOf),
      env: {
        EXECUTION_MODE: 'LIVE',
        PRIVATE_KEYS: keys.join(','),
        EXECUTOR_ADDRESS: executor,
        RPC_ETHEREUM: geth.webSocket,
      },
      stop: geth.stop,
    }
  } catch (cause) {
    await geth.stop()
    throw cause
  }
}

/** As an operator does it. */
async function deploy({ rpc, keys }: { rpc: string; keys: readonly Hex[] }): Promise<Address> {
  const args = [join(packageRoot(), 'bin', 'titan.js'), 'deploy', '--chain', '1', '--yes', '--json']
  const env = { PATH: process.env.PATH, PRIVATE_KEYS: keys.join(','), RPC_ETHEREUM: rpc }
  // Away from the repository, so that no .env of a developer takes part.
  const { stdout } = await run(process.execPath, args, { env, cwd: tmpdir(), timeout: 120_000 })
  return JSON.parse(stdout).address.toLowerCase()
}

/** Makes a block every 0.3 s until the work is done. */
export async function mineUntil<T>(chain: GethChain, work: Promise<T>): Promise<T> {
  let done = false
  work.then(
    () => (done = true),
    () => (done = true),
  )
  while (!done) {
    await chain.mine()
    await sleep(300)
  }
  return await work
}

/** A trade of its own each time, on the chain that geth runs; all of them pay. */
export const signal = (over: object = {}): Json => fastSignal({ chainId: 1, ...over })

/** The built server before a go-ethereum. */
export interface Server {
  readonly titan: Titan
  submit(over?: object): Promise<Reply>
  /** The newest event of a trade; null where there is none yet. */
  trade(signalId: string): Promise<Json | null>
  /** Waits until the trade is as wanted; throws when it has ended otherwise. */
  until(signalId: string, wanted: (trade: Json) => boolean): Promise<Json>
  /** Ends the server; `start` takes up the same data. */
  end(signal?: NodeJS.Signals): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

export async function startServer(env: Readonly<Record<string, string>>): Promise<Server> {
  const dataDir = await mkdtemp(join(tmpdir(), 'titan-clients-'))
  let titan: Titan | null = null
  const running = (): Titan => {
    if (titan === null) throw new Error('The server has ended.')
    return titan
  }
  const server: Server = {
    get titan() {
      return running()
    },
    submit: (over) => running().post('/execute', signal(over)),
    async trade(signalId) {
      const { status, json } = await running().get(`/trades/${signalId}`)
      return status === 200 ? json : null
    },
    until: (signalId, wanted) =>
      eventually(`wanted state of ${signalId}`, async () => {
        const found = await server.trade(signalId)
        if (found !== null && wanted(found)) return found
        if (found?.final) throw new Error(`It ended as ${found.status}: ${found.code} ${found.error}`)
        return null
      }),
    async end(signal = 'SIGTERM') {
      await running().end(signal)
      titan = null
    },
    async start() {
      titan = await startTitan({ env, dataDir })
      const { get } = titan
      await eventually('ready chain', async () => ((await get('/readyz')).status === 200 ? true : null))
    },
    async stop() {
      await titan?.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
  try {
    await server.start()
  } catch (cause) {
    await server.stop()
    throw cause
  }
  return server
}

/** A node and a server in LIVE on it, which end with the test. */
export async function startLive(
  options: GethOptions & {
    lanes?: number
    /** What the server has for its node; by default the node itself, by WebSocket. */
    endpoint?: (geth: Geth) => Promise<string>
  } = {},
): Promise<{ world: GethWorld; chain: GethChain; server: Server; lane: Address }> {
  const world = await startGethWorld(options)
  onTestFinished(world.stop)
  const endpoint = options.endpoint && { RPC_ETHEREUM: await options.endpoint(world.geth) }
  const server = await startServer({ ...world.env, ...endpoint })
  onTestFinished(server.stop)
  return { world, chain: world.chain, server, lane: world.lanes[0] as Address }
}

/** Asks until the answer is not null. */
export async function eventually<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await sleep(50)) {
    const found = await ask()
    if (found !== null) return found
  }
  throw new Error(`There was no ${what} within ${PATIENCE_MS / 1_000} s.`)
}
