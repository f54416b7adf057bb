import { afterEach, expect, test } from 'vitest'
import { type LiveTitan, signal, startLiveTitan } from '../support/liveTitan.ts'
import { startTitan, type Titan } from '../support/startTitan.ts'

let live: LiveTitan | null = null
let again: Titan | null = null
afterEach(async () => {
  await again?.end()
  again = null
  await live?.stop()
  live = null
})

test('a paused LIVE chain signs nothing new, and carries on with what is in flight', async () => {
  live = await startLiveTitan()
  const { chain } = live
  const { chainId } = chain
  await chain.automine(false)
  const answer = live.submit({ signal_id: 'under-way' })
  await live.until('under-way', ({ status }) => status === 'pending')
  const paused = await live.titan.post('/control/pause', { chain: chainId, reason: 'gas' })
  expect(paused.json.commands).toMatchObject([{ chainId, outcome: 'applied', reason: 'gas' }])
  for (const wait of ['included', 'none'])
    expect((await live.submit({ signal_id: `new-${wait}`, wait })).json).toMatchObject({
      code: 'PAUSED',
      sent: 'no',
    })
  expect((await live.titan.get('/trades/new-none')).status).toBe(404)
  await chain.mine()
  expect((await answer).json).toMatchObject({ success: true, status: 'included' })

  // Killed and started again it is paused still, and a repetition of what is known has its answer.
  const { dataDir } = live.titan
  await live.end('SIGKILL')
  expect(live.journal().executions.map(({ signalId }) => signalId)).toEqual(['under-way'])
  expect(live.journal().attempts).toHaveLength(1)
  again = await startTitan({ dataDir, env: live.environment })
  const { url } = again
  const chainState = async () => (await again?.get('/health?verbose'))?.json.chain_status[0]
  await expect.poll(async () => (await chainState()).state, { timeout: 20_000 }).toBe('ready')
  expect((await chainState()).paused).toMatchObject({ reason: 'gas' })
  expect((await again.post('/execute', signal({ signal_id: 'new-again' }))).json.code).toBe('PAUSED')
  const known = await fetch(`${url}/trades/under-way`)
  expect(await known.json()).toMatchObject({ status: 'included' })
})

test('a lane that nobody has is named, and so is a trade that has ended', async () => {
  live = await startLiveTitan()
  const { chainId } = live.chain
  const stranger = `0x${'1'.repeat(40)}`
  const lane = await live.titan.post('/control/pause', { chain: chainId, lane: stranger })
  expect(lane.status).toBeGreaterThanOrEqual(400)
  expect(lane.json).toMatchObject({ success: false, commands: [{ outcome: 'refused' }] })
  await live.submit({ ...signal(), signal_id: 'ended' })
  const ended = await live.titan.post('/control/cancel', { signal_id: 'ended' })
  expect(ended.json).toMatchObject({ success: false, commands: [{ chainId, outcome: 'refused' }] })
})
