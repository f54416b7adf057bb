import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Hex } from '../domain/signal.ts'
import type { MinedReceipt } from './minedReceipt.ts'
import { nextStep, type Refusal } from './nextStep.ts'
import type { Finding } from './readChain.ts'

const POLICY = {
  untakenAfterMs: 2_000,
  rebroadcastAfterMs: 15_000,
  patienceMs: 500,
  rebroadcastAfter: 7,
  bumpAfter: 4,
  foreignAfter: 6,
}
const NONCE = 41

const receipt: MinedReceipt = {
  inclusion: {
    hash: `0x${'a1'.repeat(32)}`,
    block: 1_234,
    blockHash: `0x${'b2'.repeat(32)}` as Hex,
    gasUsed: 321_987n,
    effectiveGasPriceWei: 1_500_000_007n,
    l1FeeWei: 0n,
  },
  success: true,
  logs: [],
}

const absent = (...minedCounts: number[]) => ({
  finding: { kind: 'absent', replaced: false, asked: true } as Finding,
  minedCounts,
})
const replaced = (...minedCounts: number[]) => ({
  finding: { kind: 'absent', replaced: true, asked: true } as Finding,
  minedCounts,
})
const UNKNOWN: Finding = { kind: 'unknown', reason: 'the node does not answer' }

type Facts = Parameters<typeof nextStep>[0]
/** Out since this block, taken by a node, paying: nothing to do. */
const step = (facts: Partial<Facts>) =>
  nextStep({
    nonce: NONCE,
    ...absent(),
    blocksSinceSent: 0,
    blocksSinceSigned: 0,
    blocksSincePassed: null,
    msSinceSent: 0,
    msSinceSigned: 86_400_000,
    taken: true,
    refusal: 'none',
    isNoOp: false,
    worth: 'pays',
    phase: 'public',
    mayCancel: true,
    policy: POLICY,
    ...facts,
  })

