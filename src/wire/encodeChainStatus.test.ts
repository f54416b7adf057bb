import { expect, test } from 'vitest'
import type { ChainStatus } from '../dispatch/protocol.ts'
import { chainStatusFields } from './encodeChainStatus.ts'

const gas = { allowanceWei: '500', spentLastHourWei: '120', atStakeWei: '30', leftWei: '350' }
const status: ChainStatus = {
  chainId: 8453,
  name: 'Base',
  state: 'ready',
  reason: null,
  head: 4_723,
  headAgeMs: 1_250,
  stale: null,
  paused: { since: '2026-11-27T06:05:32.224Z', by: 'ops (127.0.0.1)', reason: null },
  devnet: false,
  devnetRpc: null,
  executor: { address: '0xa0', deployed: true },
  flashSources: [1, 2],
  notes: ['A note.'],
  endpoints: [
    {
      host: 'node.example',
      state: 'behind',
      healthy: true,
      head: 4_711,
      headAgeMs: 31_000,
      behind: { blocks: 12, seconds: 29 },
      clientVersion: 'geth',
      latencyMs: 3.25,
      lastError: null,
    },
  ],
  lanes: [{ address: '0xb1', nonce: 43, inFlight: 3, cap: 4, paused: null, gaps: [40] }],
  gas: { trades: gas, repairs: { ...gas, leftWei: '7' } },
}

test('a chain is told by the names that clients know, and by no others (2.5)', () => {
  expect(chainStatusFields(status, { queueDepth: 5 })).toEqual({ ...status, queue_depth: 5 })
  const [endpoint] = status.endpoints
  const grown = { ...status, key: 's3cret', endpoints: [{ ...endpoint, url: 'https://s3cret' }] }
  expect(JSON.stringify(chainStatusFields(grown as ChainStatus, { queueDepth: 5 }))).not.toContain('s3cret')
  const starting = { ...status, paused: null, executor: null, gas: null, endpoints: [], lanes: [] }
  expect(chainStatusFields(starting, { queueDepth: 0 })).toEqual({ ...starting, queue_depth: 0 })
})
