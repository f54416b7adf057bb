/** What a transaction offers per gas, wei: EIP-1559 (type 2) or one price (type 0, EIP-155). */
export type FeeQuote =
  | { readonly type: 2; readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint }
  | { readonly type: 0; readonly gasPrice: bigint }

/**
 * A quote and the base fee it was made on, wei per gas; the base fee is 0 where there is none or it is not
 * told apart.
 */
export interface MarketFee {
  readonly quote: FeeQuote
  readonly baseFeeWei: bigint
}

/**
 * The most it can pay per gas. A mempool reads a type 0 price as both the fee cap and the tip cap (geth,
 * `GasFeeCap`).
 */
export const feeCapWei = (quote: FeeQuote): bigint => (quote.type === 2 ? quote.maxFeePerGas : quote.gasPrice)

/** The most of it that can go to the block producer, per gas. */
export const tipCapWei = (quote: FeeQuote): bigint =>
  quote.type === 2 ? quote.maxPriorityFeePerGas : quote.gasPrice

/** What it pays per gas in a block with this base fee (EIP-1559); null when it cannot be in that block. */
export function effectivePriceWei({ quote, baseFeeWei }: MarketFee): bigint | null {
  const capWei = feeCapWei(quote)
  if (capWei < baseFeeWei) return null
  if (quote.type === 0 || baseFeeWei + quote.maxPriorityFeePerGas > capWei) return capWei
  return baseFeeWei + quote.maxPriorityFeePerGas
}

/**
 * What it costs, wei, when all its gas is used at its highest price. A node demands that the account holds
 * this, and its value.
 */
export const maxCostWei = ({ quote, gasLimit }: { quote: FeeQuote; gasLimit: bigint }): bigint =>
  feeCapWei(quote) * gasLimit
