import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { devnetMarker } from '../../devnet/devnetMarker.ts'

/**
 * The devnet's world as go-ethereum takes it, on chain 1. Without Prague, whose blocks need system contracts
 * that the world does not have.
 *
 * @param options.marked whether the server shall know it for a devnet; without the marker it is treated as
 *   the real chain
 */
export async function gethGenesis({ marked }: { marked: boolean }): Promise<object> {
  const packed = await readFile(new URL('../../devnet/world/genesis.json.gz', import.meta.url))
  const { config, alloc, ...header } = JSON.parse(gunzipSync(packed).toString())
  const { pragueTime: _prague, terminalTotalDifficultyPassed: _passed, ...forks } = config
  const { [devnetMarker.address]: marker, ...world } = alloc
  if (marker === undefined) throw new Error('The world has no marker.')
  return {
    ...header,
    // A tenth of a gwei: trades of a few hundred dollars pay for their gas.
    baseFeePerGas: '0x5f5e100',
    config: {
      ...forks,
      chainId: 1,
      terminalTotalDifficulty: 0,
      mergeNetsplitBlock: 0,
      // EIP-4844.
      blobSchedule: { cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3_338_477 } },
    },
    alloc: marked ? alloc : world,
  }
}