describe('nextStep, by rows of the failure table', () => {
  it('1: "nonce too low" on first sight decides nothing; a passed nonce needs long agreement, an unread answer never counts', () => {
    const passed = { ...absent(NONCE + 1, NONCE + 3), taken: false, blocksSinceSent: 9 }
    expect(step({ ...passed, blocksSincePassed: 0 }).kind).toBe('undecided')
    expect(step({ ...passed, blocksSincePassed: 5 }).kind).toBe('undecided')
    expect(step({ ...passed, blocksSincePassed: 6 })).toEqual({ kind: 'passed' })
    expect(step({ ...passed, blocksSincePassed: 60, finding: UNKNOWN }).kind).toBe('undecided')
  })

  it('2: "nonce too low" on a replacement: the earlier attempt that was mined settles it, whatever else is known', () => {
    const facts = {
      blocksSincePassed: 99,
      blocksSinceSigned: 99,
      refusal: 'price' as const,
      worth: 'unpaying' as const,
    }
    expect(step({ ...facts, finding: { kind: 'mined', receipt, final: false } })).toEqual({
      kind: 'mined',
      receipt,
      final: false,
    })
  })

  it('4: a replacement refused as underpriced is bumped at the next block, from the same nonce', () => {
    expect(step({ refusal: 'price', taken: false, blocksSinceSigned: 1 })).toEqual({ kind: 'bump' })
  })

  it('7: refused for its price, it is priced anew at the next block, not sent again for ever', () => {
    const refused = { refusal: 'price' as const, taken: false, msSinceSent: 60_000 }
    expect(step({ ...refused, blocksSinceSigned: 1, blocksSinceSent: 1 })).toEqual({ kind: 'bump' })
    expect(step({ ...refused, blocksSinceSigned: 0 })).toEqual({ kind: 'rebroadcast' })
  })

  it('8: what no limit lets rise is asked to rise at every look; the same bytes go out in its place', () => {
    // `bump` where nothing was signed since leaves the newest attempt as it is: the engine sends that again.
    expect(step({ blocksSinceSigned: 40, blocksSinceSent: 1 })).toEqual({ kind: 'bump' })
  })

  it('10: without funds the same bytes wait for them; nothing dearer is signed', () => {
    const underfunded = { refusal: 'too_much' as const, taken: false, blocksSinceSigned: 99 }
    expect(step({ ...underfunded, blocksSinceSent: 1 })).toEqual({ kind: 'rebroadcast' })
    expect(step(underfunded)).toEqual({ kind: 'wait' })
  })

  it('11: refused for good, its nonce is burnt by a no-op, once', () => {
    const refused = { refusal: 'permanent' as const, taken: false, blocksSinceSent: 1, blocksSinceSigned: 1 }
    expect(step(refused)).toEqual({ kind: 'cancel', why: 'refused' })
    expect(step({ ...refused, isNoOp: true })).toEqual({ kind: 'rebroadcast' })
  })

  it('13: dropped in silence, the same bytes go out again, whatever the node said before', () => {
    const out = { policy: { ...POLICY, bumpAfter: 100 }, msSinceSent: POLICY.patienceMs }
    expect(step({ ...out, blocksSinceSent: 6, blocksSinceSigned: 6 })).toEqual({ kind: 'wait' })
    expect(step({ ...out, blocksSinceSent: 7, blocksSinceSigned: 7 })).toEqual({ kind: 'rebroadcast' })
  })

  it('13: a chain that makes many blocks in no time is not sent the same bytes at each', () => {
    const out = { policy: { ...POLICY, bumpAfter: 100 }, blocksSinceSent: 90, blocksSinceSigned: 90 }
    expect(step({ ...out, msSinceSent: POLICY.patienceMs - 1 })).toEqual({ kind: 'wait' })
    expect(step({ ...out, msSinceSent: POLICY.patienceMs })).toEqual({ kind: 'rebroadcast' })
  })

  it('13: what no node has confirmed goes out again at the next block, or by time where no block comes', () => {
    expect(step({ taken: false, blocksSinceSent: 1 })).toEqual({ kind: 'rebroadcast' })
    expect(step({ taken: false, msSinceSent: 1_999 })).toEqual({ kind: 'wait' })
    expect(step({ taken: false, msSinceSent: 2_000 })).toEqual({ kind: 'rebroadcast' })
  })

  it('14: "already known" and never mined: bumped after so many blocks', () => {
    expect(step({ blocksSinceSigned: 3, blocksSinceSent: 3 })).toEqual({ kind: 'wait' })
    expect(step({ blocksSinceSigned: 4, blocksSinceSent: 4 })).toEqual({ kind: 'bump' })
  })

  it('15, 16: an endpoint that is down, late or lying about the count stops no bump, no cancel and no resend', () => {
    const cases = [absent(), absent(NONCE), absent(NONCE, NONCE + 9), absent(NONCE - 7, NONCE + 1)]
    for (const counts of cases) {
      expect(step({ ...counts, blocksSinceSigned: 4 })).toEqual({ kind: 'bump' })
      expect(step({ ...counts, worth: 'unpaying', blocksSinceSigned: 2 }).kind).toBe('cancel')
      expect(step({ ...counts, taken: false, blocksSinceSent: 1 })).toEqual({ kind: 'rebroadcast' })
    }
  })

  it('23: a transaction that is not ours: only when every count that was told has passed the nonce for long', () => {
    const long = { blocksSincePassed: 6 }
    expect(step({ ...long, ...absent(NONCE + 1, NONCE + 1) })).toEqual({ kind: 'passed' })
    expect(step({ ...long, ...absent(NONCE, NONCE + 1) }).kind).toBe('wait')
    expect(step({ ...long, ...absent() }).kind).toBe('wait')
  })

  it('24: back to pending when another block stands in its place and the nonce is free again', () => {
    expect(step(replaced(NONCE, NONCE - 1))).toEqual({ kind: 'reorged', minedCount: NONCE })
    expect(step(replaced()).kind).toBe('undecided')
  })

  it('24 + 23: after a reorg a foreign transaction may take the nonce: undecided at first, not for ever', () => {
    const counts = replaced(NONCE + 1, NONCE + 1)
    expect(step({ ...counts, blocksSincePassed: 0 }).kind).toBe('undecided')
    expect(step({ ...counts, blocksSincePassed: 6 })).toEqual({ kind: 'passed' })
  })

  it('25: a count without a receipt is a late receipt first', () => {
    expect(step({ ...absent(NONCE + 1), blocksSincePassed: null, blocksSinceSigned: 99 }).kind).toBe(
      'undecided',
    )
    expect(step({ ...replaced(NONCE, NONCE + 1), blocksSinceSigned: 99 }).kind).toBe('undecided')
  })

  it('26: a cancel that races its trade: whatever was mined settles it, and a cancel is not cancelled again', () => {
    expect(
      step({ isNoOp: true, worth: 'unpaying', finding: { kind: 'mined', receipt, final: true } }),
    ).toEqual({
      kind: 'mined',
      receipt,
      final: true,
    })
    expect(step({ isNoOp: true, worth: 'unpaying', blocksSinceSigned: 1 })).toEqual({ kind: 'wait' })
  })

  it('31: without new blocks nothing rises, however much time passes', () => {
    const halted = { blocksSinceSigned: 0, blocksSinceSent: 0, msSinceSent: 86_400_000 }
    for (const refusal of ['none', 'price'] as const)
      for (const taken of [true, false])
        expect(['wait', 'rebroadcast']).toContain(step({ ...halted, refusal, taken }).kind)
  })

  it('33: a clock that jumps only sends the same bytes again', () => {
    expect(step({ msSinceSent: -86_400_000 })).toEqual({ kind: 'wait' })
    expect(step({ msSinceSent: 86_400_000 })).toEqual({ kind: 'rebroadcast' })
    expect(step({ taken: false, msSinceSent: -86_400_000, blocksSinceSent: 1 })).toEqual({
      kind: 'rebroadcast',
    })
  })

  it('a trade that no longer pays is cancelled before it is bumped', () => {
    const old = { blocksSinceSigned: 4 }
    expect(step({ ...old, worth: 'unpaying' })).toEqual({ kind: 'cancel', why: 'unprofitable' })
    expect(step({ ...old, worth: 'pays' })).toEqual({ kind: 'bump' })
    // Where a node keeps no transaction whose turn has not come, the executor's floor ends it more cheaply.
    expect(step({ ...old, worth: 'unpaying', mayCancel: false }).kind).toBe('wait')
  })

  it('what it is worth now bounds a higher fee: where that is not known, none is offered', () => {
    expect(step({ worth: null, blocksSinceSigned: 40 }).kind).toBe('wait')
    expect(step({ worth: null, isNoOp: true, blocksSinceSigned: 40 })).toEqual({ kind: 'bump' })
  })

  it('35: in private it is shown at each block and not bumped; then it goes public, or is cancelled', () => {
    const old = { blocksSinceSigned: 9, msSinceSent: 99_999, taken: false }
    expect(step({ ...old, phase: 'private' })).toEqual({ kind: 'wait' })
    expect(step({ ...old, phase: 'private', blocksSinceSent: 1 })).toEqual({ kind: 'rebroadcast' })
    expect(step({ ...old, phase: 'publish' })).toEqual({ kind: 'bump' })
    expect(step({ ...old, phase: 'publish', worth: null })).toEqual({ kind: 'rebroadcast' })
    expect(step({ phase: 'cancel' })).toEqual({ kind: 'cancel', why: 'private_too_long' })
    expect(step({ phase: 'cancel', isNoOp: true })).toEqual({ kind: 'wait' })
  })

  it('a known block only becomes final', () => {
    expect(step({ finding: { kind: 'mined', receipt: null, final: false } })).toEqual({ kind: 'wait' })
    expect(step({ finding: { kind: 'mined', receipt: null, final: true } })).toEqual({ kind: 'final' })
  })
})

