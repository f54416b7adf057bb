import { afterEach, expect, test } from 'vitest'
import { hang } from '../support/faults.ts'
import { eventually, type LiveTitan, signal, startLiveTitan } from '../support/liveTitan.ts'

let live: LiveTitan | null = null
afterEach(async () => {
  await live?.stop()
  live = null
})

test('a LIVE stop ends within its bound, whatever hangs, and everyone who waits is answered', async () => {
  live = await startLiveTitan({
    env: { DRAIN_MS: '3000', RPC_TIMEOUT_MS: '60000', LANE_WAIT_MS: '600000', LANE_IN_FLIGHT_MAX: '2' },
  })
  const { titan, proxy, chain } = live
  await chain.automine(false)
  // One in the pool, one that the node never answers about, one that waits for a lane with room.
  const post = (id: string) => titan.post('/execute', signal({ signal_id: id }))
  const answers = [post('stop-pending')]
  await live.until('stop-pending', ({ status }) => status === 'pending')
  proxy.inject(hang('eth_call'))
  answers.push(post('stop-simulated'))
  await eventually(async () => ((await titan.get('/trades/stop-simulated')).status === 202 ? true : null))
  answers.push(post('stop-waiting'))
  await eventually(async () => ((await titan.get('/trades/stop-waiting')).status === 202 ? true : null))
  proxy.inject(hang(null))

  const stoppedAtMs = performance.now()
  const [code, ...given] = await Promise.all([titan.end(), ...answers])
  expect(performance.now() - stoppedAtMs).toBeLessThan(10_000)
  expect(code).toBe(0)
  const told = given.map(({ json }) => json)
  // What is out is told as it stands; of the others nothing left, or it is said that this is not known.
  expect(told[0]).toMatchObject({ signal_id: 'stop-pending', code: 'NOT_SETTLED', status: 'pending' })
  for (const { success, retryable } of told.slice(1)) expect([success, retryable]).toEqual([false, true])
  expect(told.slice(1).map(({ signal_id }) => signal_id)).toEqual(['stop-simulated', 'stop-waiting'])

  proxy.heal()
  await live.restart()
  await chain.mine()
  expect(await live.until('stop-pending', ({ status }) => status === 'included')).toMatchObject({
    success: true,
  })
})

test('signals that come together are one stop, and a later one ends the process at once', async () => {
  live = await startLiveTitan({ env: { DRAIN_MS: '20000', RPC_TIMEOUT_MS: '60000' } })
  const { titan, proxy } = live
  proxy.inject(hang('eth_call'))
  const answer = titan.post('/execute', signal({ signal_id: 'hangs' })).catch(() => 'reset')
  await eventually(async () => ((await titan.get('/trades/hangs')).status === 202 ? true : null))
  const ended = titan.end('SIGTERM')
  for (const again of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(titan.pid, again)
  await eventually(async () => ((await titan.get('/readyz')).json.status === 'draining' ? true : null))
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect((await titan.get('/livez')).status).toBe(200)
  process.kill(titan.pid, 'SIGTERM')
  expect(await ended).toBe(130)
  expect(await answer).toBe('reset')
})
