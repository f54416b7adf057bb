import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { hang } from '../support/faults.ts'
import { canBeProcess1, LAUNCHES, LAUNCHES_AS_PROCESS_1, processesOf } from '../support/launches.ts'
import { eventually, type LiveTitan, signal, startLiveTitan } from '../support/liveTitan.ts'
import { type Json, type Launch, startTitan, type Titan } from '../support/startTitan.ts'

/** What Docker waits before it kills. */
const GRACE_MS = 10_000

let live: LiveTitan | null = null
let paper: Titan | null = null
afterEach(async () => {
  await live?.stop()
  await paper?.stop()
  live = null
  paper = null
})

const launches = Object.entries({ ...LAUNCHES, ...(canBeProcess1() ? LAUNCHES_AS_PROCESS_1 : {}) })

/** Nothing of it runs, and nobody listens. */
async function expectGone({ dataDir, url }: Titan): Promise<void> {
  await eventually(async () => (processesOf(dataDir).length === 0 ? true : null))
  await expect(fetch(url)).rejects.toThrow()
}

describe.each<[string, Launch]>(launches)('SIGTERM with trades in flight: %s', (_name, launch) => {
  test('LIVE: each is answered or found after the restart, within the grace of Docker, and nothing is left', async () => {
    live = await startLiveTitan({
      launch,
      env: { RPC_TIMEOUT_MS: '60000', LANE_WAIT_MS: '600000', LANE_IN_FLIGHT_MAX: '4' },
    })
    const { titan, proxy, chain } = live
    await chain.automine(false)
    // Four in the pool, five that wait for a lane with room, one that the node never answers about.
    const ids = Array.from({ length: 10 }, (_, index) => `stop-${index}`)
    const answers = ids.slice(0, 4).map((id) => titan.post('/execute', signal({ signal_id: id })))
    for (const id of ids.slice(0, 4)) await live.until(id, ({ status }) => status === 'pending')
    proxy.inject(hang('eth_call'))
    answers.push(...ids.slice(4).map((id) => titan.post('/execute', signal({ signal_id: id }))))
    for (const id of ids.slice(4))
      await eventually(async () => ((await titan.get(`/trades/${id}`)).status === 202 ? true : null))
    proxy.heal()

    const stoppedAtMs = performance.now()
    const [, ...given] = await Promise.all([titan.end(), ...answers])
    expect(performance.now() - stoppedAtMs).toBeLessThan(GRACE_MS)
    await expectGone(titan)
    expect(given.map(({ json }) => json.signal_id)).toEqual(ids)
    for (const { json } of given.slice(0, 4)) expect(json).toMatchObject({ code: 'NOT_SETTLED', sent: 'yes' })

    await live.restart()
    await chain.mine()
    for (const id of ids.slice(0, 4))
      expect((await live.until(id, ({ final, success }) => success || final)).success).toBe(true)
    const unsent = given.slice(4).filter(({ json }) => json.sent === 'no')
    for (const { json } of unsent) {
      const { status, json: found } = await live.titan.get(`/trades/${json.signal_id}`)
      expect(status === 404 || found.success === false).toBe(true)
    }
  }, 120_000)
})

// npx differs by nothing that PAPER does.
const paperLaunches = launches.filter(([name]) => !name.startsWith('npx'))
describe.each<[string, Launch]>(paperLaunches)('SIGTERM with trades in flight: %s', (_name, launch) => {
  test('PAPER: each is answered, and neither server nor anvil is left', async () => {
    paper = await startTitan({ launch })
    const titan = paper
    const posts = Array.from({ length: 200 }, (_, index) =>
      titan.post('/execute', signal({ signal_id: `paper-${index}`, chainId: index % 2 ? 1 : 137 })),
    )
    await Promise.race(posts)
    const stoppedAtMs = performance.now()
    const [, ...given] = await Promise.all([titan.end(), ...posts])
    expect(performance.now() - stoppedAtMs).toBeLessThan(GRACE_MS)
    await expectGone(titan)
    const outcome = ({ json }: { json: Json }) => (json.success ? 'filled' : json.code)
    expect(given.map(outcome).filter((each) => !['filled', 'DRAINING'].includes(each))).toEqual([])
    expect(given.map(outcome)).toContain('filled')
  }, 120_000)
})

test.each(launches.filter(([name]) => /^npm.*by its pid|^node/.test(name)))(
  'SIGTERM while the server starts ends it: %s',
  async (_name, launch) => {
    const cwd = mkdtempSync(join(tmpdir(), 'titan-test-'))
    const { child, kill } = launch({
      cwd,
      env: { PATH: process.env.PATH, EXECUTION_PORT: '0', DATA_DIR: cwd, LOG_LEVEL: 'info' },
    })
    try {
      let output = ''
      child.stdout?.on('data', (chunk) => {
        output += chunk
      })
      await eventually(async () => (output.includes(' is ready.') ? true : null))
      kill('SIGTERM')
      const stoppedAtMs = performance.now()
      await eventually(async () => (processesOf(cwd).length === 0 ? true : null))
      expect(performance.now() - stoppedAtMs).toBeLessThan(GRACE_MS)
    } finally {
      child.kill('SIGKILL')
      rmSync(cwd, { recursive: true, force: true })
    }
  },
  120_000,
)

test('a second SIGTERM a while later ends the server behind npm at once', async () => {
  const launch = LAUNCHES['npm start, by its pid'] as Launch
  live = await startLiveTitan({ launch, env: { DRAIN_MS: '60000', RPC_TIMEOUT_MS: '60000' } })
  const { titan, proxy } = live
  proxy.inject(hang('eth_call'))
  const answer = titan.post('/execute', signal({ signal_id: 'hangs' })).catch(() => 'reset')
  await eventually(async () => ((await titan.get('/trades/hangs')).status === 202 ? true : null))
  const ended = titan.end()
  await sleep(1_500)
  expect((await titan.get('/readyz')).json.status).toBe('draining')
  process.kill(titan.pid, 'SIGTERM')
  expect(await ended).not.toBe(0)
  expect(await answer).toBe('reset')
  await expectGone(titan)
}, 120_000)

test('a server whose npm is killed ends in order', async () => {
  paper = await startTitan({
    launch: LAUNCHES['npm start, by its pid'] as Launch,
    env: { RPC_BASE: 'http://127.0.0.1:9' },
  })
  process.kill(paper.pid, 'SIGKILL')
  await expectGone(paper)
}, 120_000)
