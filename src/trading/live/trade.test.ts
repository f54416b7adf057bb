import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Transaction } from 'ethers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Change,
  FIRST_NONCE,
  HEAD,
  type LiveRig,
  liveTrade,
  NODE_DOWN,
  openLiveRig,
  openTrade,
  PROFIT,
  SIMULATION,
  START_MS,
} from '../../../test/support/liveContext.ts'
import type { Simulation, Valuation } from '../../domain/execution.ts'
import { maxCostWei } from '../../domain/fees.ts'
import type { Signal } from '../../domain/signal.ts'
import { CommitUnknown } from '../../errors/commitUnknown.ts'
import { failure, succeed } from '../../errors/failure.ts'
import { openSqliteLiveJournal } from '../../journal/sqliteLiveJournal.ts'
import type { Place } from '../../lanes/lane.ts'
import { sharesPool } from '../../route/sharesPool.ts'
import type { LiveContext } from './liveContext.ts'
import type { OpenExecution } from './openExecution.ts'
import { createTrades, type Trades } from './trade.ts'
import { createTradesInFlight } from './tradesInFlight.ts'

let folder: string
let path: string
let rig: LiveRig
let open: Map<string, OpenExecution>
let inFlight: ReturnType<typeof createTradesInFlight>
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'titan-trade-'))
  path = join(folder, 'chain-1.sqlite')
  open = new Map()
  inFlight = createTradesInFlight({ sharesPool })
  rig = await openLiveRig({ path })
})
afterEach(() => {
  rig.journal.close()
  rmSync(folder, { recursive: true, force: true })
})

async function acquire(): Promise<Place> {
  const acquired = await rig.lanes.acquire({ waitMs: 50 })
  if (!acquired.ok) throw new Error(acquired.failure.sentence)
  return acquired.value
}

const tradesWith = (change: Change = {}): Trades => {
  const context = Object.fromEntries(
    Object.entries(rig.context).map(([group, parts]) => [
      group,
      typeof parts === 'function' ? parts : { ...parts, ...change[group as keyof LiveContext] },
    ]),
  ) as unknown as LiveContext
  return createTrades({ open, inFlight, context })
}

/** Submits as the engine does: the place is given back in the end, which has no effect on one that signed. */
async function submit({ signal = liveTrade('a'), change = {} }: { signal?: Signal; change?: Change } = {}) {
  const execution = openTrade(signal)
  const place = await acquire()
  try {
    const submission = await tradesWith(change).submit(execution, place)
    return { submission, execution, place }
  } finally {
    place.release()
  }
}

const lane = () => rig.lanes.status()[0]
const atStake = () => rig.context.budget.atStakeWei()

