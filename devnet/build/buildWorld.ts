import { createHash } from 'node:crypto'
import { type Hex, hexToBytes } from 'viem'
import { callRpc } from '../callRpc.ts'
import { findFreePort } from '../findFreePort.ts'
import { locateAnvil } from '../locateAnvil.ts'
import { startAnvil } from '../startAnvil.ts'
import { deployWorld } from './deployWorld.ts'
import { codes, freezeGenesis, type Genesis } from './freezeGenesis.ts'

/** One entry of `world/digests.json`: what stands at an address, and where it came from. */
export interface Digest {
  readonly name: string
  readonly from: string
  /** Of the runtime code. */
  readonly sha256: string
}

export interface World {
  readonly genesis: Genesis
  readonly addressBook: Readonly<Record<string, unknown>>
  readonly digests: Readonly<Record<Hex, Digest>>
}

/** Blocks of the build begin here and are a second apart, so that every build gives the same bytes. */
const timestamp = 1_700_000_000

/** Builds the world on an anvil of its own. See {@link deployWorld} for `balancer`. */
export async function buildWorld(options: { balancer: boolean }): Promise<World> {
  const host = '127.0.0.1'
  const anvil = await startAnvil({
    binary: locateAnvil(),
    chainId: 1,
    host,
    port: await findFreePort({ host, port: 0 }),
    args: ['--timestamp', `${timestamp}`, '--gas-limit', '4000000000', '--balance', '1000000'],
    startTimeoutMs: 60_000,
  })
  try {
    const { rpc } = anvil
    await callRpc({ rpc, method: 'anvil_setBlockTimestampInterval', params: [1], timeoutMs: 10_000 })
    const { addressBook, origins } = await deployWorld({ rpc, balancer: options.balancer })
    const genesis = await freezeGenesis({ rpc, timestamp })
    const digests: Record<Hex, Digest> = {}
    for (const [address, code] of codes(genesis)) {
      const origin = origins.get(address)
      if (origin === undefined)
        throw new Error(`The build does not say where the code at ${address} came from.`)
      digests[address] = { ...origin, sha256: createHash('sha256').update(hexToBytes(code)).digest('hex') }
    }
    return { genesis, addressBook, digests }
  } finally {
    await anvil.stop()
  }
}
