import type { Leftover } from '../domain/execution.ts'
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
      /** What hops left of their input in the executor. */
      readonly leftovers: readonly Leftover[]
      /**
       * That the token's transfers amount to a little more or less, as a token that counts in shares rounds;
       * null when they agree.
       */
      readonly note: string | null
    }
  /**
   * The executor's event and the token's transfers differ by more than rounding, so neither is a fact: the
   * token takes a fee, or there is no event of this executor.
   */
  | {
      readonly kind: 'mismatch'
      /** Null when the executor wrote not exactly one event for this token. */
      readonly eventProfit: bigint | null
      /** In minus out of the executor; may be negative. */
      readonly transferProfit: bigint
      readonly gasCostWei: bigint
      readonly leftovers: readonly Leftover[]
      readonly sentence: string
    }

/** Topics of the executor's events: keccak-256 of their signatures; `contracts/OmniArbExecutor.sol`. */
const EXECUTED = {
  /** `ArbitrageExecuted(bytes32,address,address,uint256,uint256)`; id, lane and token are indexed. */
  '0x433695460d3002551bb087e3ade922fe0c88df99cee3beabe07a0de7ff428195': { tokenTopic: 3 },
  /**
   * `ArbitrageExecuted(address,uint256,uint256)` of executors deployed before the id was in it; the token is
   * indexed.
   */
  '0x147eadb5569d263d5aba3ca005001b85a1651d8da1204f22327ecdac7459e2ea': { tokenTopic: 1 },
} as const
/** `Leftover(bytes32,uint256,address,uint256)`; id and token are indexed. */
const LEFTOVER = '0xcf10d3207ded2514b46198459003b3a18a826b82a34bd3b039c3a4db1747b64e'
/** keccak-256 of ERC-20's `Transfer(address,address,uint256)`; both accounts are indexed. */
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

/**
 * How far event and transfers may be apart, base units. A token that counts in shares (stETH, aTokens) turns
 * each amount into shares and each balance back, and rounds a unit or two each time; where a share is worth
 * many units it rounds by as many, which beside the loan is a part in a thousand million. A fee on transfers,
 * the smallest of which is a basis point, is far above both.
 */
const ROUNDING_PER_TRANSFER = 2n
const ROUNDING_PART_OF_LOAN = 1_000_000_000n

/**
 * Profit and cost of one of our transactions. The profit the executor's event tells is what its balance of
 * the loan token did; it is held against the token's transfers into and out of the executor, which another
 * contract wrote.
 *
 * @param options.executor the contract the transaction went to
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
  if (!success) return { kind: 'realised', profit: 0n, gasCostWei, leftovers: [], note: null }

  const own = logs.filter(({ address }) => address === executor)
  const events = own.filter(({ topics }) => {
    const layout = EXECUTED[topics[0] as keyof typeof EXECUTED]
    return layout !== undefined && addressOf(topics[layout.tokenTopic]) === loanToken
  })
  const loanAmount = wordOf(events[0]?.data, 0) ?? 0n
  const eventProfit = events.length === 1 ? wordOf(events[0]?.data, 1) : null
  const moved = logs.flatMap(({ address, topics, data }) => {
    if (address !== loanToken || topics[0] !== TRANSFER || topics.length !== 3) return []
    const [from, to] = [addressOf(topics[1]), addressOf(topics[2])]
    if (from === to || (from !== executor && to !== executor)) return []
    const amount = wordOf(data, 0) ?? 0n
    return to === executor ? amount : -amount
  })
  const transferProfit = moved.reduce((sum, amount) => sum + amount, 0n)
  const leftovers = own.filter(({ topics }) => topics[0] === LEFTOVER).flatMap(readLeftover)

  const known = { gasCostWei, leftovers }
  const compared = `the transfers of ${loanToken} amount to ${transferProfit} base units`
  if (eventProfit !== null) {
    if (eventProfit === transferProfit) return { kind: 'realised', profit: eventProfit, note: null, ...known }
    const difference =
      eventProfit > transferProfit ? eventProfit - transferProfit : transferProfit - eventProfit
    const rounding = ROUNDING_PER_TRANSFER * BigInt(moved.length)
    if (difference <= rounding || difference * ROUNDING_PART_OF_LOAN <= loanAmount) {
      const note = `The executor's balance grew by ${eventProfit}; ${compared}, as when a token rounds.`
      return { kind: 'realised', profit: eventProfit, note, ...known }
    }
  }
  const told = eventProfit === null ? 'no single event for it' : `a profit of ${eventProfit}`
  const sentence = `The executor tells ${told}, ${compared}.`
  return { kind: 'mismatch', eventProfit, transferProfit, ...known, sentence }
}

function readLeftover({ topics, data }: ReceiptLog): readonly Leftover[] {
  const [hop, amount] = [wordOf(data, 0), wordOf(data, 1)]
  if (hop === null || amount === null || topics.length !== 3) return []
  return [{ hop: Number(hop), token: addressOf(topics[2]), amount }]
}

const addressOf = (topic: Hex | undefined): Address => `0x${topic?.slice(-40) ?? ''}`

/** The word at `index`; null when the data ends before. */
function wordOf(data: Hex | undefined, index: number): bigint | null {
  const digits = data?.slice(2 + index * 64, 2 + (index + 1) * 64) ?? ''
  return digits.length === 64 ? BigInt(`0x${digits}`) : null
}