describe('submit', () => {
  it('leaves the signed bytes on disk under the next nonce, and sends nothing', async () => {
    const { submission, execution, place } = await submit()
    expect(submission).toEqual({ status: 'signed' })
    expect(execution.place).toBe(place)
    expect(execution.record).toMatchObject({ state: 'signed', nonce: FIRST_NONCE, lane: rig.key.address })

    const [attempt, ...others] = rig.journal.openAttempts()
    expect(others).toEqual([])
    if (attempt === undefined) throw new Error('Nothing is on disk.')
    expect(execution.attempts).toEqual([attempt])
    expect(attempt).toMatchObject({ kind: 'first', signalId: 'a', signedAtBlock: HEAD, signedAtMs: START_MS })
    const bytes = Transaction.from(attempt.raw)
    // What was judged is enforced: the executor reverts below the highest cost of this very transaction.
    const minProfit = maxCostWei({ quote: attempt.fee, gasLimit: attempt.gasLimit })
    expect({
      hash: bytes.hash,
      from: bytes.from?.toLowerCase(),
      to: bytes.to?.toLowerCase(),
      nonce: bytes.nonce,
      data: bytes.data,
      value: bytes.value,
      gasLimit: bytes.gasLimit,
    }).toEqual({
      hash: attempt.hash,
      from: rig.key.address,
      to: rig.context.trade.executor,
      nonce: FIRST_NONCE,
      data: rig.context.trade.calldata(execution.record.signal, { minProfit, deadlineMs: null }),
      value: 0n,
      gasLimit: 615_398n,
    })
    expect(rig.journal.open().map(({ record }) => record)).toEqual([execution.record])
    expect(rig.told).toEqual(['publish execution_update open'])
    expect(lane()).toMatchObject({ inFlight: 1, nonce: FIRST_NONCE + 1 })
    expect(atStake()).toBe(minProfit)
  })

  it('counts blocks from the one it simulated on, when the newest known head is older', async () => {
    const { execution } = await submit({ change: { chain: { head: () => HEAD - 5 } } })
    expect(execution.attempts[0]?.signedAtBlock).toBe(HEAD)
  })

  it('takes the nonce last of all, and simulates as the lane', async () => {
    const asked: string[] = []
    const note = (what: string) => void asked.push(`${what} at ${lane()?.nonce}`)
    const { trade } = rig.context
    await submit({
      change: {
        trade: {
          async simulate(request) {
            note('simulate')
            expect(request.lane).toBe(rig.key.address)
            return await trade.simulate(request)
          },
          async market() {
            note('market')
            return await trade.market()
          },
          async gasLimit(request) {
            note('gasLimit')
            return await trade.gasLimit(request)
          },
          sign(draft) {
            note('sign')
            return trade.sign(draft)
          },
        },
      },
    })
    expect(asked).toEqual([
      `simulate at ${FIRST_NONCE}`,
      `market at ${FIRST_NONCE}`,
      `gasLimit at ${FIRST_NONCE}`,
      `sign at ${FIRST_NONCE + 1}`,
    ])
  })

  it('gives nonces in order to trades that are submitted together, each behind those before it', async () => {
    const { simulate } = rig.context.trade
    const behind = new Map<string, string[]>()
    const spy: LiveContext['trade']['simulate'] = async (request) => {
      behind.set(
        request.signal.signalId,
        request.behind.map(({ signalId }) => signalId),
      )
      const simulated = await simulate(request)
      // What comes behind still pays here.
      return simulated.ok ? succeed({ ...simulated.value, takenBy: null }) : simulated
    }
    const trades = tradesWith({ trade: { simulate: spy } })
    const executions = ['a', 'b', 'c'].map((id) => openTrade(liveTrade(id)))
    await Promise.all(executions.map(async (execution) => trades.submit(execution, await acquire())))
    expect(executions.map(({ record }) => record.nonce)).toEqual([41, 42, 43])
    expect([behind.get('a'), behind.get('b'), behind.get('c')]).toEqual([[], ['a'], ['a', 'b']])
  })

  it('signs one of five for one opportunity, and names it to the others', async () => {
    const { simulate } = rig.context.trade
    const taken: LiveContext['trade']['simulate'] = async (request) => {
      const simulated = await simulate(request)
      const isFree = request.behind.length === 0
      return simulated.ok && !isFree
        ? succeed({ ...simulated.value, success: false, profit: null, revertKind: 'unprofitable' })
        : simulated
    }
    const trades = tradesWith({ trade: { simulate: taken } })
    const executions = ['a', 'b', 'c', 'd'].map((id) => openTrade(liveTrade(id)))
    const submissions = await Promise.all(
      executions.map(async (execution) => trades.submit(execution, await acquire())),
    )
    expect(submissions.map(({ status }) => status)).toEqual(['signed', 'denied', 'denied', 'denied'])
    for (const { record } of executions.slice(1))
      expect(record.failure).toMatchObject({ code: 'OPPORTUNITY_TAKEN', facts: { taken_by: 'a' } })
    expect(rig.journal.openAttempts()).toHaveLength(1)
  })

  it('believes no state that lacks a trade of ours that is in a block', async () => {
    inFlight.add({ signal: liveTrade('before'), signalId: 'before', calldata: '0x' })
    inFlight.included('before', HEAD + 1)
    const { simulate } = rig.context.trade
    let asked = 0
    const lagging: LiveContext['trade']['simulate'] = async (request) => {
      asked += 1
      const simulated = await simulate(request)
      return simulated.ok ? succeed({ ...simulated.value, block: HEAD + (asked > 2 ? 1 : 0) }) : simulated
    }
    const { submission } = await submit({ change: { trade: { simulate: lagging } } })
    expect([submission.status, asked]).toEqual(['signed', 3])
  })

  it('signs no more in one tick than the account can pay for', async () => {
    const cost = 31_000_000_007n * 615_398n
    const change = { trade: { simulate: holding((3n * cost) / 2n) } }
    const submitted = await Promise.all(
      ['a', 'b', 'c', 'd'].map((id) => submit({ signal: liveTrade(id, { hops: [] }), change })),
    )
    expect(submitted.filter(({ submission }) => submission.status === 'signed')).toHaveLength(1)
    expect(submitted.filter(({ submission }) => submission.status === 'unfit')).toHaveLength(3)
    expect(lane()?.paused).toContain('needs')
  })

  it.each([
    ['above the simulated one is not there any more', 1, 'unfit'],
    ['that was simulated is gone from its balance', 0, 'signed'],
  ] as const)('what the account has paid in the block %s', async (_, above, status) => {
    const wei = 31_000_000_007n * 615_398n
    const { budget, clock } = rig.context
    const stake = budget.adopt({ lane: rig.key.address, maxCostWei: wei })
    budget.settle(stake, { wei, receipt: 'hash/block', atMs: clock.steadyMs(), block: rig.head + above })
    const { submission } = await submit({ change: { trade: { simulate: holding((3n * wei) / 2n) } } })
    expect(submission.status).toBe(status)
  })
})

