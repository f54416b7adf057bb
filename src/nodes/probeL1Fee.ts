import type { L1FeeModel } from '../config/chainConfig.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { failure } from '../errors/failure.ts'
import type { ProbeReader } from './probeReader.ts'

// As SimulationLens.sol reads them.
const OP_ORACLE = '0x420000000000000000000000000000000000000f'
const SCROLL_ORACLE = '0x5300000000000000000000000000000000000002'
const ARB_GAS_INFO = '0x000000000000000000000000000000000000006c'
const ARB_SYS = '0x0000000000000000000000000000000000000064'
/** `getL1Fee(bytes)` of no bytes. */
const GET_L1_FEE: Hex = `0x49948e0e${'20'.padStart(64, '0')}${'0'.repeat(64)}`
const TOKEN_RATIO = '0x06f837d3'
const ARB_BLOCK_NUMBER = '0xa3b1b31d'
const GET_PRICES_IN_WEI = '0x41b247a8'

/**
 * The chain's model; `none` where there is no oracle of it at all. One that is there and does not answer is
 * not known: what a trade costs must be known before there is one.
 */
export async function probeL1Fee({
  read,
  model,
}: {
  read: ProbeReader
  model: L1FeeModel
}): Promise<L1FeeModel> {
  const asked: Readonly<Record<L1FeeModel, readonly (readonly [Address, Hex, number])[]>> = {
    none: [],
    'op-stack': [[OP_ORACLE, GET_L1_FEE, 1]],
    mantle: [
      [OP_ORACLE, GET_L1_FEE, 1],
      [OP_ORACLE, TOKEN_RATIO, 1],
    ],
    scroll: [[SCROLL_ORACLE, GET_L1_FEE, 1]],
    arbitrum: [
      [ARB_GAS_INFO, GET_PRICES_IN_WEI, 6],
      [ARB_SYS, ARB_BLOCK_NUMBER, 1],
    ],
  }
  const found = await Promise.all(
    asked[model].map(async ([oracle, data, words]) => {
      if ((await read.words(oracle, data)).length >= words) return true
      const isThere = (await read.code(oracle)) !== null
      const sentence = `The L1 fee oracle ${oracle} gives no usable answer, so what a trade costs cannot be known.`
      if (isThere) read.miss(failure('NODE_UNAVAILABLE', sentence))
      return false
    }),
  )
  return found.every(Boolean) ? model : 'none'
}
