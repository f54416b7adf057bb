import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { findFreePort } from './findFreePort.ts'
import { locateAnvil } from './locateAnvil.ts'
import { packageRoot } from './packageRoot.ts'
import { type Anvil, startAnvil } from './startAnvil.ts'

export interface DevnetOptions {
  /** One node is started for each; the world is the same on all. */
  readonly chainIds: readonly number[]
  /** The first chain's port, the others take the next ones. Without it every chain gets a free port. */
  readonly port?: number
  readonly host?: string
  /** A block every so many seconds. Without it a block for every transaction, at once. */
  readonly blockTimeSeconds?: number
  /** Called when a node ends by itself. The other nodes go on. */
  readonly onExit?: (exit: { chainId: number; code: number | null; signal: NodeJS.Signals | null }) => void
  /** Called for each chain as soon as it answers, in no particular order. */
  readonly onReady?: (chain: DevnetChain) => void
}

export interface DevnetChain {
  readonly chainId: number
  readonly rpc: string
  /** Process id of the chain's anvil. */
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
  const binary = locateAnvil()
  const folder = await mkdtemp(join(tmpdir(), 'titan-devnet-'))
  try {
    const genesisFile = join(folder, 'genesis.json')
    const packed = await readFile(join(packageRoot(), 'devnet', 'world', 'genesis.json.gz'))
    await writeFile(genesisFile, await promisify(gunzip)(packed))
    const args = [
      '--init',
      genesisFile,
      '--timestamp',
      `${Math.floor(Date.now() / 1000)}`,
      '--prune-history',
      `${stateBlocks}`,
    ]
    if (options.blockTimeSeconds !== undefined) args.push('--block-time', `${options.blockTimeSeconds}`)

    const outcomes = await Promise.allSettled(
      chainIds.map(async (chainId, index) => {
        const port = options.port === undefined ? undefined : options.port + index
        const anvil = await startOnPort({ binary, chainId, host, args, port, onExit: options.onExit })
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
  } finally {
    await rm(folder, { recursive: true, force: true }) // every node has read it by now
  }
}

async function startOnPort(options: {
  binary: string
  chainId: number
  host: string
  args: readonly string[]
  port: number | undefined
  onExit: DevnetOptions['onExit']
}): Promise<Anvil> {
  const { port, ...rest } = options
  if (port !== undefined) {
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
