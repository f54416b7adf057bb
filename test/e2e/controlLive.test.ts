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
  expect(lane.json).toMatchObject({
    success: false,
    code: 'INVALID_CONTROL',
    commands: [{ outcome: 'refused' }],
  })
  await live.submit({ ...signal(), signal_id: 'ended' })
  const ended = await live.titan.post('/control/cancel', { signal_id: 'ended' })
  expect(ended.json).toMatchObject({ success: false, commands: [{ chainId, outcome: 'refused' }] })
})

test('a lane that is paused signs nothing, over a kill too, until it is resumed', async () => {
  live = await startLiveTitan({ lanes: 2 })
  const { chainId } = live.chain
  const [first, second] = live.lanes as [string, string]
  const give = (action: string, lane: string) =>
    live?.titan.post(`/control/${action}`, { chain: chainId, lane, reason: 'its key' })
  const laneOf = async () => {
    const { json } = (await live?.submit()) ?? { json: null }
    expect(json).toMatchObject({ success: true })
    return String(json.lane).toLowerCase()
  }
  const lanes = async () => (await live?.titan.get('/health?verbose'))?.json.chain_status[0].lanes

  expect((await give('pause', first))?.json).toMatchObject({ success: true })
  for (let index = 0; index < 3; index++) expect(await laneOf()).toBe(second)
  await live.restart('SIGKILL')
  expect(await lanes()).toMatchObject([
    { address: first, paused: expect.stringContaining('its key') },
    { address: second, paused: null },
  ])
  for (let index = 0; index < 3; index++) expect(await laneOf()).toBe(second)
  expect((await give('pause', second))?.json).toMatchObject({ success: true })
  expect((await live.submit()).json).toMatchObject({ code: 'LANES_BUSY', sent: 'no' })
  expect((await give('resume', first))?.json).toMatchObject({ success: true })
  expect(await laneOf()).toBe(first)
})

test('one trade is cancelled by its signal_id alone', async () => {
  live = await startLiveTitan()
  const { titan, chain } = live
  await chain.automine(false)
  await live.submit({ signal_id: 'stuck', wait: 'none' })
  await live.until('stuck', ({ status }) => status === 'pending')
  const { json } = await titan.post('/control/cancel', { signal_id: 'stuck', reason: 'it is stuck' })
  expect(json).toMatchObject({
    success: true,
    commands: [{ chainId: chain.chainId, signal_id: 'stuck', outcome: 'applied', reason: 'it is stuck' }],
  })
  await chain.mine()
  const ended = await live.until('stuck', ({ status }) => status === 'cancelled')
  expect(ended.error).toContain('operator')
  const { commands } = (await titan.get('/control/log')).json
  expect(commands.map(({ action }: { action: string }) => action)).toEqual(['cancel'])
  await live.end()
  expect(live.journal().attempts.map(({ kind }) => kind)).toEqual(['first', 'cancel'])
})
