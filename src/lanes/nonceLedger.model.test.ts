import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keepsNonces, type MakeLedger } from '../../test/support/nonceLedgerModel.ts'
import { createNonceLedger } from './nonceLedger.ts'

/** The shortest counterexample found: one step a line, then what went wrong; empty when there is none. */
function scriptOf(makeLedger: MakeLedger): string[] {
  const { failed, counterexample, errorInstance } = fc.check(keepsNonces(makeLedger), {
    numRuns: 10_000,
    seed: 7,
  })
  return failed ? [...String(counterexample?.[0]).split(','), (errorInstance as Error).message] : []
}

test('no interleaving of sends, crashes, drops, reorgs and lagging endpoints breaks the ledger', () => {
  fc.assert(keepsNonces(createNonceLedger), { numRuns: 10_000 })
})

describe('a ledger without one of its rules is caught, with a script to read', () => {
  test('one that frees a committed nonce', () => {
    const script = scriptOf((initial) => {
      const ledger = createNonceLedger(initial)
      const freed = new Set<number>()
      return {
        ...ledger,
        release: (nonce) => ledger.release(nonce) || Boolean(freed.add(nonce)),
        reserve() {
          const [nonce = ledger.reserve()] = freed
          freed.delete(nonce)
          return nonce
        },
      }
    })
    expect(script).toEqual([
      'reserve',
      expect.stringMatching(/^sign reserved\[0\]/),
      'release open[0] because a node refused it',
      'reserve',
      'Nonce 0 was handed to intent 2, and intent 1 holds it.',
    ])
  })

  test('one that forgets what was signed before a crash', () => {
    const script = scriptOf((initial) => createNonceLedger({ ...initial, open: [] }))
    expect(script.length).toBeLessThan(6)
    expect(script.at(-1)).toMatch(/The gaps are|holds it|In flight are/)
  })

  test('one that believes the lowest reading', () => {
    const script = scriptOf((initial) => {
      const ledger = createNonceLedger(initial)
      return { ...ledger, resync: (readings) => ledger.resync([Math.min(...readings)]) }
    })
    expect(script.length).toBeLessThan(6)
    expect(script.at(-1)).toMatch(/^The mined count fell/)
  })

  test('one that forgets a nonce as soon as it is mined, before it is final', () => {
    const script = scriptOf((initial) => {
      const ledger = createNonceLedger(initial)
      return {
        ...ledger,
        settle(nonce) {
          const passage = ledger.settle(nonce)
          ledger.finalise(nonce + 1)
          return passage
        },
      }
    })
    expect(script.length).toBeLessThan(9)
    expect(script.at(-1)).toMatch(/holds it|without being held|The gaps are|In flight are/)
  })

  test('one that thinks a transaction done for good once mined', () => {
    const script = scriptOf((initial) => {
      const ledger = createNonceLedger(initial)
      return { ...ledger, reorg: () => [] }
    })
    expect(script.length).toBeLessThan(9)
    expect(script.at(-1)).toMatch(/In flight are|mined count/)
  })

  test('one that loses what is released', () => {
    const script = scriptOf((initial) => ({ ...createNonceLedger(initial), release: () => true }))
    expect(script.length).toBeLessThan(7)
    expect(script.at(-1)).toMatch(/The gaps are|without being signed|In flight are/)
  })

  test('one that keeps its gaps to itself', () => {
    const script = scriptOf((initial) => ({ ...createNonceLedger(initial), gaps: () => [] }))
    expect(script.length).toBeLessThan(9)
    expect(script.at(-1)).toMatch(/^The gaps are/)
  })
})
