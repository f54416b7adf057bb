import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Change,
  HEAD,
  type LiveRig,
  liveTrade,
  NODE_DOWN,
  openLiveRig,
  openTrade,
  PROFIT,
} from '../../../test/support/liveContext.ts'
import type { BroadcastOutcome } from '../../broadcast/broadcast.ts'
import type { VerdictClass } from '../../broadcast/verdict.ts'
import type { LiveExecution } from '../../domain/liveExecution.ts'
import { failure } from '../../errors/failure.ts'
import { sharesPool } from '../../route/sharesPool.ts'
import type { LiveContext } from './liveContext.ts'
import type { OpenExecution } from './openExecution.ts'
import type { Replaced } from './replace.ts'
import { createTrades, type Trades } from './trade.ts'
import { createTradesInFlight } from './tradesInFlight.ts'

let folder: string
let rig: LiveRig
let execution: OpenExecution<LiveExecution>
let trades: Trades
let outcome: () => Promise<BroadcastOutcome>
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'titan-send-'))
  rig = await openLiveRig({
    path: join(folder, 'chain-1.sqlite'),
    change: () => ({ send: { broadcast: () => outcome() } }),
  })
  trades = tradesWith()
  execution = openTrade(liveTrade('a'))
  const acquired = await rig.lanes.acquire({ waitMs: 50 })
  if (!acquired.ok) throw new Error(acquired.failure.sentence)
  await trades.submit(execution, acquired.value)
  rig.told.length = 0
})
afterEach(() => {
  rig.journal.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The trades of the rig, some parts of whose context are others. */
function tradesWith(change: Change = {}): Trades {
  const context = Object.fromEntries(
    Object.entries(rig.context).map(([group, parts]) => [
      group,
      { ...parts, ...change[group as keyof LiveContext] },
    ]),
  ) as unknown as LiveContext
  return createTrades({ open: new Map(), inFlight: createTradesInFlight({ sharesPool }), context })
}

/** A block later it still pays, so that it may be bumped. */
async function bump(by: Trades = trades): Promise<Replaced['kind']> {
  rig.head += 1
  await by.reevaluate(execution)
  return (await by.replace(execution, { kind: 'bump' })).kind
}

const accepted = async (): Promise<BroadcastOutcome> => ({
  status: 'accepted',
  hash: execution.attempts[0]?.hash ?? '0x',
})
const without =
  (
    status: 'refused' | 'contested' | 'unknown',
    classes: readonly VerdictClass[],
    code: 'SEND_REFUSED' | 'INSUFFICIENT_FUNDS' = 'SEND_REFUSED',
  ) =>
  async (): Promise<BroadcastOutcome> => ({
    status,
    failure: failure(code, 'No node took it.'),
    verdicts: classes.map((verdict, index) => ({ host: `node-${index}`, class: verdict, message: verdict })),
  })
const send = () => trades.send(execution)
const stateOnDisk = () => rig.journal.open()[0]?.record.state

describe('send', () => {
  it('is pending, on disk and for subscribers, once a node has taken it; and only once', async () => {
    outcome = accepted
    rig.head = HEAD + 3
    rig.elapsedMs = 777_777
    await send()
    expect(execution.sending).toMatchObject({ taken: true, atBlock: HEAD + 3, atMs: 777_777 })
    await expect.poll(() => execution.record.state).toBe('pending')
    expect(stateOnDisk()).toBe('pending')
    await send()
    await execution.lastChange
    expect(rig.told).toEqual(['publish execution_update open'])
  })

  it.each([
    ['unknown', ['no_answer']],
    ['contested', ['nonce_too_low']],
    ['refused', ['txpool_full']],
  ] as const)('keeps its nonce and its state when the outcome is %s', async (status, classes) => {
    outcome = without(status, classes)
    await send()
    expect(execution.sending).toMatchObject({ taken: false, refusal: 'none' })
    expect(stateOnDisk()).toBe('signed')
    expect(rig.lanes.status()[0]?.inFlight).toBe(1)
    expect(rig.journal.openAttempts()).toHaveLength(1)
  })

  it.each<[string, 'refused' | 'contested' | 'unknown', VerdictClass[], string]>([
    ['all say that it pays too little', 'refused', ['underpriced', 'underpriced'], 'price'],
    ['one says something else', 'refused', ['underpriced', 'txpool_full'], 'none'],
    ['one did not answer', 'unknown', ['underpriced', 'no_answer'], 'price'],
    ['one is down', 'refused', ['intrinsic_gas', 'unreachable'], 'permanent'],
    ['all are down', 'refused', ['unreachable', 'unreachable'], 'none'],
    ['nothing will ever make it valid', 'refused', ['intrinsic_gas', 'gas_limit'], 'permanent'],
    ['it is too dear for the nodes', 'refused', ['fee_cap_exceeded'], 'too_much'],
    ['a foreign transaction holds the nonce', 'contested', ['replacement_underpriced'], 'none'],
  ])('%s: %s by %j is %s', async (_, status, classes, refusal) => {
    outcome = without(status, classes)
    await send()
    expect(execution.sending.refusal).toBe(refusal)
  })

  it('takes "replacement underpriced" for a matter of price where an attempt of ours holds the nonce', async () => {
    outcome = without('contested', ['replacement_underpriced'])
    expect(await bump()).toBe('out')
    expect(execution.attempts.map(({ kind }) => kind)).toEqual(['first', 'replacement'])
    expect(execution.sending.refusal).toBe('price')
  })

  it('shows nobody what must stay private and was so for long enough: only its no-op goes to nodes', async () => {
    const to: string[] = []
    const warned: string[] = []
    const secret = tradesWith({
      log: { warn: (_, sentence) => warned.push(sentence) },
      send: {
        phase: () => 'cancel',
        async broadcast(request) {
          to.push(`${request.attempt.kind} ${request.to}`)
          return await accepted()
        },
      },
    })
    await secret.send(execution)
    await secret.send(execution)
    expect(to).toEqual([])
    expect(warned).toEqual(['It must stay private: nothing of it is sent until a no-op takes its place.'])
    await secret.replace(execution, { kind: 'cancel', reason: failure('EXPIRED', 'Too long.') })
    expect(to).toEqual(['cancel nodes'])
  })

  it('takes what is said of an older attempt for nothing about the newest', async () => {
    const late = Promise.withResolvers<BroadcastOutcome>()
    outcome = () => late.promise
    const first = send()
    outcome = accepted
    await bump()
    late.resolve(await without('refused', ['underpriced'])())
    await first
    expect(execution.sending).toMatchObject({ taken: true, refusal: 'none' })
  })

  it('waits for the newest attempt, though an older one is answered', async () => {
    const [early, late] = [
      Promise.withResolvers<BroadcastOutcome>(),
      Promise.withResolvers<BroadcastOutcome>(),
    ]
    outcome = () => early.promise
    const first = send()
    outcome = () => late.promise
    const bumped = bump()
    await expect.poll(() => execution.attempts).toHaveLength(2)
    early.resolve(await accepted())
    await first
    expect(execution.sending.underway).toBe(execution.attempts[1]?.hash)
    late.resolve(await accepted())
    await bumped
    expect(execution.sending.underway).toBeNull()
  })

  it('tells of an account that cannot pay for what it has signed, and what that may cost', async () => {
    outcome = without('refused', ['insufficient_funds'], 'INSUFFICIENT_FUNDS')
    await send()
    expect(execution.sending.refusal).toBe('too_much')
    expect(rig.told).toEqual([`underfunded ${(615_398n * 31_000_000_007n * 11n) / 10n}`])
    expect(rig.lanes.status()[0]?.inFlight).toBe(1)
  })

  it('does not undo what a block said while the node was slow to answer', async () => {
    const late = Promise.withResolvers<BroadcastOutcome>()
    outcome = () => late.promise
    const sending = send()
    execution.record = { ...execution.record, state: 'included' }
    late.resolve(await accepted())
    await sending
    await execution.lastChange
    expect(execution.record.state).toBe('included')
    expect(rig.told).toEqual([])
  })

  it('does not fail when the acceptance cannot be journaled', async () => {
    outcome = accepted
    const recordSoon = () => Promise.reject(new Error('disk is full'))
    await tradesWith({ journal: { recordSoon } }).send(execution)
    await execution.lastChange
    expect([execution.record.state, stateOnDisk()]).toEqual(['signed', 'signed'])
  })
})

describe('replace', () => {
  it('signs nothing for what was settled while the market was read', async () => {
    const freshMarket = async () => {
      execution.record = { ...execution.record, state: 'included' }
      return await rig.context.trade.freshMarket()
    }
    expect(await bump(tradesWith({ trade: { freshMarket } }))).toBe('settled')
    expect(rig.journal.openAttempts()).toHaveLength(1)
    expect(rig.told.filter((line) => line.startsWith('send'))).toEqual([])
  })

  it('signs one no-op of two that are wanted at once', async () => {
    outcome = accepted
    const by = { kind: 'cancel', reason: failure('CANCELLED', 'The operator has cancelled it.') } as const
    const replaced = await Promise.all([trades.replace(execution, by), trades.replace(execution, by)])
    expect(replaced.map(({ kind }) => kind)).toEqual(['out', 'superseded'])
    expect(execution.attempts.map(({ kind }) => kind)).toEqual(['first', 'cancel'])
  })

  it('forgets what a replacement could have cost that came too late to be put down', async () => {
    const before = rig.context.budget.atStakeWei()
    const sign: LiveContext['trade']['sign'] = (draft) => {
      execution.lastChange = new Promise((resolve) => {
        setImmediate(() => {
          execution.record = { ...execution.record, state: 'included' }
          resolve()
        })
      })
      return rig.context.trade.sign(draft)
    }
    expect(await bump(tradesWith({ trade: { sign } }))).toBe('settled')
    expect(rig.journal.openAttempts()).toHaveLength(1)
    expect(rig.context.budget.atStakeWei()).toBe(before)
  })

  it('has the replacement on disk, at the same nonce and for more, before it leaves', async () => {
    const onDisk: number[] = []
    outcome = async () => {
      onDisk.push(rig.journal.openAttempts().length)
      return await accepted()
    }
    rig.head = HEAD + 3
    expect(await bump()).toBe('out')
    expect(onDisk).toEqual([2])
    const [first, second] = rig.journal.openAttempts()
    if (first?.fee.type !== 2 || second?.fee.type !== 2) throw new Error('There are not two attempts.')
    expect(second).toMatchObject({ kind: 'replacement', nonce: first.nonce, signedAtBlock: HEAD + 4 })
    // geth and reth want a tenth more of both.
    expect(second.fee.maxFeePerGas * 10n).toBeGreaterThanOrEqual(first.fee.maxFeePerGas * 11n)
    const tips = [first.fee.maxPriorityFeePerGas * 11n, second.fee.maxPriorityFeePerGas * 10n] as const
    expect(tips[1]).toBeGreaterThanOrEqual(tips[0])
    expect(second.hash).not.toBe(first.hash)
    expect(rig.lanes.status()[0]).toMatchObject({ inFlight: 1, gaps: [] })
  })

  it('sends nothing that the disk has refused', async () => {
    outcome = () => Promise.reject(new Error('It was sent.'))
    const record = () => Promise.reject(new Error('disk is full'))
    const reason = failure('UNPROFITABLE', 'It does not pay.')
    const refusing = tradesWith({ journal: { record } })
    expect(await refusing.replace(execution, { kind: 'cancel', reason })).toMatchObject({
      kind: 'kept',
      failure: { code: 'JOURNAL_UNAVAILABLE' },
    })
    expect(execution.attempts).toHaveLength(1)
    expect(rig.journal.openAttempts()).toHaveLength(1)
  })

  it('signs nothing when no limit leaves room, the market cannot be read, or its worth is not known', async () => {
    outcome = () => Promise.reject(new Error('It was sent.'))
    expect(await bump(tradesWith({ trade: { balance: async () => 0n } }))).toBe('kept')
    expect(await bump(tradesWith({ trade: { freshMarket: async () => NODE_DOWN } }))).toBe('kept')
    expect(await bump(tradesWith({ trade: { simulate: async () => NODE_DOWN } }))).toBe('kept')
    expect(rig.journal.openAttempts()).toHaveLength(1)
  })

  it('enforces on chain what the replacement itself can cost', async () => {
    const floors: bigint[] = []
    const calldata: LiveContext['trade']['calldata'] = (signal, options) => {
      floors.push(options.minProfit)
      return rig.context.trade.calldata(signal, options)
    }
    outcome = accepted
    expect(await bump(tradesWith({ trade: { calldata } }))).toBe('out')
    const [first, second] = rig.journal.openAttempts()
    const cost = (attempt = second) =>
      attempt?.fee.type === 2 ? attempt.fee.maxFeePerGas * attempt.gasLimit : 0n
    expect(floors.at(-1)).toBe(cost())
    expect(cost()).toBeGreaterThan(cost(first))
    expect(cost()).toBeLessThanOrEqual(PROFIT)
  })
})