/** The account of the lane holds this. */
const holding =
  (fundsWei: bigint): LiveContext['trade']['simulate'] =>
  async () =>
    succeed({ ...SIMULATION, block: rig.head, fundsWei })

const failed =
  (over: Partial<Simulation>): (() => Change) =>
  () => ({
    trade: {
      async simulate(request) {
        const simulated = await rig.context.trade.simulate(request)
        return simulated.ok
          ? succeed({ ...simulated.value, success: false, profit: null, ...over })
          : simulated
      },
    },
  })
const valued =
  (over: Partial<Valuation>): (() => Change) =>
  () => ({
    trade: {
      async valuate(request) {
        const value = await rig.context.trade.valuate(request)
        return value.ok ? succeed({ ...value.value, ...over }) : value
      },
    },
  })
const unpriced = valued({ profitWei: null, rate: null, netProfitUsdE8: null, pays: null })
const tradeDown = (part: 'simulate' | 'valuate' | 'market') => (): Change => ({
  trade: { [part]: async () => NODE_DOWN },
})
type Stage = readonly [stage: string, change: () => Change, signal?: Partial<Signal>]

describe('a stage that fails before the nonce', () => {
  const DENIED: readonly (readonly [...Stage, state: string, code: string])[] = [
    ['valid_until', () => ({}), { validUntilMs: START_MS - 1 }, 'expired', 'EXPIRED'],
    ['max_block', () => ({}), { maxBlock: HEAD - 1 }, 'expired', 'EXPIRED'],
    ['min_profit', () => ({}), { minProfit: PROFIT + 1n }, 'denied', 'UNPROFITABLE'],
    ['a revert', failed({ revertKind: 'failed' }), {}, 'denied', 'SIMULATION_FAILED'],
    ['a loss', failed({ revertKind: 'unprofitable' }), {}, 'denied', 'UNPROFITABLE'],
    ['a deadline on chain', failed({ revertKind: 'expired' }), {}, 'expired', 'EXPIRED'],
    ['gas above the profit', valued({ pays: false }), {}, 'denied', 'UNPROFITABLE'],
    ['a token without a price', unpriced, {}, 'denied', 'UNPRICED'],
    ['a fee above the profit', valued({ profitWei: 1n }), {}, 'denied', 'FEE_LIMIT'],
  ]
  it.each(DENIED)(
    '%s: the outcome is on disk, and nothing is reserved',
    async (_, change, over, state, code) => {
      const { submission, execution } = await submit({ signal: liveTrade('a', over), change: change() })
      expect(submission).toEqual({ status: 'denied' })
      expect(execution.record).toMatchObject({
        state,
        final: true,
        lane: null,
        nonce: null,
        failure: { code },
      })
      expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE })
      expect(atStake()).toBe(0n)
      expect(rig.journal.openAttempts()).toEqual([])
      expect(rig.journal.open()).toEqual([])
      expect(JSON.parse(rig.journal.find('a')?.answer.body ?? '{}')).toMatchObject({ success: false, code })
      expect(rig.told).toEqual(['publish live_execution failed'])
    },
  )

  const REFUSED: readonly (readonly [...Stage, code: string])[] = [
    ['a relay there is not', () => ({}), { relay: 'private' }, 'UNSUPPORTED_ON_CHAIN'],
    ['a simulation without an answer', tradeDown('simulate'), {}, 'NODE_UNAVAILABLE'],
    ['a price without an answer', tradeDown('valuate'), {}, 'NODE_UNAVAILABLE'],
    ['a market without an answer', tradeDown('market'), {}, 'NODE_UNAVAILABLE'],
  ]
  it.each(REFUSED)(
    '%s: nothing is on disk, nothing reserved, and the id is free',
    async (_, change, over, code) => {
      const { submission, execution } = await submit({ signal: liveTrade('a', over), change: change() })
      expect(submission).toMatchObject({ status: 'refused', failure: { code } })
      expect(execution.record.state).toBe('accepted')
      expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE })
      expect(atStake()).toBe(0n)
      expect(rig.journal.find('a')).toBeNull()
      expect(rig.journal.totals().totalSignals).toBe(0)
      expect(rig.told).toEqual([])
    },
  )

  it('a relay there is not is not hinted at as a missing lender', async () => {
    const { submission } = await submit({ signal: liveTrade('a', { relay: 'private' }) })
    expect(submission).toMatchObject({
      failure: { hint: 'Send relay "public", or configure a relay of the chain.' },
    })
  })

  it('an underfunded account: it is stopped, nothing is reserved', async () => {
    const { submission } = await submit({ change: { trade: { simulate: holding(7n) } } })
    expect(submission).toMatchObject({ status: 'unfit', failure: { code: 'INSUFFICIENT_FUNDS' } })
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE })
    expect(rig.told).toEqual([`underfunded ${31_000_000_007n * 615_398n}`])
    expect(rig.journal.find('a')).toBeNull()
  })

  it('an account that another party has used: nothing is reserved, the trade may go by another', async () => {
    const used = failure('LANES_BUSY', 'A transaction that is not ours was sent from it.')
    const { submission } = await submit({ change: { maintenance: { checkBeforeUse: async () => used } } })
    expect(submission).toEqual({ status: 'unfit', failure: used })
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE })
  })

  it('a denial that the disk refuses is a refusal', async () => {
    rig.journal.close()
    const { submission } = await submit({ signal: liveTrade('a', { validUntilMs: START_MS - 1 }) })
    expect(submission).toMatchObject({ status: 'refused', failure: { code: 'JOURNAL_UNAVAILABLE' } })
    rig = { ...rig, journal: openSqliteLiveJournal({ path, publish: () => {} }) }
    expect(rig.journal.find('a')).toBeNull()
  })
})

