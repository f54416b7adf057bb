import type { FeeLimits } from '../config/chainConfig.ts'
import { type FeeQuote, feeCapWei, type MarketFee } from '../domain/fees.ts'
import { highest } from '../domain/highest.ts'
import type { Address } from '../domain/signal.ts'
import { nativeText } from '../domain/tokenAmount.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import {
  type Bound,
  costWei,
  feeBound,
  hourBound,
  perGas,
  profitBound,
  tightest,
  transactionBound,
} from './bounds.ts'
import { offerFee } from './offerFee.ts'
import { createSpendWindow } from './spendWindow.ts'

/**
 * What a transaction is for. A trade earns its gas; `profitWei` is what it earns before gas as of now, null
 * where that cannot be told. A repair (a cancel, or the filler of an unused nonce) earns nothing and keeps a
 * lane moving.
 */
export type Purpose =
  | { readonly kind: 'trade'; readonly profitWei: bigint | null }
  | { readonly kind: 'repair' }

/** What one nonce may still cost, whichever of its transactions is mined; held by whoever owns the nonce. */
export interface Stake {
  readonly lane: Address
}

/** A transaction that is to be priced. */
export interface Priced {
  readonly market: MarketFee
  readonly gasLimit: bigint
  /** Data fee beside the gas, wei; 0 where it is paid out of the gas limit. */
  readonly l1FeeWei: bigint
  readonly purpose: Purpose
  /** What the lane's account holds at `latest`, all that is settled paid. */
  readonly balanceWei: bigint
}

/** Gas that was paid, told by a receipt. */
export interface Spent {
  readonly wei: bigint
  /** Names transaction and block: the same transaction in another block is another receipt. */
  readonly receipt: string
  readonly atMs: number
}

/** An allowance as operators see it, wei. */
export interface AllowanceReport {
  readonly allowanceWei: bigint
  readonly spentLastHourWei: bigint
  readonly atStakeWei: bigint
  readonly leftWei: bigint
}

export interface BudgetReport {
  readonly trades: AllowanceReport
  readonly repairs: AllowanceReport
}

/**
 * What may be spent on one chain: the one owner of what is at stake and what was spent within the hour. Every
 * answer is given in one synchronous step that also reserves, so that two who ask at once are never given the
 * same money.
 *
 * A trade is refused when the price of the next block is above `MAX_FEE_GWEI`, `MAX_TX_COST_NATIVE`, what is
 * left of `MAX_GAS_SPEND_PER_HOUR_NATIVE`, its own profit or the account's balance.
 *
 * A repair must not fail for its price, or a used-up budget would hold a nonce and all behind it. It is paid
 * from the stake of the trade whose nonce it takes, and what goes beyond from an allowance of its own,
 * `MAX_REPAIR_SPEND_PER_HOUR_NATIVE`. A no-op takes a fraction of a trade's gas, so a cancel has room for
 * several replacements, whatever the hour has cost. Where the market asks more than the limits give, the
 * least valid replacement goes out: it takes the place of what does not pay, gets in when the price has
 * fallen, and is raised with time. `MAX_FEE_GWEI` and `MAX_TX_COST_NATIVE` bound repairs like everything
 * else: a first filler is refused while the chain asks more, as is every trade that would use its nonce.
 */
export interface Budget {
  /**
   * Prices the first transaction at a nonce and puts its highest cost at stake. `FEE_LIMIT`, or
   * `INSUFFICIENT_FUNDS` with the fact `needed`.
   */
  reserve(request: Priced & { readonly lane: Address }): Result<{ fee: FeeQuote; stake: Stake }>
  /** Why `reserve` would refuse it now; null when it would not. */
  refusal(request: Priced & { readonly lane: Address }): Failure | null
  /**
   * Prices a replacement and puts what it may cost beyond the others at this nonce at stake. A trade's is
   * bounded by what it earns now. `undo` takes that back when the replacement could not be put on disk.
   *
   * @param request.tried fees of every attempt at this nonce; at least one
   */
  raise(
    stake: Stake,
    request: Priced & { readonly tried: readonly FeeQuote[] },
  ): Result<{ fee: FeeQuote; undo(): void }>
  /**
   * Nothing of ours is in a block at this nonce, and nothing will be: it was not sent, or another transaction
   * has taken the nonce.
   */
  release(stake: Stake): void
  /**
   * A block holds the nonce: this is what it has cost. Once per receipt; another one takes the place of the
   * former.
   */
  settle(stake: Stake, spent: Spent & { readonly block: number }): void
  /** The block has left the chain: its cost was not paid, and is at stake again. */
  reopen(stake: Stake): void
  /**
   * An attempt of before a restart is at stake, whatever the limits say now.
   *
   * @param request.at the stake of an earlier attempt at the same nonce
   */
  adopt(request: {
    readonly lane: Address
    readonly maxCostWei: bigint
    readonly kind?: Purpose['kind']
    readonly at?: Stake
  }): Stake
  /** Of trades and repairs together. */
  spentLastHourWei(): bigint
  atStakeWei(lane?: Address): bigint
  /**
   * What receipts say that a lane's account has paid since the start, or of that up to a block that is not long
   * ago; less again when a block leaves the chain.
   */
  paidWei(lane: Address, toBlock?: number): bigint
  report(): BudgetReport
}

