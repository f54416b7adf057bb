import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../devnet/packageRoot.ts'
import { createSpread, WIDE } from '../test/support/keepSpread.ts'
import {
  endpointSetting,
  type LiveWorld,
  startLiveWorld,
  type TradingChain,
} from '../test/support/liveWorld.ts'
import { makeBenchFolder } from './benchFolder.ts'
import { type ServerProcess, startServerProcess } from './serverProcess.ts'

/** Accounts of each: Titan's, the peer's, and one for bare sends. */
export const LANES_EACH = 4
const START_TIMEOUT_MS = 60_000
/**
 * How often the market is set right: before trades have closed the gap, and not again before the last swaps
 * are in a block.
 */
const SPREAD_EVERY_MS = { automining: 40, rhythmic: 600 } as const
const PEER_RECEIPT_TIMEOUT_MS = 8_000
/** What Titan is told besides keys and addresses; everything else is its default. */
export const LIVE_SETTINGS = { MAX_GAS_SPEND_PER_HOUR_NATIVE: '1000' } as const
/** Time between blocks of the chain that has a rhythm. */
export const BLOCK_SECONDS = 0.25

/** Two devnet chains whose market keeps paying, and servers on them. */
export interface LiveBenchWorld {
  /** Mines every transaction at once. */
  readonly automining: TradingChain
  /** A block every {@link BLOCK_SECONDS}. */
  readonly rhythmic: TradingChain
  readonly executor: LiveWorld['executor']
  readonly titanLanes: LiveWorld['lanes']
  readonly peerLanes: LiveWorld['lanes']
  readonly bareKey: LiveWorld['keys'][number]
  /**
   * Always on the same data; one at a time. @param options.endpoint instead of the automining chain's node
   */
  startTitan(options?: { endpoint?: string }): Promise<ServerProcess>
  /** On the automining chain. */
  startPeer(options?: { endpoint?: string }): Promise<ServerProcess>
  stop(): Promise<void>
}

export async function startLiveBenchWorld({
  entry,
}: {
  /** The built server. */
  entry: string
}): Promise<LiveBenchWorld> {
  const undo: (() => unknown)[] = []
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const folder = await makeBenchFolder()
    undo.push(() => rm(folder, { recursive: true, force: true }))
    const laneCount = 2 * LANES_EACH + 1
    const fast = await startLiveWorld({ chainIds: [42161], laneCount })
    undo.push(fast.stop)
    const slow = await startLiveWorld({ chainIds: [8453], laneCount, blockTimeSeconds: BLOCK_SECONDS })
    undo.push(slow.stop)
    const [automining, rhythmic] = [fast.chains[0] as TradingChain, slow.chains[0] as TradingChain]
    undo.push(await keepPaying(automining, SPREAD_EVERY_MS.automining))
    undo.push(await keepPaying(rhythmic, SPREAD_EVERY_MS.rhythmic))
    const { keys, lanes, executor } = fast
    const own = keys.slice(0, LANES_EACH)

    const track = (server: ServerProcess) => {
      undo.push(() => server.stop())
      return server
    }
    return {
      automining,
      rhythmic,
      executor,
      titanLanes: lanes.slice(0, LANES_EACH),
      peerLanes: lanes.slice(LANES_EACH, 2 * LANES_EACH),
      bareKey: keys[2 * LANES_EACH] as LiveWorld['keys'][number],
      startTitan: async ({ endpoint = webSocket(automining.rpc) } = {}) =>
        track(
          await startServerProcess({
            name: 'Titan',
            entry,
            onExit: ({ printed }) => console.error(`Titan has ended. It printed:\n${printed}`),
            cwd: folder,
            readyPath: '/readyz',
            startTimeoutMs: START_TIMEOUT_MS,
            env: (port) => ({
              EXECUTION_MODE: 'LIVE',
              EXECUTION_HOST: '127.0.0.1',
              EXECUTION_PORT: `${port}`,
              DATA_DIR: join(folder, 'data'),
              LOG_LEVEL: 'warn',
              EXECUTOR_ADDRESS: executor,
              PRIVATE_KEYS: own.join(','),
              [endpointSetting(automining.chainId)]: endpoint,
              [endpointSetting(rhythmic.chainId)]: webSocket(rhythmic.rpc),
              ...LIVE_SETTINGS,
            }),
          }),
        ),
      startPeer: async ({ endpoint = webSocket(automining.rpc) } = {}) =>
        track(
          await startServerProcess({
            name: 'The peer',
            entry: join(packageRoot(), 'bench', 'peers', 'ethersWallet.ts'),
            cwd: folder,
            readyPath: '/health',
            startTimeoutMs: START_TIMEOUT_MS,
            env: (port) => ({
              PORT: `${port}`,
              RPC_URL: endpoint,
              CHAIN_ID: `${automining.chainId}`,
              EXECUTOR_ADDRESS: executor,
              EXECUTOR_ABI: join(packageRoot(), 'contracts', 'artifacts', 'OmniArbExecutor.json'),
              PRIVATE_KEYS: keys.slice(LANES_EACH, 2 * LANES_EACH).join(','),
              RECEIPT_TIMEOUT_MS: `${PEER_RECEIPT_TIMEOUT_MS}`,
            }),
          }),
        ),
      stop,
    }
  } catch (cause) {
    await stop()
    throw cause
  }
}

/** anvil speaks both at one port; only there it announces its blocks. */
const webSocket = (rpc: string) => rpc.replace(/^http/, 'ws')

/**
 * Trades close the gaps between the pools of both dollars; somebody else opens them again. Returns how to end
 * that.
 */
async function keepPaying({ rpc, spread }: TradingChain, everyMs: number): Promise<() => Promise<void>> {
  const spreads = [spread, await createSpread({ rpc, stable: 'dai' })]
  for (const each of spreads) await each.set(WIDE)
  let stopping = false
  const run = async () => {
    while (!stopping) {
      for (const each of spreads) await each.set(WIDE).catch(() => {}) // the next time will do
      await sleep(everyMs)
    }
  }
  const running = run()
  return () => {
    stopping = true
    return running
  }
}
