import { afterEach, describe, expect, it } from 'vitest'
import { type Server, signal, startServer } from './gethWorld.ts'
import { type Geth, startGeth } from './startGeth.ts'

/** More than one batch of the server's, sent at once. */
const SIGNALS = 60

let geth: Geth | undefined
let server: Server | undefined

afterEach(async () => {
  await server?.stop()
  await geth?.stop()
  server = geth = undefined
})

describe.each([
  { rule: '3 calls in a batch', flags: ['--rpc.batch-request-limit', '3'] },
  { rule: '1 call in a batch', flags: ['--rpc.batch-request-limit', '1'] },
  { rule: 'a million gas for a call', flags: ['--rpc.gascap', '1000000'] },
  { rule: '9 kB in the answers of a batch', flags: ['--rpc.batch-response-max-size', '9000'] },
])('a go-ethereum that allows $rule', ({ flags }) => {
  it.each(['HTTP', 'WebSocket'] as const)('answers every signal of a burst truly, by %s', async (by) => {
    geth = await startGeth({ flags })
    const endpoint = by === 'HTTP' ? geth.rpc : geth.webSocket
    server = await startServer({ EXECUTION_MODE: 'PAPER', RPC_ETHEREUM: endpoint })
    for (let burst = 0; burst < 2; burst++) {
      const signals = Array.from({ length: SIGNALS }, () => signal())
      const { json } = await server.titan.post('/execute/batch', { signals })
      const failures = json.results.filter((result: { success: boolean }) => !result.success)
      expect(failures.map(({ code, error }: { code: string; error: string }) => [code, error])).toEqual([])
      expect(json).toMatchObject({ total: SIGNALS, succeeded: SIGNALS })
    }
  })
})
