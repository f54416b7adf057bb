/**
 * The gas limit of a transaction: half as much again as its simulation used, rounded up. The first trade
 * after a second has passed writes the price accumulators of Uniswap's pools anew, which no earlier block
 * shows: a fifth more was too little. What is not used is not paid, but has to be in the account.
 *
 * Arbitrum takes the fee for publishing out of the gas limit, at the base fee (nitro, `PosterGas`); elsewhere
 * it is charged beside the gas.
 *
 * @param options.gasUsed of the whole transaction, before refunds
 * @param options.l1FeeWei data fee as simulated
 * @param options.l1FeeInGas whether that is paid as gas
 */
export function gasLimit({
  gasUsed,
  l1FeeWei,
  l1FeeInGas,
  baseFeeWei,
}: {
  gasUsed: bigint
  l1FeeWei: bigint
  l1FeeInGas: boolean
  baseFeeWei: bigint
}): bigint {
  const l1Gas = l1FeeInGas && baseFeeWei > 0n ? (l1FeeWei + baseFeeWei - 1n) / baseFeeWei : 0n
  return ((gasUsed + l1Gas) * 3n + 1n) / 2n
}
