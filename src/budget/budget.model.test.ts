import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FeeLimits } from '../config/chainConfig.ts'
import { type FeeQuote, feeCapWei, tipCapWei } from '../domain/fees.ts'
import { highest } from '../domain/highest.ts'
import type { Address } from '../domain/signal.ts'
import { type Budget, createBudget, type Purpose, type Stake } from './budget.ts'

const LANES: readonly Address[] = [
  '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266',
  '0x70997970c51812dc3a010c7d01b50e0d17dc79c8',
]
const HOUR_MS = 3_600_000
const NO_OP_GAS = 60n
const TRADE_GAS = 300n

/** One nonce as this test believes it to be; nothing is asked of the budget to know it. */
interface Place {
  readonly stake: Stake
  readonly lane: Address
  attempts: { readonly fee: FeeQuote; readonly kind: Purpose['kind']; readonly costWei: bigint }[]
  undoLast: (() => void) | null
  state: 'open' | 'settled' | 'released'
  landed: {
    readonly wei: bigint
    readonly kind: Purpose['kind']
    readonly receipt: string
    readonly atMs: number
    readonly block: number
  } | null
}

const wei = fc.oneof(fc.bigInt(1n, 60n), fc.bigInt(1n, 1_200n))
const priced = fc.record({
  baseFeeWei: wei,
  tipWei: wei,
  l1FeeWei: fc.bigInt(0n, 40n),
  profitWei: fc.option(fc.bigInt(-10n, 400_000n), { freq: 4 }),
  balanceWei: fc.bigInt(0n, 900_000n),
  isRepair: fc.boolean(),
})
type PricedCase = typeof priced extends fc.Arbitrary<infer T> ? T : never
const at = fc.nat(1_000)
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ step: fc.constant('reserve' as const), at, priced }) },
    { weight: 5, arbitrary: fc.record({ step: fc.constant('raise' as const), at, priced }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('undo' as const), at }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('release' as const), at }) },
    {
      weight: 4,
      arbitrary: fc.record({
        step: fc.constant('settle' as const),
        at,
        which: fc.nat(9),
        percent: fc.nat(100),
        block: fc.nat(64),
      }),
    },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('settle again' as const), at }) },
    { weight: 2, arbitrary: fc.record({ step: fc.constant('reopen' as const), at }) },
    {
      weight: 1,
      arbitrary: fc.record({
        step: fc.constant('wait' as const),
        at,
        ms: fc.integer({ min: 1, max: HOUR_MS }),
      }),
    },
  ),
  { maxLength: 60 },
)
const limitCases = fc.record({
  maxFeeWei: fc.bigInt(50n, 1_500n),
  maxTxCostWei: fc.bigInt(10_000n, 400_000n),
  maxSpendPerHourWei: fc.bigInt(10_000n, 900_000n),
  maxRepairSpendPerHourWei: fc.bigInt(0n, 90_000n),
})

const most = (place: Place, kinds: readonly Purpose['kind'][]): bigint =>
  place.attempts.reduce(
    (max, { kind, costWei }) => (kinds.includes(kind) && costWei > max ? costWei : max),
    0n,
  )
const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((all, amount) => all + amount, 0n)

class Model {
  readonly places: Place[] = []
  nowMs = 10 * HOUR_MS
  receipts = 0

  readonly limits: FeeLimits

  constructor(limits: FeeLimits) {
    this.limits = limits
  }

  open(lane?: Address): Place[] {
    return this.places.filter(
      (place) => place.state === 'open' && (lane === undefined || place.lane === lane),
    )
  }
  atStake(lane?: Address): bigint {
    return sum(this.open(lane).map((place) => most(place, ['trade', 'repair'])))
  }
  /** Whenever it was. */
  paid(lane: Address, toBlock = Number.POSITIVE_INFINITY): bigint {
    const paid = this.places.flatMap(({ lane: of, landed }) => (of === lane && landed ? [landed] : []))
    return sum(paid.filter(({ block }) => block <= toBlock).map(({ wei }) => wei))
  }
  spent(): bigint {
    return sum(this.landed().map(({ landed }) => landed.wei))
  }
  /** What trades have cost within the hour and may still cost, cancels paid by them included. */
  tradeExposure(): bigint {
    const spent = this.landed().map((place) => {
      const own = most(place, ['trade'])
      return place.landed.wei < own || place.attempts.every(({ kind }) => kind === 'trade')
        ? place.landed.wei
        : own
    })
    return sum([...spent, ...this.open().map((place) => most(place, ['trade']))])
  }
  repairExposure(): bigint {
    return this.spent() + this.atStake() - this.tradeExposure()
  }
  landed(): (Place & { landed: NonNullable<Place['landed']> })[] {
    return this.places.filter(
      (place): place is Place & { landed: NonNullable<Place['landed']> } =>
        place.landed !== null && this.nowMs - place.landed.atMs < HOUR_MS,
    )
  }
}

