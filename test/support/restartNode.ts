import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { locateAnvil } from '../../devnet/locateAnvil.ts'
import { type Anvil, startAnvil } from '../../devnet/startAnvil.ts'
import type { TradingChain } from './liveWorld.ts'

const START_TIMEOUT_MS = 60_000

/** A node that was ended: its blocks are kept, its mempool is not, as with a real one. */
export interface EndedNode {
  /** Starts it again at the same address. The caller ends it. */
  start(): Promise<Anvil>
}

/** Ends the node of a devnet chain at once. */
export async function endNode({ chainId, rpc, pid, ask }: TradingChain): Promise<EndedNode> {
  const packed = Buffer.from((await ask<string>('anvil_dumpState')).slice(2), 'hex')
  const state = await promisify(gunzip)(packed)
  process.kill(pid, 'SIGKILL')
  const { hostname: host, port } = new URL(rpc)
  return {
    async start() {
      const folder = await mkdtemp(join(tmpdir(), 'titan-node-'))
      try {
        const file = join(folder, 'state.json')
        await writeFile(file, state)
        return await startAnvil({
          binary: locateAnvil(),
          chainId,
          host,
          port: Number(port),
          args: ['--load-state', file],
          startTimeoutMs: START_TIMEOUT_MS,
        })
      } finally {
        await rm(folder, { recursive: true, force: true }) // it has read it by now
      }
    },
  }
}