const findings = fc.oneof(
  fc.constant(UNKNOWN),
  fc.record({
    kind: fc.constant('mined' as const),
    receipt: fc.constantFrom(receipt, null),
    final: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('absent' as const),
    replaced: fc.boolean(),
    asked: fc.boolean(),
  }),
)
const blocks = fc.integer({ min: -3, max: 12 })
const anyFacts = fc.record({
  nonce: fc.constant(NONCE),
  finding: findings,
  blocksSinceSent: blocks,
  blocksSinceSigned: blocks,
  blocksSincePassed: fc.option(blocks),
  msSinceSent: fc.integer({ min: -1e9, max: 1e9 }),

  msSinceSigned: fc.integer({ min: -1_000, max: 100_000 }),
  taken: fc.boolean(),
  refusal: fc.constantFrom<Refusal>('none', 'price', 'too_much', 'permanent'),
  isNoOp: fc.boolean(),
  worth: fc.constantFrom('pays' as const, 'unpaying' as const, null),
  phase: fc.constantFrom('public' as const, 'private' as const, 'publish' as const, 'cancel' as const),
  mayCancel: fc.boolean(),
  minedCounts: fc.array(fc.integer({ min: 38, max: 44 }), { maxLength: 3 }),
  policy: fc.constant(POLICY),
})

describe('nextStep, for all facts', () => {
  it('spends nothing and gives nothing up while the finding is unknown or mined', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const { kind } = nextStep(facts)
        if (facts.finding.kind === 'unknown') expect(kind).toBe('undecided')
        if (facts.finding.kind === 'mined') expect(['mined', 'final', 'wait']).toContain(kind)
      }),
      { numRuns: 3_000 },
    )
  })

  it('touches nothing while every count is past the nonce, and gives it up only when all are for long', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        if (facts.finding.kind !== 'absent') return
        const { kind } = nextStep(facts)
        const past = facts.minedCounts.length > 0 && facts.minedCounts.every((count) => count > NONCE)
        if (past) expect(['undecided', 'passed']).toContain(kind)
        if (kind === 'passed') {
          expect(past).toBe(true)
          expect(facts.blocksSincePassed).toBeGreaterThanOrEqual(POLICY.foreignAfter)
        }
      }),
      { numRuns: 3_000 },
    )
  })

  it('reopens only what another block has taken the place of, by a count that somebody told', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        if (nextStep(facts).kind !== 'reorged') return
        expect(facts.finding).toMatchObject({ replaced: true })
        expect(Math.max(...facts.minedCounts)).toBeLessThanOrEqual(NONCE)
      }),
      { numRuns: 3_000 },
    )
  })

  it('bumps only with new blocks, and cancels once', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const { kind } = nextStep(facts)
        if (kind === 'bump') {
          expect(facts.blocksSinceSigned).toBeGreaterThan(0)
          expect(facts.refusal).not.toBe('too_much')
          expect(facts.isNoOp || facts.worth === 'pays').toBe(true)
        }
        if (kind === 'cancel') expect(facts.isNoOp).toBe(false)
      }),
      { numRuns: 3_000 },
    )
  })
})