interface Attempt {
  readonly kind: Purpose['kind']
  readonly costWei: bigint
}

/** What one receipt has cost, by the allowance that it is charged to. */
interface Booking {
  readonly receipt: string
  readonly atMs: number
  readonly undo: () => void
}

/** A nonce with what was signed at it; only one of its attempts is ever paid. */
interface Place extends Stake {
  attempts: readonly Attempt[]
  /** Of the receipt that settled it. */
  booking: Booking | null
  /** By that receipt, whichever allowance it is charged to. */
  paid: Paid | null
}

interface Paid {
  readonly wei: bigint
  readonly block: number
}

/** No endpoint that is asked lags this far. */
const BLOCKS_KEPT = 64

const newPlace = (lane: Address): Place => ({ lane, attempts: [], booking: null, paid: null })

/** Charged to the trades' allowance. */
const tradeWei = ({ attempts }: Place): bigint => most(attempts, 'trade')
const totalWei = ({ attempts }: Place): bigint => highest(most(attempts, 'trade'), most(attempts, 'repair'))
/** Charged to the repairs' allowance: what a repair may cost beyond the trade. */
const repairWei = (place: Place): bigint => totalWei(place) - tradeWei(place)

const most = (attempts: readonly Attempt[], kind: Purpose['kind']): bigint =>
  highest(0n, ...attempts.filter((attempt) => attempt.kind === kind).map((attempt) => attempt.costWei))

const HOUR_MS = 3_600_000

/**
 * @param options.spent what the journal knows of the last hour; `kind` is what the nonce was taken for
 * @param options.now the clock of `Spent.atMs`, ms
 */
