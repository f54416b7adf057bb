import { describe, expect, it } from 'vitest'
import { type ExecutionEvent, type ExecutionState, transition } from './executionState.ts'

const EVENTS = [
  'sign',
  'node_accepts',
  'include',
  'revert',
  'cancel',
  'displace',
  'deny',
  'expire',
  'reorg',
] as const satisfies readonly ExecutionEvent[]

/** Every state by every event, in the order of `EVENTS`; `-` cannot happen. */
const TABLE: Readonly<Record<ExecutionState, string>> = {
  accepted: 'signed - - - - - denied expired -',
  signed: '- pending included reverted cancelled displaced - - -',
  pending: '- pending included reverted cancelled displaced - - -',
  included: '- - included reverted cancelled - - - pending',
  reverted: '- - included reverted cancelled - - - pending',
  cancelled: '- - included reverted cancelled - - - pending',
  displaced: '- - - - - - - - -',
  denied: '- - - - - - - - -',
  expired: '- - - - - - - - -',
}
const STATES = Object.keys(TABLE) as ExecutionState[]

const pairs = STATES.flatMap((state) =>
  (TABLE[state] ?? '').split(' ').map((next, index) => ({
    state,
    event: EVENTS[index] as ExecutionEvent,
    next: next === '-' ? null : (next as ExecutionState),
  })),
)

describe('transition', () => {
  it('is asked about every pair', () => {
    expect(pairs).toHaveLength(STATES.length * EVENTS.length)
  })

  it.each(pairs)('$state + $event → $next', ({ state, event, next }) => {
    expect(transition(state, event)).toBe(next)
  })

  it('never goes back to a state without a nonce once something is signed', () => {
    const without: readonly (ExecutionState | null)[] = ['accepted', 'denied', 'expired']
    for (const { state, event } of pairs)
      if (!without.includes(state)) expect(without).not.toContain(transition(state, event))
  })
})
