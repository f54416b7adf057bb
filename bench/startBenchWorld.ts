import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../devnet/packageRoot.ts'
import { startDevnet } from '../devnet/startDevnet.ts'
import { deployBenchExecutor } from './benchExecutor.ts'
import { makeBenchFolder } from './benchFolder.ts'
import { startLoad } from './load.ts'
import type { BenchWorld } from './measure.ts'
import { startServerProcess } from './serverProcess.ts'

const startTimeoutMs = 60_000

/**
 * One devnet chain with an executor deployed, Titan and the peers on it, and the load generator.
 *
 * @param options.injected Titan is not told of the deployed executor and injects the contract's code
 */
export async function startBenchWorld({
  injected,
}: {
  injected: boolean
}): Promise<BenchWorld & { stop(): Promise<void> }> {
  const folder = await makeBenchFolder()
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const devnet = await startDevnet({ chainIds: [1] })
    undo.push(() => devnet.stop())
    const [chain] = devnet.chains
    if (chain === undefined) throw new Error('The devnet has no chain.')
    const { rpc, pid: nodePid } = chain
    const executor = await deployBenchExecutor({ rpc })

    const titan = await startServerProcess({
      name: 'Titan',
      entry: join(packageRoot(), 'dist', 'main.js'),
      cwd: folder,
      readyPath: '/readyz',
      startTimeoutMs,
      env: (port) => ({
        EXECUTION_MODE: 'PAPER',
        EXECUTION_HOST: '127.0.0.1',
        EXECUTION_PORT: `${port}`,
        RPC_ETHEREUM: rpc,
        DATA_DIR: join(folder, 'data'),
        ...(injected ? {} : { EXECUTOR_ADDRESS: executor.address }),
      }),
    })
    undo.push(() => titan.stop())
    const startPeer = async (name: string, file: string) => {
      const peer = await startServerProcess({
        name,
        entry: join(packageRoot(), 'bench', 'peers', file),
        cwd: folder,
        readyPath: '/health',
        startTimeoutMs,
        env: (port) => ({
          PORT: `${port}`,
          RPC_URL: rpc,
          CHAIN_ID: '1',
          EXECUTOR_ADDRESS: executor.address,
          EXECUTOR_OWNER: executor.owner,
          EXECUTOR_ABI: join(packageRoot(), 'contracts', 'artifacts', 'OmniArbExecutor.json'),
        }),
      })
      undo.push(() => peer.stop())
      return peer
    }
    const peer = await startPeer('The peer', 'expressEthers.ts')
    const leanPeer = await startPeer('The lean peer', 'oneCall.ts')
    const load = await startLoad()
    undo.push(() => load.stop())
    return { rpc, nodePid, executor, titan, peer, leanPeer, load, stop }
  } catch (cause) {
    await stop()
    throw cause
  }
}
