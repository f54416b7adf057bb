import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { findFreePort } from './findFreePort.ts'
import { type AnvilExit, type AnvilRestart, startLastingAnvil } from './lastingAnvil.ts'
import { locateAnvil } from './locateAnvil.ts'
import { packageRoot } from './packageRoot.ts'
import { type Anvil, startAnvil } from './startAnvil.ts'

export interface DevnetOptions {
  /** One node is started for each; the world is the same on all. */
  readonly chainIds: readonly number[]
  /** The first chain's port, the others take the next ones. Without it every chain gets a free port. */
  readonly port?: number
  readonly host?: string
  /** See `locateAnvil`. */
  readonly anvil?: string | null
  /** A block every so many seconds. Without it a block for every transaction, at once. */
  readonly blockTimeSeconds?: number
  /** Called when a node ends by itself. The other nodes go on. */
  readonly onExit?: (exit: AnvilExit) => void
  /** How often in a row a node that ends by itself is started again, on its port and with the same world: a fresh chain. 0 without it. */
  readonly restartsMax?: number
  /** Called when such a node runs again, or is given up. */
  readonly onRestart?: (restart: AnvilRestart) => void
  /** Called for each chain as soon as it answers, in no particular order. */
  readonly onReady?: (chain: DevnetChain) => void
}

export interface DevnetChain {
  readonly chainId: number
  readonly rpc: string
  /** Process id of the chain's anvil; the first one's when it was started again. */
  readonly pid: number
}

export interface Devnet {
  /** In the order of `chainIds`. */
  readonly chains: readonly DevnetChain[]
  /** Ends every node and waits until all are gone. */
  stop(): Promise<void>
}

const startTimeoutMs = 60_000
const freePortAttempts = 5
/**
 * State is kept of so many blocks, at about 0.2 MB each: a call pinned to a recent block still works when newer blocks
 * have come, and memory does not grow with all of history.
 */
const stateBlocks = 64

/**
 * Starts one anvil per chain, all from the frozen world (`devnet/world/genesis.json.gz`), and resolves when all answer.
 *
 * The nodes end with this process, whatever way it ends. They do keep it alive: call `stop` when done.
 *
 * @throws a sentence when anvil is not installed, a given port is taken or a node does not start; nothing is left running
 */
export async function startDevnet(options: DevnetOptions): Promise<Devnet> {
  const { chainIds, host = '127.0.0.1' } = options
  const { restartsMax = 0, onExit, onRestart } = options
  const binary = locateAnvil(options.anvil)
  return await withGenesis(async (genesisFile) => {
    const outcomes = await Promise.allSettled(
      chainIds.map(async (chainId, index) => {
        const firstPort = options.port === undefined ? null : options.port + index
        const node = { binary, chainId, host }
        const anvil = await startLastingAnvil({
          restartsMax,
          onExit,
          onRestart,
          start: ({ port, onExit }) =>
            port === null
              ? startOnPort({ ...node, args: args(genesisFile), port: firstPort, onExit })
              : withGenesis((file) => startOnPort({ ...node, args: args(file), port, onExit })),
        })
        options.onReady?.({ chainId, rpc: anvil.rpc, pid: anvil.pid })
        return anvil
      }),
    )
    const anvils = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    const stop = async () => {
      await Promise.all(anvils.map((anvil) => anvil.stop()))
    }
    const refused = outcomes.find((outcome) => outcome.status === 'rejected')
    if (refused) {
      await stop()
      throw refused.reason
    }
    return { chains: anvils.map(({ chainId, rpc, pid }) => ({ chainId, rpc, pid })), stop }
  })

  function args(genesisFile: string): string[] {
    const timestamp = `${Math.floor(Date.now() / 1000)}`
    const blockTime =
      options.blockTimeSeconds === undefined ? [] : ['--block-time', `${options.blockTimeSeconds}`]
    return [
      '--init',
      genesisFile,
      '--timestamp',
      timestamp,
      '--prune-history',
      `${stateBlocks}`,
      ...blockTime,
    ]
  }
}

/** The frozen world in a file that is there while `start` starts nodes from it. */
async function withGenesis<Started>(start: (file: string) => Promise<Started>): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), 'titan-devnet-'))
  try {
    const file = join(folder, 'genesis.json')
    const packed = await readFile(join(packageRoot(), 'devnet', 'world', 'genesis.json.gz'))
    await writeFile(file, await promisify(gunzip)(packed))
    return await start(file)
  } finally {
    await rm(folder, { recursive: true, force: true }) // every node has read it by now
  }
}

async function startOnPort(options: {
  binary: string
  chainId: number
  host: string
  args: readonly string[]
  port: number | null
  onExit: (exit: AnvilExit) => void
}): Promise<Anvil> {
  const { port, ...rest } = options
  if (port !== null) {
    await findFreePort({ host: options.host, port })
    return startAnvil({ ...rest, port, startTimeoutMs })
  }
  // Between finding a port and anvil taking it another process may have it: then the next one.
  for (let attempt = 1; ; attempt++) {
    try {
      return await startAnvil({
        ...rest,
        port: await findFreePort({ host: options.host, port: 0 }),
        startTimeoutMs,
      })
    } catch (cause) {
      if (attempt === freePortAttempts || !/in use/i.test(String(cause))) throw cause
    }
  }
}
