import { expect, it } from 'vitest'
import type { ChainState, ChainStatus } from '../dispatch/protocol.ts'
import { healthStatus } from './reports.ts'

const chains = (...states: ChainState[]) => states.map((state) => ({ state }) as ChainStatus)

it.each([
  ['healthy', chains('ready', 'ready'), false],
  ['healthy', chains('ready', 'starting'), false],
  ['starting', chains('starting', 'starting'), false],
  ['starting', chains(), false],
  ['degraded', chains('ready', 'unavailable'), false],
  ['degraded', chains('ready', 'unavailable', 'starting'), false],
  ['unhealthy', chains('unavailable'), false],
  ['unhealthy', chains('unavailable', 'starting'), false],
  ['draining', chains('ready'), true],
])('is %s', (status, states, draining) => {
  expect(healthStatus(states, draining)).toBe(status)
})
