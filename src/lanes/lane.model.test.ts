import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keepsNonces, type MakeLane } from '../../test/support/laneModel.ts'
import { createLane, type Lane, type Place } from './lane.ts'

/** The shortest counterexample found: one step a line, then what went wrong; empty when there is none. */
function scriptOf(makeLane: MakeLane): string[] {
  const { failed, counterexample, errorInstance } = fc.check(keepsNonces(makeLane), {
    numRuns: 10_000,
    seed: 7,
  })
  return failed ? [...String(counterexample?.[0]).split(/,(?=[a-z])/), (errorInstance as Error).message] : []
}

/** A lane in which something is done otherwise. */
const without =
  (change: (lane: Lane, initial: Parameters<MakeLane>[0]) => Partial<Lane>): MakeLane =>
  (initial) => {
    const lane = createLane(initial)
    return { ...lane, ...change(lane, initial) }
  }

/** A lane whose places are changed, however they come to be. */
const withPlaces = (change: (place: Place, lane: Lane) => void): MakeLane =>
  without((lane) => {
    const changed = (place: Place): Place => {
      change(place, lane)
      return place
    }
    return {
      open: () => changed(lane.open()),
      adopt: (nonce) => changed(lane.adopt(nonce)),
    }
  })

test('no interleaving of sends, crashes, drops, reorgs and endpoints that lag behind them breaks a lane', () => {
  fc.assert(keepsNonces(createLane), { numRuns: 10_000 })
})

describe('a lane without one of its rules is caught, with a script to read', () => {
  test('one that frees a signed nonce', () => {
    const script = scriptOf(
      withPlaces((place) => {
        const { release } = place
        Object.assign(place, {
          release() {
            if (place.stage === 'signed') place.final()
            else release()
          },
        })
      }),
    )
    expect(script.length).toBeLessThan(9)
    expect(script.at(-1)).toMatch(/holds it|The next nonce|The gaps|In flight/)
  })

  test('one that forgets what was signed before a crash', () => {
    const script = scriptOf(
      without((_, initial) => ({ adopt: (nonce) => createLane({ ...initial, minedCount: 0 }).adopt(nonce) })),
    )
    expect(script.length).toBeLessThan(7)
    expect(script.at(-1)).toMatch(/The next nonce|The gaps are|In flight are/)
  })

  test('one that believes the lowest reading', () => {
    const script = scriptOf(
      without((lane) => ({ resync: (readings) => lane.resync([Math.min(...readings)]) })),
    )
    expect(script.length).toBeLessThan(6)
    expect(script.at(-1)).toMatch(/^The mined count is/)
  })

  test('one that thinks a transaction done for good once mined', () => {
    const script = scriptOf(
      withPlaces((place) => {
        Object.assign(place, { reopened: () => {} })
      }),
    )
    expect(script.length).toBeLessThan(11)
    expect(script.at(-1)).toMatch(/In flight are|The gaps are/)
  })

  test('one that takes back what it still has when one block is gone', () => {
    const script = scriptOf((initial) => {
      const places: Place[] = []
      return withPlaces((place) => {
        places.push(place)
        const { reopened } = place
        Object.assign(place, {
          reopened(count: number) {
            reopened(count)
            const above = places.find(({ stage, nonce }) => stage === 'mined' && (nonce ?? 0) >= count)
            above?.reopened(count)
          },
        })
      })(initial)
    })
    expect(script.length).toBeGreaterThan(1)
    expect(script.at(-1)).toMatch(/In flight are|cannot be/)
  })

  test('one that loses what is released', () => {
    const script = scriptOf(
      withPlaces((place) => {
        Object.assign(place, { release: () => {} })
      }),
    )
    expect(script.length).toBeLessThan(7)
    expect(script.at(-1)).toMatch(/The gaps are|The next nonce|In flight are/)
  })

  test('one that keeps its gaps to itself', () => {
    const script = scriptOf(without(() => ({ gaps: () => [] })))
    expect(script.length).toBeLessThan(9)
    expect(script.at(-1)).toMatch(/^The gaps are/)
  })

  test('one that names nobody who uses its nonces', () => {
    const script = scriptOf(
      without((lane) => ({
        resync(readings) {
          lane.resync(readings)
          return null
        },
      })),
    )
    expect(script.length).toBeLessThan(5)
    expect(script.at(-1)).toMatch(/^Used by others are/)
  })

  test('one that takes for final what another has used and is not final', () => {
    const script = scriptOf(without((lane) => ({ floor: lane.minedCount })))
    expect(script.length).toBeLessThan(17)
    expect(script.at(-1)).toMatch(/^The floor/)
  })
})
