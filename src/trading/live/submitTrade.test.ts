import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Transaction } from 'ethers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  FIRST_NONCE,
  HEAD,
  type LiveRig,
  liveTrade,
  NODE_DOWN,
  openExecution,
  openLiveRig,
  START_MS,
} from '../../../test/support/liveContext.ts'
import type { Simulation, Valuation } from '../../domain/execution.ts'
import type { Signal } from '../../domain/signal.ts'
import { fail, failure, succeed } from '../../errors/failure.ts'
import { openSqliteLiveJournal } from '../../journal/sqliteLiveJournal.ts'
import type { Slot } from '../../lanes/slot.ts'
import type { LiveContext } from './liveContext.ts'
import { submitTrade } from './submitTrade.ts'

let folder: string
let path: string
let rig: LiveRig
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'titan-submit-'))
  path = join(folder, 'chain-1.sqlite')
  rig = await openLiveRig({ path })
})
afterEach(() => {
  rig.journal.close()
  rmSync(folder, { recursive: true, force: true })
})

async function slotOf(): Promise<Slot> {
  const acquired = await rig.lanes.acquire({ deadlineMs: START_MS + 50 })
  if (!acquired.ok) throw new Error(acquired.failure.sentence)
  return acquired.value
}

/** Submits as the engine does: the slot is given back in the end, which has no effect on one that signed. */
async function submit({
  signal = liveTrade('a'),
  change = {},
}: {
  signal?: Signal
  change?: Partial<LiveContext>
} = {}) {
  const execution = openExecution(signal)
  const slot = await slotOf()
  try {
    const submission = await submitTrade(execution, slot, { ...rig.context, ...change })
    return { submission, execution, slot }
  } finally {
    slot.release()
  }
}

const inFlight = () => rig.lanes.status()[0]?.inFlight
const next = () => rig.lanes.status()[0]?.nonce

describe('submitTrade', () => {
  it('leaves the signed bytes on disk under the next nonce, and sends nothing', async () => {
    const { submission, execution, slot } = await submit()
    expect(submission).toEqual({ status: 'signed' })
    expect(execution.slot).toBe(slot)
    expect(execution.record).toMatchObject({ state: 'signed', nonce: FIRST_NONCE, lane: rig.key.address })

    const [attempt, ...others] = rig.journal.openAttempts()
    expect(others).toEqual([])
    expect(execution.attempts).toEqual([attempt])
    expect(attempt).toMatchObject({ kind: 'first', signalId: 'a', signedAtBlock: HEAD, signedAtMs: START_MS })
    const bytes = Transaction.from(attempt?.raw)
    expect({
      hash: bytes.hash,
      from: bytes.from?.toLowerCase(),
      to: bytes.to?.toLowerCase(),
      nonce: bytes.nonce,
      data: bytes.data,
      value: bytes.value,
      gasLimit: bytes.gasLimit,
      fees: [bytes.maxFeePerGas, bytes.maxPriorityFeePerGas],
    }).toEqual({
      hash: attempt?.hash,
      from: rig.key.address,
      to: rig.context.executor,
      nonce: FIRST_NONCE,
      data: rig.context.encodeCalldata(execution.record.signal),
      value: 0n,
      gasLimit: 615_398n,
      fees: [31_000_000_007n, 1_000_000_003n],
    })
    expect(rig.journal.open().map(({ record }) => record)).toEqual([execution.record])
    expect(rig.told).toEqual(['publish execution_update open'])
    expect([inFlight(), next()]).toEqual([1, FIRST_NONCE + 1])
  })

  it('counts blocks from the one it simulated on, when the newest known head is older', async () => {
    const { execution } = await submit({ change: { head: () => HEAD - 5 } })
    expect(execution.attempts[0]?.signedAtBlock).toBe(HEAD)
  })

  it('takes the nonce last of all, and simulates as the lane what it signs', async () => {
    const asked: string[] = []
    const note = (what: string) => {
      asked.push(`${what} at ${next()}`)
    }
    await submit({
      change: {
        async simulate(request) {
          note('simulate')
          expect(request.lane).toBe(rig.key.address)
          expect(request.calldata).toBe(rig.context.encodeCalldata(request.signal))
          return await rig.context.simulate(request)
        },
        async valuate(request) {
          note('valuate')
          return await rig.context.valuate(request)
        },
        async market() {
          note('market')
          return await rig.context.market()
        },
        async limitFee(request) {
          note('limitFee')
          return await rig.context.limitFee(request)
        },
        sign(draft) {
          note('sign')
          return rig.context.sign(draft)
        },
      },
    })
    expect(asked).toEqual([
      `simulate at ${FIRST_NONCE}`,
      `valuate at ${FIRST_NONCE}`,
      `market at ${FIRST_NONCE}`,
      `limitFee at ${FIRST_NONCE}`,
      `sign at ${FIRST_NONCE + 1}`,
    ])
  })

  it('gives nonces in order to trades that are submitted together', async () => {
    const submitted = await Promise.all(['a', 'b', 'c'].map((id) => submit({ signal: liveTrade(id) })))
    expect(submitted.map(({ execution }) => execution.record.nonce)).toEqual([41, 42, 43])
    expect(inFlight()).toBe(3)
  })
})

