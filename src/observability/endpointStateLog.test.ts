import { expect, test } from 'vitest'
import type { ChainStatus, EndpointStatus } from '../dispatch/protocol.ts'
import { createEndpointStateLog } from './endpointStateLog.ts'

const endpoint = (over: Partial<EndpointStatus>): EndpointStatus => ({
  host: 'node.example',
  state: 'well',
  healthy: true,
  head: 7,
  headAgeMs: 900,
  behind: null,
  clientVersion: null,
  latencyMs: null,
  lastError: null,
  ...over,
})

test('a line for each change of an endpoint, at most one in ten seconds', () => {
  const lines: string[] = []
  let nowMs = 0
  const told = createEndpointStateLog({
    logger: {
      info: (facts, message) => lines.push(`info ${JSON.stringify(facts)} ${message}`),
      warn: (facts, message) => lines.push(`warn ${JSON.stringify(facts)} ${message}`),
    },
    now: () => nowMs,
  })
  const report = (...endpoints: EndpointStatus[]) =>
    told({ chainId: 10, name: 'Optimism', endpoints } as unknown as ChainStatus)
  const behind = endpoint({ state: 'behind', behind: { blocks: 12, seconds: 31 } })
  report(endpoint({}), endpoint({}))
  report(endpoint({}), behind)
  report(endpoint({}), behind)
  nowMs = 9_999
  report(endpoint({}), endpoint({}))
  expect(lines).toHaveLength(1)
  nowMs = 10_000
  report(endpoint({}), endpoint({}))
  report(endpoint({ state: 'silent', lastError: 'It did not answer in time.' }), endpoint({}))
  const facts = (state: string) => `{"chainId":10,"endpoint":"node.example","state":"${state}"}`
  expect(lines).toEqual([
    `warn ${facts('behind')} The RPC endpoint node.example of Optimism is behind by 12 blocks, 31 s.`,
    `info ${facts('well')} The RPC endpoint node.example of Optimism is well again.`,
    `warn ${facts('silent')} The RPC endpoint node.example of Optimism is silent. It did not answer in time.`,
  ])
})
