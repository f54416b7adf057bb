import type { Inclusion } from '../domain/liveExecution.ts'
import type { Address, Hex } from '../domain/signal.ts'
import type { ReceiptLog } from './minedReceipt.ts'

/** What a mined transaction brought and cost, from its receipt alone. */
export type RealisedProfit =
  | {
      readonly kind: 'realised'
      /** Base units of the loan token that the executor's balance grew by; 0 when it did not succeed. */
      readonly profit: bigint
      /** `gasUsed × effectiveGasPrice + l1Fee`, wei: all that left the lane's account. */
      readonly gasCostWei: bigint
    }
  /**
   * The executor's event and the token's transfers differ, so neither is a fact: the token takes a fee or rebases, or there is no
   * event of this executor.
   */
  | {
      readonly kind: 'mismatch'
      /** Null when the executor wrote not exactly one event for this token. */
      readonly eventProfit: bigint | null
      /** In minus out of the executor; may be negative. */
      readonly transferProfit: bigint
      readonly gasCostWei: bigint
      readonly sentence: string
    }

/** keccak-256 of `ArbitrageExecuted(address,uint256,uint256)`; the token is indexed. */
const ARBITRAGE_EXECUTED = '0x147eadb5569d263d5aba3ca005001b85a1651d8da1204f22327ecdac7459e2ea'
/** keccak-256 of ERC-20's `Transfer(address,address,uint256)`; both accounts are indexed. */
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

/**
 * Profit and cost of one of our transactions. The profit the executor's event tells is held against the loan token's transfers
 * into and out of the executor, which other contracts wrote.
 *
 * @param options.success whether a trade was made: false for one that reverted and for a cancel
 */
export function realise({
  logs,
  executor,
  loanToken,
  inclusion,
  success,
}: {
  logs: readonly ReceiptLog[]
  executor: Address
  loanToken: Address
  inclusion: Inclusion
  success: boolean
}): RealisedProfit {
  const gasCostWei = inclusion.gasUsed * inclusion.effectiveGasPriceWei + inclusion.l1FeeWei
  if (!success) return { kind: 'realised', profit: 0n, gasCostWei }

  const events = logs.filter(
    ({ address, topics }) =>
      address === executor && topics[0] === ARBITRAGE_EXECUTED && addressOf(topics[1]) === loanToken,
  )
  const eventProfit = events.length === 1 ? wordOf(events[0]?.data, 1) : null
  const transferProfit = logs
    .filter(({ address, topics }) => address === loanToken && topics[0] === TRANSFER && topics.length === 3)
    .map(({ topics, data }) => {
      const amount = wordOf(data, 0) ?? 0n
      const cameIn = addressOf(topics[2]) === executor ? amount : 0n
      return addressOf(topics[1]) === executor ? cameIn - amount : cameIn
    })
    .reduce((sum, amount) => sum + amount, 0n)

  if (eventProfit === transferProfit) return { kind: 'realised', profit: eventProfit, gasCostWei }
  const told = eventProfit === null ? 'no single event for it' : `a profit of ${eventProfit}`
  const sentence = `The executor tells ${told}, the transfers of ${loanToken} amount to ${transferProfit} base units.`
  return { kind: 'mismatch', eventProfit, transferProfit, gasCostWei, sentence }
}

const addressOf = (topic: Hex | undefined): string => `0x${topic?.slice(-40) ?? ''}`

/** The word at `index`; null when the data ends before. */
function wordOf(data: Hex | undefined, index: number): bigint | null {
  const digits = data?.slice(2 + index * 64, 2 + (index + 1) * 64) ?? ''
  return digits.length === 64 ? BigInt(`0x${digits}`) : null
}
