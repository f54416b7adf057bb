import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { deployBenchExecutor } from '../benchExecutor.ts'
import { type ServerProcess, startServerProcess } from '../serverProcess.ts'
import { createTradeSource } from '../tradeSource.ts'

const source = createTradeSource({ run: 'p4' })
let devnet: Devnet
let peer: ServerProcess

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  const rpc = devnet.chains[0]?.rpc ?? ''
  const executor = await deployBenchExecutor({ rpc })
  peer = await startServerProcess({
    name: 'The peer',
    entry: fileURLToPath(new URL('./expressEthers.ts', import.meta.url)),
    cwd: tmpdir(),
    readyPath: '/health',
    startTimeoutMs: 60_000,
    env: (port) => ({
      PORT: `${port}`,
      RPC_URL: rpc,
      CHAIN_ID: '1',
      EXECUTOR_ADDRESS: executor.address,
      EXECUTOR_OWNER: executor.owner,
      EXECUTOR_ABI: fileURLToPath(new URL('../../contracts/artifacts/OmniArbExecutor.json', import.meta.url)),
    }),
  })
}, 120_000)
afterAll(async () => {
  await peer?.stop()
  await devnet?.stop()
}, 60_000)

interface PeerAnswer {
  readonly simulation: { readonly gasUsed: number }
  readonly results: readonly { readonly error: string }[]
}

async function post(path: string, body: unknown): Promise<PeerAnswer> {
  const response = await fetch(peer.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return (await response.json()) as PeerAnswer
}

test('answers a paying trade as documented and tells WebSocket clients', { timeout: 60_000 }, async () => {
  const socket = new WebSocket(peer.url.replace('http', 'ws'))
  const connected = JSON.parse(String((await once(socket, 'message'))[0]))
  expect(connected).toMatchObject({ type: 'connected', mode: 'PAPER' })
  const told = once(socket, 'message')

  const signal = source.next()
  const answer = await post('/execute', signal)
  expect(answer).toMatchObject({ success: true, mode: 'PAPER', expected_profit: 1 })
  expect(answer.simulation.gasUsed).toBeGreaterThan(200_000)

  const event = JSON.parse(String((await told)[0]))
  expect(event).toMatchObject({ type: 'paper_execution', signal, simulation: answer.simulation })
  socket.terminate()
})

test('refuses a losing trade and counts a batch', { timeout: 60_000 }, async () => {
  const losing = { ...source.next(), amount: `${10n ** 24n}` }
  const signals = [source.next(), losing, source.next()]
  const answer = await post('/execute/batch', { signals })
  expect(answer).toMatchObject({ total: 3, succeeded: 2, failed: 1 })
  expect(answer.results[1]?.error).toMatch(/^Simulation failed: /)
})
