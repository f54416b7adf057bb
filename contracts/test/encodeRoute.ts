import { type Address, encodeAbiParameters, type Hex, parseAbiParameters } from 'viem'

/** One hop as the executor takes it. */
export interface Hop {
  protocol: number
  router: Address
  tokenOut: Address
  extra?: Hex
}

/** The optional words of `routeData`; a later one makes the earlier ones appear, as zero when not given. */
export interface RouteOptions {
  minProfit?: bigint
  deadline?: bigint
  signalId?: Hex
}

/** `routeData` of the given hops, with as few trailing words as the options need. */
export function encodeRoute({ hops, ...options }: { hops: readonly Hop[] } & RouteOptions): Hex {
  const arrays = [
    hops.map((hop) => hop.protocol),
    hops.map((hop) => hop.router),
    hops.map((hop) => hop.tokenOut),
    hops.map((hop) => hop.extra ?? '0x'),
  ]
  const words = [options.minProfit, options.deadline, options.signalId]
  const given = words.findLastIndex((word) => word !== undefined) + 1
  const types = ['uint8[]', 'address[]', 'address[]', 'bytes[]', 'uint256', 'uint256', 'bytes32']
  return encodeAbiParameters(
    types.slice(0, 4 + given).map((type) => ({ type })),
    [...arrays, ...words.slice(0, given).map((word) => word ?? 0n)],
  )
}

/** Extras of a Uniswap V3 hop. */
export function feeExtra(fee: number): Hex {
  return encodeAbiParameters(parseAbiParameters('uint24'), [fee])
}

/** Extras of a Curve hop. */
export function coinsExtra(i: bigint, j: bigint): Hex {
  return encodeAbiParameters(parseAbiParameters('int128, int128'), [i, j])
}