function priceOf({ baseFeeWei, tipWei, l1FeeWei, profitWei, balanceWei, isRepair }: PricedCase) {
  const purpose: Purpose = isRepair ? { kind: 'repair' } : { kind: 'trade', profitWei }
  const quote: FeeQuote = { type: 2, maxFeePerGas: 2n * baseFeeWei + tipWei, maxPriorityFeePerGas: tipWei }
  const gasLimit = isRepair ? NO_OP_GAS : TRADE_GAS
  return { market: { quote, baseFeeWei }, gasLimit, l1FeeWei: isRepair ? 0n : l1FeeWei, purpose, balanceWei }
}

/** What was let pass is within every limit that can be named. */
function checkOffer(
  model: Model,
  place: Place,
  fee: FeeQuote,
  request: ReturnType<typeof priceOf>,
  before: Model['limits'],
) {
  const costWei = feeCapWei(fee) * request.gasLimit + request.l1FeeWei
  expect(feeCapWei(fee)).toBeLessThanOrEqual(before.maxFeeWei)
  expect(tipCapWei(fee)).toBeLessThanOrEqual(feeCapWei(fee))
  expect(costWei).toBeLessThanOrEqual(before.maxTxCostWei)
  const { purpose } = request
  if (purpose.kind === 'trade' && purpose.profitWei !== null)
    expect(costWei).toBeLessThanOrEqual(purpose.profitWei)
  const others = model.atStake(place.lane) - (place.state === 'open' ? most(place, ['trade', 'repair']) : 0n)
  expect(others + costWei).toBeLessThanOrEqual(request.balanceWei)
  return costWei
}

function run(
  model: Model,
  budget: Budget,
  step: typeof steps extends fc.Arbitrary<(infer T)[]> ? T : never,
): void {
  const { limits } = model
  const among = <T>(list: readonly T[]): T | undefined => list[step.at % (list.length || 1)]
  switch (step.step) {
    case 'reserve': {
      const request = priceOf(step.priced)
      const lane = LANES[step.at % LANES.length] as Address
      const result = budget.reserve({ lane, ...request })
      if (!result.ok) return
      const { fee, stake } = result.value
      const place: Place = { stake, lane, attempts: [], undoLast: null, state: 'released', landed: null }
      const costWei = checkOffer(model, place, fee, request, limits)
      expect(feeCapWei(fee)).toBeGreaterThanOrEqual(request.market.baseFeeWei)
      place.attempts = [{ fee, kind: request.purpose.kind, costWei }]
      place.state = 'open'
      model.places.push(place)
      return
    }
    case 'raise': {
      const place = among(model.open())
      if (place === undefined) return
      const request = priceOf(step.priced)
      const tried = place.attempts.map(({ fee }) => fee)
      const result = budget.raise(place.stake, { ...request, tried })
      if (!result.ok) {
        checkRefusedRepair(model, place, request)
        return
      }
      const { fee, undo } = result.value
      const costWei = checkOffer(model, place, fee, request, limits)
      for (const old of tried) expect(8n * feeCapWei(fee)).toBeGreaterThanOrEqual(9n * feeCapWei(old))
      for (const old of tried) expect(8n * tipCapWei(fee)).toBeGreaterThanOrEqual(9n * tipCapWei(old))
      const attempt = { fee, kind: request.purpose.kind, costWei }
      place.attempts = [...place.attempts, attempt]
      place.undoLast = () => {
        undo()
        place.attempts = place.attempts.filter((other) => other !== attempt)
      }
      return
    }
    case 'undo': {
      const place = among(model.open().filter(({ undoLast }) => undoLast !== null))
      place?.undoLast?.()
      if (place !== undefined) place.undoLast = null
      return
    }
    case 'release': {
      const place = among(model.places.filter(({ state }) => state !== 'released'))
      if (place === undefined) return
      budget.release(place.stake)
      place.state = 'released'
      place.landed = null
      return
    }
    case 'settle': {
      const place = among(model.open())
      if (place === undefined) return
      const attempt = place.attempts[step.which % place.attempts.length] as Place['attempts'][number]
      const wei = (attempt.costWei * BigInt(step.percent)) / 100n
      const landed = {
        wei,
        kind: attempt.kind,
        receipt: `${model.receipts++}`,
        atMs: model.nowMs,
        block: step.block,
      }
      budget.settle(place.stake, landed)
      place.landed = landed
      place.state = 'settled'
      return
    }
    case 'settle again': {
      const place = among(model.places.filter(({ state }) => state === 'settled'))
      if (place?.landed) budget.settle(place.stake, { ...place.landed, atMs: model.nowMs })
      return
    }
    case 'reopen': {
      const place = among(model.places.filter(({ state }) => state === 'settled'))
      if (place === undefined) return
      budget.reopen(place.stake)
      place.state = 'open'
      place.landed = null
      return
    }
    case 'wait':
      model.nowMs += step.ms
      return
    default:
      step satisfies never
  }
}

