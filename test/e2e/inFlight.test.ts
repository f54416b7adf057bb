import { afterEach, expect, test } from 'vitest'
import { hold } from '../support/faults.ts'
import { eventually, type LiveTitan, signal, startLiveTitan } from '../support/liveTitan.ts'
import { startTitan } from '../support/startTitan.ts'

let live: LiveTitan | null = null
afterEach(async () => {
  await live?.stop()
  live = null
})

const answerOf = async (url: string) => {
  const response = await fetch(url)
  return { status: response.status, location: response.headers.get('location'), json: await response.json() }
}

test('a LIVE signal is found by its id from the moment it is taken, and over a kill and a restart', async () => {
  live = await startLiveTitan()
  const { titan, proxy, chain } = live
  await chain.automine(false)

  // Simulated, and so before anything of it is on disk.
  const { promise: simulated, resolve: simulate } = Promise.withResolvers<void>()
  const held = proxy.inject(hold(simulated, 'eth_call'))
  const waited = signal({ signal_id: 'waited-for' })
  const answer = titan.post('/execute', waited).catch(() => null)
  const first = await eventually(async () => {
    const found = await answerOf(`${titan.url}/trades/waited-for`)
    return found.status === 404 ? null : found
  })
  expect(first).toMatchObject({
    status: 202,
    location: '/trades/waited-for',
    json: { status: 'accepted', mode: 'LIVE', signal_id: 'waited-for', success: null, sent: 'unknown' },
  })
  // Not even for a moment: from the request to the outcome every answer knows of it.
  let missing = 0
  let asked = 0
  let watching = true
  const watch = (async () => {
    while (watching) {
      asked++
      if ((await answerOf(`${titan.url}/trades/waited-for`)).status === 404) missing++
    }
  })()
  held.heal()
  simulate()
  await live.until('waited-for', ({ status }) => status === 'signed' || status === 'pending')
  watching = false
  await watch
  expect(asked).toBeGreaterThan(0)
  expect(missing).toBe(0)

  const promised = await titan.post('/execute', signal({ signal_id: 'promised', wait: 'none' }))
  expect(promised.status).toBe(202)
  expect((await answerOf(`${titan.url}/trades/promised`)).json).toMatchObject({ success: null })

  await live.restart('SIGKILL')
  await answer
  for (const id of ['waited-for', 'promised'])
    expect((await answerOf(`${live.titan.url}/trades/${id}`)).status).toBe(200)
})

test('no refusal says of a LIVE trade that is on its way that nothing of it was sent', async () => {
  live = await startLiveTitan()
  const { titan, proxy, chain } = live
  await chain.automine(false)
  const taken = signal({ signal_id: 'on-its-way', wait: 'broadcast' })
  expect((await titan.post('/execute', taken)).json).toMatchObject({ status: 'pending', sent: 'yes' })

  await proxy.refuse(true)
  const refused = await eventually(async () => {
    const { json } = await titan.post('/execute', taken)
    return json.code === 'CHAIN_UNAVAILABLE' ? json : null
  })
  expect(refused).toMatchObject({ sent: 'unknown', retryable: true })
  expect((await titan.post('/execute', signal({ signal_id: 'new' }))).json).toMatchObject({
    code: 'CHAIN_UNAVAILABLE',
    sent: 'no',
  })
})

test('nor does the refusal of a chain that is not configured any more', async () => {
  live = await startLiveTitan()
  const { dataDir } = live.titan
  const taken = signal({ signal_id: 'of-a-chain-that-was' })
  expect((await live.titan.post('/execute', taken)).json).toMatchObject({ status: 'included' })
  await live.end()
  const { RPC_BSC, ...environment } = live.environment
  const titan = await startTitan({ dataDir, env: { ...environment, RPC_POLYGON: RPC_BSC ?? '' } })
  try {
    const again = await titan.post('/execute', taken)
    expect(again.json).toMatchObject({ code: 'UNKNOWN_CHAIN', sent: 'unknown' })
    const other = await titan.post('/execute', signal({ signal_id: 'new' }))
    expect(other.json).toMatchObject({ code: 'UNKNOWN_CHAIN', sent: 'no' })
  } finally {
    await titan.stop()
  }
})
