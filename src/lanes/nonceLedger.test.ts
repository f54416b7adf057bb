import { describe, expect, test } from 'vitest'
import { createNonceLedger } from './nonceLedger.ts'

const ledgerAt = (minedCount: number, ...open: number[]) =>
  createNonceLedger({ minedCount, open: open.map((nonce) => ({ nonce, left: true })), epoch: 3 })

/** Nonces 41 to 44: two committed, two reserved. */
function busy() {
  const ledger = ledgerAt(41)
  for (let count = 0; count < 4; count += 1) ledger.reserve()
  ledger.commit(41)
  ledger.commit(42)
  return ledger
}

describe('reserve, commit and release', () => {
  test('nonces count up from the mined count', () => {
    const ledger = ledgerAt(41)
    expect([ledger.reserve(), ledger.reserve(), ledger.next(), ledger.inFlight()]).toEqual([41, 42, 43, 2])
    expect(ledger.epoch).toBe(3)
  })

  test('the highest reserved nonce is simply next again when released', () => {
    const ledger = busy()
    expect(ledger.release(44)).toBe(true)
    expect([ledger.next(), ...ledger.gaps()]).toEqual([44])
  })

  test('a lower one becomes a gap, which the next reservation takes first', () => {
    const ledger = busy()
    expect(ledger.release(43)).toBe(true)
    expect(ledger.gaps()).toEqual([43])
    expect([ledger.reserve(), ledger.reserve()]).toEqual([43, 45])
  })

  test('gaps below the highest vanish with it', () => {
    const ledger = busy()
    ledger.release(43)
    ledger.release(44)
    expect([ledger.next(), ...ledger.gaps()]).toEqual([43])
  })

  test('a committed nonce is never given back', () => {
    const ledger = busy()
    expect(ledger.release(42)).toBe(false)
    ledger.settle(42)
    expect(ledger.release(42)).toBe(false)
    expect(ledger.reserve()).toBe(45)
  })

  test('a filler takes a gap once, and only a gap', () => {
    const ledger = busy()
    ledger.release(43)
    expect([41, 43, 43, 45].map(ledger.claim)).toEqual([false, true, false, false])
    expect(ledger.gaps()).toEqual([])
  })

  test('misuse is a thrown bug', () => {
    const ledger = busy()
    expect(() => ledger.commit(41)).toThrow('without being reserved')
    expect(() => ledger.commit(45)).toThrow('without being reserved')
    expect(() => ledger.release(45)).toThrow('without being held')
    expect(() => ledger.settle(43)).toThrow('without being signed')
    expect(() => ledger.resync([])).toThrow('needs a reading')
  })
})

describe('resync', () => {
  test('the highest reading counts, and none lowers it', () => {
    const ledger = ledgerAt(41)
    expect(ledger.resync([40, 43, 39])).toMatchObject({ raised: true, passed: [] })
    expect(ledger.resync([41])).toMatchObject({ raised: false })
    expect([ledger.minedCount(), ledger.reserve()]).toEqual([43, 43])
  })

  test('passed nonces are listed until each is settled or released', () => {
    const ledger = busy()
    expect(ledger.resync([44]).passed).toEqual([41, 42, 43])
    ledger.settle(41)
    ledger.release(43)
    expect(ledger.resync([38]).passed).toEqual([42])
    expect(ledger.settle(42).passed).toEqual([])
  })

  test('nonces mined without an attempt of ours are foreign: a reserved one, a gap, and those never handed out', () => {
    const ledger = busy()
    ledger.settle(41)
    expect(ledger.resync([43]).foreign).toBeNull()
    ledger.release(43)
    expect(ledger.resync([47]).foreign).toEqual({ lowest: 43, count: 4 })
    expect(ledger.resync([47]).foreign).toBeNull()
    expect(ledger.reserve()).toBe(47)
  })

  test('a receipt raises the mined count too, and shows what it passed', () => {
    const ledger = ledgerAt(41, 42, 44)
    expect(ledger.gaps()).toEqual([41, 43])
    expect(ledger.settle(44)).toEqual({ raised: true, passed: [42], foreign: { lowest: 41, count: 2 } })
  })
})

describe('reorg and finality', () => {
  test('settled nonces that left the chain are in flight again, at the same nonce', () => {
    const ledger = busy()
    ledger.settle(41)
    ledger.settle(42)
    expect(ledger.inFlight()).toBe(2)
    expect(ledger.reorg(42)).toEqual([42])
    expect([ledger.inFlight(), ledger.minedCount(), ledger.reserve()]).toEqual([3, 42, 45])
  })

  test("a foreign transaction's nonce that left the chain below ours is a gap", () => {
    const ledger = ledgerAt(41)
    ledger.resync([42])
    ledger.commit(ledger.reserve())
    ledger.reorg(41)
    expect(ledger.gaps()).toEqual([41])
  })

  test('what is final stays so', () => {
    const ledger = busy()
    ledger.settle(42)
    ledger.finalise(42)
    expect(ledger.reorg(40)).toEqual([42])
    expect(ledger.minedCount()).toBe(42)
  })

  test('a final count ahead of the mined one claims nothing', () => {
    const ledger = ledgerAt(41)
    ledger.finalise(50)
    expect([ledger.minedCount(), ledger.resync([50]).foreign]).toEqual([41, { lowest: 41, count: 9 }])
  })
})

describe('after a crash', () => {
  test('journaled attempts keep their nonces and holes between them are gaps', () => {
    const ledger = ledgerAt(41, 42, 45)
    expect(ledger.gaps()).toEqual([41, 43, 44])
    expect([ledger.inFlight(), ledger.next(), ledger.release(45)]).toEqual([2, 46, false])
  })

  test('attempts that the chain has passed are shown for a decision', () => {
    expect(ledgerAt(44, 41, 42, 45).resync([44]).passed).toEqual([41, 42])
  })

  test('a nonce whose bytes never left is free', () => {
    const ledger = createNonceLedger({ minedCount: 41, open: [{ nonce: 41, left: false }], epoch: 4 })
    expect([ledger.inFlight(), ledger.reserve()]).toEqual([0, 41])
  })
})