describe('a failure after the nonce', () => {
  const refusing = (error: Error): Change => ({ journal: { record: () => Promise.reject(error) } })

  it('gives the nonce back when the disk refuses, and the next trade takes it', async () => {
    const { submission, execution } = await submit({ change: refusing(new Error('disk is full')) })
    expect(submission).toMatchObject({
      status: 'refused',
      failure: { code: 'JOURNAL_UNAVAILABLE', sentence: 'The journal cannot be written: disk is full.' },
    })
    expect(execution).toMatchObject({ place: null, attempts: [], record: { state: 'accepted' } })
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE })
    expect(atStake()).toBe(0n)
    expect(inFlight.behind(liveTrade('z'))).toEqual([])

    const { execution: second } = await submit({ signal: liveTrade('b') })
    expect(second.record.nonce).toBe(FIRST_NONCE)
    expect(rig.journal.openAttempts().map(({ signalId }) => signalId)).toEqual(['b'])
  })

  it('gives it to no other trade when the record may be on disk: a no-op uses it up', async () => {
    const { submission } = await submit({ change: refusing(new CommitUnknown('disk I/O error')) })
    expect(submission).toMatchObject({ status: 'refused', failure: { code: 'JOURNAL_UNAVAILABLE' } })
    expect(lane()?.gaps).toEqual([FIRST_NONCE])
    const { execution } = await submit({ signal: liveTrade('b') })
    expect(execution.record.nonce).toBe(FIRST_NONCE + 1)
    const account = rig.lanes.lane(rig.key.address)
    if (account === null) throw new Error('There is no lane.')
    await tradesWith().fill(account, FIRST_NONCE)
    expect(rig.told).toContain(`send filler ${FIRST_NONCE}`)
    expect(lane()?.gaps).toEqual([])
  })

  it('leaves a gap, not a loss, when a higher nonce is out already', async () => {
    const refused = Promise.withResolvers<never>()
    const first = submit({ change: { journal: { record: () => refused.promise } } })
    await expect.poll(() => lane()?.nonce).toBe(FIRST_NONCE + 1)
    await submit({ signal: liveTrade('b', { hops: [] }) })
    refused.reject(new Error('disk is full'))
    await first
    expect(lane()?.gaps).toEqual([FIRST_NONCE])
    const { execution } = await submit({ signal: liveTrade('c', { hops: [] }) })
    expect(execution.record.nonce).toBe(FIRST_NONCE)
    expect(lane()?.gaps).toEqual([])
  })

  it('gives the nonce and the money back when signing throws', async () => {
    const sign = () => {
      throw new Error('The signer is gone.')
    }
    await expect(submit({ change: { trade: { sign } } })).rejects.toThrow('The signer is gone.')
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE })
    expect(atStake()).toBe(0n)
    expect(rig.journal.find('a')).toBeNull()
  })
})
