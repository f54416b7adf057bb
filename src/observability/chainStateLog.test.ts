import { expect, test } from 'vitest'
import type { ChainStatus } from '../dispatch/protocol.ts'
import { createChainStateLog } from './chainStateLog.ts'

const status = (over: Partial<ChainStatus>): ChainStatus => ({
  chainId: 10,
  name: 'Optimism',
  state: 'starting',
  reason: null,
  head: 7,
  headAgeMs: 1,
  stale: null,
  devnet: false,
  paused: null,
  devnetRpc: null,
  executor: null,
  flashSources: [],
  notes: ['A note.'],
  endpoints: [],
  lanes: [],
  gas: null,
  ...over,
})

test('a line for each change of state or reason, none for the reports between', () => {
  const lines: unknown[] = []
  const told = createChainStateLog({
    info: (facts, message) => lines.push(['info', facts, message]),
    warn: (facts, message) => lines.push(['warn', facts, message]),
  })
  const ready = status({ state: 'ready' })
  const gone = status({ state: 'unavailable', reason: 'No node.' })
  const starting = status({ state: 'starting' })
  const reports = [starting, gone, gone, starting, gone, status({ ...gone, reason: 'Another chain.' })]
  for (const report of [...reports, ready, status({ ...ready, head: 8 }), gone]) told(report)
  told(status({ ...gone, chainId: 137, name: 'Polygon' }))
  expect(lines).toEqual([
    ['warn', { chainId: 10, reason: 'No node.' }, 'Optimism is unavailable.'],
    ['warn', { chainId: 10, reason: 'Another chain.' }, 'Optimism is unavailable.'],
    ['info', { chainId: 10, notes: ['A note.'] }, 'Optimism is ready.'],
    ['warn', { chainId: 10, reason: 'No node.' }, 'Optimism is unavailable.'],
    ['warn', { chainId: 137, reason: 'No node.' }, 'Polygon is unavailable.'],
  ])
})

test('a chain that refuses signals since its newest block is too old is told once, and when it is over', () => {
  const lines: string[] = []
  const told = createChainStateLog({
    info: (_, message) => lines.push(message),
    warn: (_, message) => lines.push(message),
  })
  const ready = status({ state: 'ready' })
  const stale = (ageS: number) => status({ ...ready, stale: `The newest block is ${ageS} s old.` })
  for (const report of [ready, stale(40), stale(45), ready]) told(report)
  expect(lines).toEqual([
    'Optimism is ready.',
    'Optimism refuses signals: its newest block is too old.',
    'Optimism is ready.',
  ])
})
