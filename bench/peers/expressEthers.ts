/**
 * The peer: a small execution server as the documentation of the HTTP interface describes it, written the way
 * such a server usually is, with express and ethers. For every signal it builds the calldata with ethers'
 * AbiCoder, asks the node by `call` whether the trade runs and by `estimateGas` what it takes, answers with
 * the documented response and tells WebSocket clients. Everything is set for speed: no batching stall, no
 * cache, no network detection per call, kept-alive connections, NODE_ENV=production.
 *
 * Settings: PORT, RPC_URL, CHAIN_ID, EXECUTOR_ADDRESS, EXECUTOR_OWNER, EXECUTOR_ABI (file).
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { AbiCoder, Contract, isAddress, JsonRpcProvider, Network } from 'ethers'
import express from 'express'
import { WebSocket, WebSocketServer } from 'ws'

interface Signal {
  chainId: number
  token: string
  amount: string
  flashSource: number
  protocols: number[]
  routers: string[]
  path: string[]
  extras: string[]
  expected_profit: number
}

const setting = (name: string): string => {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set.`)
  return value
}

const chainId = Number(setting('CHAIN_ID'))
const from = setting('EXECUTOR_OWNER')
const network = Network.from(chainId)
const provider = new JsonRpcProvider(setting('RPC_URL'), network, {
  staticNetwork: network,
  batchMaxCount: 1,
  cacheTimeout: -1,
})
const { abi } = JSON.parse(readFileSync(setting('EXECUTOR_ABI'), 'utf8'))
const executor = new Contract(setting('EXECUTOR_ADDRESS'), abi, provider)
const coder = AbiCoder.defaultAbiCoder()
const stats = { total_signals: 0, executed: 0, paper_executed: 0, failed: 0, total_profit: 0 }

const app = express()
app.use(express.json({ limit: '4mb' }))
app.disable('x-powered-by')
app.disable('etag')
const server = createServer(app)
const sockets = new WebSocketServer({ server })

function validate(signal: Signal): string | null {
  if (signal === null || typeof signal !== 'object') return 'The signal is not an object'
  if (signal.chainId !== chainId) return `Chain ${signal.chainId} not configured`
  if (!isAddress(signal.token)) return 'Invalid token'
  if (typeof signal.amount !== 'string' || !/^\d+$/.test(signal.amount)) return 'Invalid amount'
  const { protocols, routers, path, extras } = signal
  if (![protocols, routers, path, extras].every(Array.isArray)) return 'Invalid route'
  const hops = protocols.length
  if (hops === 0 || routers.length !== hops || path.length !== hops || extras.length !== hops)
    return 'Invalid route'
  return null
}

async function simulate(
  signal: Signal,
): Promise<{ success: boolean; gasUsed: number; error: string | null }> {
  try {
    const routeData = coder.encode(
      ['uint8[]', 'address[]', 'address[]', 'bytes[]'],
      [signal.protocols, signal.routers, signal.path, signal.extras],
    )
    const data = executor.interface.encodeFunctionData('execute', [
      signal.flashSource,
      signal.token,
      BigInt(signal.amount),
      routeData,
    ])
    const transaction = { from, to: executor.target, data }
    await provider.call(transaction)
    const gasUsed = await provider.estimateGas(transaction)
    return { success: true, gasUsed: Number(gasUsed), error: null }
  } catch (error) {
    return { success: false, gasUsed: 0, error: error instanceof Error ? error.message : String(error) }
  }
}

function broadcast(message: object): void {
  if (sockets.clients.size === 0) return
  const text = JSON.stringify(message)
  for (const client of sockets.clients) if (client.readyState === WebSocket.OPEN) client.send(text)
}

async function execute(signal: Signal): Promise<object> {
  stats.total_signals++
  const timestamp = new Date().toISOString()
  const problem = validate(signal)
  const simulation = problem === null ? await simulate(signal) : null
  if (simulation === null || !simulation.success) {
    stats.failed++
    return {
      success: false,
      mode: 'PAPER',
      error: problem ?? `Simulation failed: ${simulation?.error}`,
      timestamp,
    }
  }
  stats.paper_executed++
  stats.total_profit += signal.expected_profit
  broadcast({ type: 'paper_execution', signal, simulation, timestamp })
  return { success: true, mode: 'PAPER', simulation, expected_profit: signal.expected_profit, timestamp }
}

app.post('/execute', async (request, response) => {
  response.json(await execute(request.body))
})

app.post('/execute/batch', async (request, response) => {
  const results = await Promise.all((request.body.signals as Signal[]).map(execute))
  const succeeded = results.filter((result) => 'success' in result && result.success === true).length
  response.json({ total: results.length, succeeded, failed: results.length - succeeded, results })
})

app.get('/health', (_request, response) => {
  response.json({ status: 'healthy', mode: 'PAPER', chains: 1, uptime: process.uptime(), stats })
})

sockets.on('connection', (socket) => socket.send(JSON.stringify({ type: 'connected', mode: 'PAPER', stats })))
server.listen(Number(setting('PORT')), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