const failed =
  (over: Partial<Simulation>): LiveContext['simulate'] =>
  async (request) => {
    const simulated = await rig.context.simulate(request)
    return simulated.ok ? succeed({ ...simulated.value, success: false, profit: null, ...over }) : simulated
  }
const valued =
  (over: Partial<Valuation>): LiveContext['valuate'] =>
  async (request) => {
    const value = await rig.context.valuate(request)
    return value.ok ? succeed({ ...value.value, ...over }) : value
  }
type Stage = readonly [stage: string, change: () => Partial<LiveContext>, signal?: Partial<Signal>]
const refusing = (code: 'FEE_LIMIT' | 'INSUFFICIENT_FUNDS'): Partial<LiveContext> => ({
  limitFee: async () => fail(failure(code, 'No.')),
})

describe('a stage that fails before the nonce', () => {
  const DENIED: readonly (readonly [...Stage, state: string, code: string])[] = [
    ['valid_until', () => ({}), { validUntilMs: START_MS - 1 }, 'expired', 'EXPIRED'],
    ['max_block', () => ({}), { maxBlock: HEAD - 1 }, 'expired', 'EXPIRED'],
    ['min_profit', () => ({}), { minProfit: 7_000_004n }, 'denied', 'UNPROFITABLE'],
    ['a revert', () => ({ simulate: failed({ revertKind: 'failed' }) }), {}, 'denied', 'SIMULATION_FAILED'],
    ['a loss', () => ({ simulate: failed({ revertKind: 'unprofitable' }) }), {}, 'denied', 'UNPROFITABLE'],
    [
      'a deadline on chain',
      () => ({ simulate: failed({ revertKind: 'expired' }) }),
      {},
      'expired',
      'EXPIRED',
    ],
    ['gas above the profit', () => ({ valuate: valued({ pays: false }) }), {}, 'denied', 'UNPROFITABLE'],
    ['a fee above the limits', () => refusing('FEE_LIMIT'), {}, 'denied', 'FEE_LIMIT'],
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
      expect([inFlight(), next()]).toEqual([0, FIRST_NONCE])
      expect(rig.journal.openAttempts()).toEqual([])
      expect(rig.journal.open()).toEqual([])
      expect(JSON.parse(rig.journal.find('a')?.answer.body ?? '{}')).toMatchObject({ success: false, code })
      expect(rig.told).toEqual(['publish live_execution failed'])
    },
  )

  const REFUSED: readonly (readonly [...Stage, code: string])[] = [
    ['a relay there is not', () => ({}), { relay: 'private' }, 'UNSUPPORTED_ON_CHAIN'],
    ['a simulation without an answer', () => ({ simulate: async () => NODE_DOWN }), {}, 'NODE_UNAVAILABLE'],
    ['a gas price without an answer', () => ({ valuate: async () => NODE_DOWN }), {}, 'NODE_UNAVAILABLE'],
    ['a market without an answer', () => ({ market: async () => NODE_DOWN }), {}, 'NODE_UNAVAILABLE'],
    ['a balance without an answer', () => ({ limitFee: async () => NODE_DOWN }), {}, 'NODE_UNAVAILABLE'],
  ]
  it.each(REFUSED)(
    '%s: nothing is on disk, nothing reserved, and the id is free',
    async (_, change, over, code) => {
      const { submission, execution } = await submit({ signal: liveTrade('a', over), change: change() })
      expect(submission).toMatchObject({ status: 'refused', failure: { code } })
      expect(execution.record.state).toBe('accepted')
      expect([inFlight(), next()]).toEqual([0, FIRST_NONCE])
      expect(rig.journal.find('a')).toBeNull()
      expect(rig.journal.totals().totalSignals).toBe(0)
      expect(rig.told).toEqual([])
    },
  )

  it('an account too poor for it: it is stopped, nothing is reserved', async () => {
    const { submission } = await submit({
      change: {
        limitFee: async () =>
          fail(
            failure('INSUFFICIENT_FUNDS', 'The account holds too little.', { needed: '5000000000000001' }),
          ),
      },
    })
    expect(submission).toMatchObject({ status: 'unfit', failure: { code: 'INSUFFICIENT_FUNDS' } })
    expect([inFlight(), next()]).toEqual([0, FIRST_NONCE])
    expect(rig.told).toContain('poor 5000000000000001')
    expect(rig.journal.find('a')).toBeNull()
  })

  it('an account that somebody else has used: nothing is reserved, the trade may go by another', async () => {
    const used = failure('LANES_BUSY', 'A transaction that is not ours was sent from it.')
    const { submission } = await submit({ change: { checkLane: async () => used } })
    expect(submission).toEqual({ status: 'unfit', failure: used })
    expect([inFlight(), next()]).toEqual([0, FIRST_NONCE])
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
  it('gives the nonce back when the disk refuses, and the next trade takes it', async () => {
    const full = { ...rig.journal, record: () => Promise.reject(new Error('disk I/O error')) }
    const { submission, execution } = await submit({ change: { journal: full } })
    expect(submission).toMatchObject({
      status: 'refused',
      failure: { code: 'JOURNAL_UNAVAILABLE', sentence: 'The journal cannot be written: disk I/O error.' },
    })
    expect(execution).toMatchObject({ slot: null, attempts: [], record: { state: 'accepted' } })
    expect([inFlight(), next()]).toEqual([0, FIRST_NONCE])
    // What it could have cost is at stake no more.
    expect(rig.told).toEqual([`settled ${FIRST_NONCE}`])

    const { execution: second } = await submit({ signal: liveTrade('b') })
    expect(second.record.nonce).toBe(FIRST_NONCE)
    expect(rig.journal.openAttempts().map(({ signalId }) => signalId)).toEqual(['b'])
  })

  it('leaves a gap, not a loss, when a higher nonce is out already', async () => {
    const refused = Promise.withResolvers<never>()
    const first = submit({ change: { journal: { ...rig.journal, record: () => refused.promise } } })
    await submit({ signal: liveTrade('b') })
    refused.reject(new Error('disk I/O error'))
    await first
    expect(rig.lanes.status()[0]?.gaps).toEqual([FIRST_NONCE])
    const { execution } = await submit({ signal: liveTrade('c') })
    expect(execution.record.nonce).toBe(FIRST_NONCE)
    expect(rig.lanes.status()[0]?.gaps).toEqual([])
  })

  it('gives the nonce back when signing throws', async () => {
    const sign = () => {
      throw new Error('The signer is gone.')
    }
    await expect(submit({ change: { sign } })).rejects.toThrow('The signer is gone.')
    expect([inFlight(), next()]).toEqual([0, FIRST_NONCE])
    expect(rig.journal.find('a')).toBeNull()
  })
})