export function createBudget({
  limits,
  spent = [],
  now,
}: {
  limits: FeeLimits
  spent?: readonly (Spent & { readonly kind?: Purpose['kind'] })[]
  now: () => number
}): Budget {
  const { maxFeeWei, maxTxCostWei, maxSpendPerHourWei, maxRepairSpendPerHourWei } = limits
  const open = new Set<Place>()
  const trades = createSpendWindow()
  const repairs = createSpendWindow()
  /** By receipt, oldest first, those of the last hour. */
  const bookings = new Map<string, Booking>()
  for (const { wei, kind, ...rest } of spent)
    book(
      kind === 'repair'
        ? { ...rest, byTradeWei: 0n, byRepairWei: wei }
        : { ...rest, byTradeWei: wei, byRepairWei: 0n },
    )

  function book({
    byTradeWei,
    byRepairWei,
    receipt,
    atMs,
  }: Omit<Spent, 'wei'> & { readonly byTradeWei: bigint; readonly byRepairWei: bigint }): Booking {
    const undoTrade = trades.add({ wei: byTradeWei, atMs })
    const undoRepair = repairs.add({ wei: byRepairWei, atMs })
    const booking = {
      receipt,
      atMs,
      undo() {
        undoTrade()
        undoRepair()
        if (bookings.get(receipt) === booking) bookings.delete(receipt)
      },
    }
    bookings.set(receipt, booking)
    for (const [known, { atMs }] of bookings) {
      if (now() - atMs < HOUR_MS) break
      bookings.delete(known)
    }
    return booking
  }

  /** By lane: all that was paid, and of that what the newest blocks hold. */
  const accounts = new Map<Address, { paidWei: bigint; readonly newest: Set<Paid> }>()
  function pay(place: Place, paid: Paid | null): void {
    const account = accounts.get(place.lane) ?? { paidWei: 0n, newest: new Set() }
    accounts.set(place.lane, account)
    account.paidWei += (paid?.wei ?? 0n) - (place.paid?.wei ?? 0n)
    if (place.paid !== null) account.newest.delete(place.paid)
    place.paid = paid
    if (paid === null) return
    account.newest.add(paid)
    for (const other of account.newest)
      if (Math.abs(other.block - paid.block) > BLOCKS_KEPT) account.newest.delete(other)
  }

  function paidWei(lane: Address, toBlock = Number.POSITIVE_INFINITY): bigint {
    const { paidWei: all, newest } = accounts.get(lane) ?? { paidWei: 0n, newest: [] }
    let wei = all
    for (const paid of newest) if (paid.block > toBlock) wei -= paid.wei
    return wei
  }

  const sum = (of: (place: Place) => bigint, except?: Place, lane?: Address): bigint => {
    let wei = 0n
    for (const place of open)
      if (place !== except && (lane === undefined || place.lane === lane)) wei += of(place)
    return wei
  }

  const report = (
    allowanceWei: bigint,
    window: { total(nowMs: number): bigint },
    of: (place: Place) => bigint,
  ): AllowanceReport => {
    const spentLastHourWei = window.total(now())
    const atStakeWei = sum(of)
    const leftWei = highest(0n, allowanceWei - spentLastHourWei - atStakeWei)
    return { allowanceWei, spentLastHourWei, atStakeWei, leftWei }
  }

  function boundOf(place: Place, { gasLimit, l1FeeWei, purpose, balanceWei }: Priced): Bound {
    const weight = { gasLimit, l1FeeWei }
    const always = [feeBound(maxFeeWei), transactionBound(maxTxCostWei, weight)] as const
    if (purpose.kind === 'trade') {
      const hour = hourBound({
        setting: 'MAX_GAS_SPEND_PER_HOUR_NATIVE',
        allowanceWei: maxSpendPerHourWei,
        usedWei: trades.total(now()) + sum(tradeWei, place),
        reservedWei: tradeWei(place),
        weight,
      })
      const own = purpose.profitWei === null ? [] : [profitBound(purpose.profitWei, weight)]
      return tightest([...always, hour, ...own])
    }
    const hour = hourBound({
      setting: 'MAX_REPAIR_SPEND_PER_HOUR_NATIVE',
      // What the trade has at stake pays first.
      allowanceWei: maxRepairSpendPerHourWei + tradeWei(place),
      usedWei: repairs.total(now()) + sum(repairWei, place),
      reservedWei: totalWei(place),
      weight,
    })
    const othersWei = sum(totalWei, place, place.lane)
    const funds: Bound = {
      allowedWei: perGas(balanceWei - othersWei, weight),
      refuse: (priceWei) =>
        underfunded({ lane: place.lane, balanceWei, neededWei: costWei(priceWei, weight) + othersWei }),
    }
    return tightest([...always, hour, funds])
  }

  /** The fee within every limit; its cost is an attempt at the place from then on. */
  function price(
    place: Place,
    tried: readonly FeeQuote[],
    request: Priced,
  ): Result<{ fee: FeeQuote; attempt: Attempt }> {
    const { kind } = request.purpose
    const { allowedWei, refuse } = boundOf(place, request)
    const offer = offerFee({ ...request.market, tried, allowedWei, mayWait: kind === 'repair' })
    if (offer.kind === 'too_dear') return fail(refuse(offer.priceWei))
    const { fee } = offer
    const attempt = { kind, costWei: costWei(feeCapWei(fee), request) }
    const { balanceWei } = request
    const neededWei = attempt.costWei + sum(totalWei, place, place.lane)
    if (balanceWei < neededWei) return fail(underfunded({ lane: place.lane, balanceWei, neededWei }))
    place.attempts = [...place.attempts, attempt]
    return succeed({ fee, attempt })
  }

  return {
    reserve({ lane, ...request }) {
      const place = newPlace(lane)
      const priced = price(place, [], request)
      if (!priced.ok) return priced
      open.add(place)
      return succeed({ fee: priced.value.fee, stake: place })
    },
    refusal({ lane, ...request }) {
      const priced = price(newPlace(lane), [], request)
      return priced.ok ? null : priced.failure
    },
    raise(stake, { tried, ...request }) {
      const place = stake as Place
      const priced = price(place, tried, request)
      if (!priced.ok) return priced
      const { fee, attempt } = priced.value
      const undo = () => {
        place.attempts = place.attempts.filter((other) => other !== attempt)
      }
      return succeed({ fee, undo })
    },
    release(stake) {
      const place = stake as Place
      place.booking?.undo()
      place.booking = null
      pay(place, null)
      open.delete(place)
    },
    settle(stake, { wei, receipt, atMs, block }) {
      const place = stake as Place
      open.delete(place)
      if (place.booking?.receipt === receipt) return
      pay(place, { wei, block })
      place.booking?.undo()
      // A trade's cost is a trade's; where a repair was signed too, it pays what goes beyond.
      const isTrade = place.attempts.every(({ kind }) => kind === 'trade')
      const byTradeWei = isTrade || wei < tradeWei(place) ? wei : tradeWei(place)
      const byRepairWei = wei - byTradeWei
      place.booking = bookings.get(receipt) ?? book({ byTradeWei, byRepairWei, receipt, atMs })
    },
    reopen(stake) {
      const place = stake as Place
      if (place.booking === null) return
      place.booking.undo()
      place.booking = null
      pay(place, null)
      open.add(place)
    },
    adopt({ lane, maxCostWei, kind = 'trade', at }) {
      const place = (at as Place | undefined) ?? newPlace(lane)
      place.attempts = [...place.attempts, { kind, costWei: maxCostWei }]
      if (place.booking === null) open.add(place)
      return place
    },
    spentLastHourWei: () => trades.total(now()) + repairs.total(now()),
    paidWei,
    atStakeWei: (lane) => sum(totalWei, undefined, lane),
    report: () => ({
      trades: report(maxSpendPerHourWei, trades, tradeWei),
      repairs: report(maxRepairSpendPerHourWei, repairs, repairWei),
    }),
  }
}

function underfunded({
  lane,
  balanceWei,
  neededWei,
}: {
  lane: Address
  balanceWei: bigint
  neededWei: bigint
}): Failure {
  const sentence = `The account ${lane} holds ${nativeText(balanceWei)} and may need ${nativeText(neededWei)}.`
  const facts = { lane, balance: `${balanceWei}`, needed: `${neededWei}` }
  return failure('INSUFFICIENT_FUNDS', sentence, facts)
}