/**
 * A cancel in the place of a trade is refused for a limit on its own price alone, or because the account
 * holds too little: never because of what others have spent.
 */
function checkRefusedRepair(model: Model, place: Place, request: ReturnType<typeof priceOf>): void {
  if (request.purpose.kind === 'trade') return
  const tradeWei = most(place, ['trade'])
  const highestCap = highest(0n, ...place.attempts.map(({ fee }) => feeCapWei(fee)))
  const least = highestCap + highestCap / 8n + 1n
  const cost = least * NO_OP_GAS
  const others = model.atStake(place.lane) - most(place, ['trade', 'repair'])
  const hasRoom =
    least <= model.limits.maxFeeWei &&
    cost <= model.limits.maxTxCostWei &&
    cost <= tradeWei &&
    others + cost <= request.balanceWei
  expect(hasRoom).toBe(false)
}

test('no interleaving spends beyond a limit, and every sum is what was reserved and not given back', () => {
  fc.assert(
    fc.property(limitCases, steps, (limits, plan) => {
      const model = new Model(limits)
      const budget = createBudget({ limits, now: () => model.nowMs })
      for (const step of plan) {
        const before = [model.tradeExposure(), model.repairExposure()] as const
        run(model, budget, step)
        // A reorg puts at stake again what had landed for less; nothing else takes an exposure beyond its
        // limit.
        const [trade, repair] = [model.tradeExposure(), model.repairExposure()]
        if (step.step !== 'reopen') {
          if (trade > before[0]) expect(trade).toBeLessThanOrEqual(limits.maxSpendPerHourWei)
          if (repair > before[1]) expect(repair).toBeLessThanOrEqual(limits.maxRepairSpendPerHourWei)
        }
        expect(budget.spentLastHourWei()).toBe(model.spent())
        expect(budget.atStakeWei()).toBe(model.atStake())
        for (const lane of LANES) {
          expect(budget.atStakeWei(lane)).toBe(model.atStake(lane))
          expect(budget.paidWei(lane)).toBe(model.paid(lane))
          expect(budget.paidWei(lane, 32)).toBe(model.paid(lane, 32))
        }
        const { trades, repairs } = budget.report()
        expect(trades.spentLastHourWei + trades.atStakeWei).toBe(model.tradeExposure())
        expect(repairs.spentLastHourWei + repairs.atStakeWei).toBe(model.repairExposure())
      }
      for (const place of model.open())
        budget.settle(place.stake, {
          wei: 1n,
          receipt: `end ${model.receipts++}`,
          atMs: model.nowMs,
          block: 64,
        })
      expect(budget.atStakeWei()).toBe(0n)
      model.nowMs += HOUR_MS
      expect(budget.spentLastHourWei()).toBe(0n)
      expect(budget.report()).toMatchObject({
        trades: { spentLastHourWei: 0n, atStakeWei: 0n, leftWei: limits.maxSpendPerHourWei },
        repairs: { spentLastHourWei: 0n, atStakeWei: 0n, leftWei: limits.maxRepairSpendPerHourWei },
      })
    }),
    { numRuns: 1_500 },
  )
}, 60_000)
