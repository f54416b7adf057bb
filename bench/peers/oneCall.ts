/**
 * The lean peer: the same interface with as little as can be between the request and the node. Node's own
 * HTTP server, ethers for addresses and ABI, and for each signal one `eth_call` of `execute`, whose return
 * value is the profit. What the documented server does besides is left out: no gas estimate, no WebSocket, no
 * record.
 *
 * Settings: PORT, RPC_URL, CHAIN_ID, EXECUTOR_ADDRESS, EXECUTOR_OWNER, EXECUTOR_ABI (file).
 */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { AbiCoder, Contract, isAddress, JsonRpcProvider, Network } from 'ethers'

interface Signal {
  chainId: number
  token: string
  amount: string
  flashSource: number
  protocols: number[]
  routers: string[]
  path: string[]
  extras: string[]
}

const setting = (name: string): string => {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set.`)
  return value
}

const chainId = Number(setting('CHAIN_ID'))
const from = setting('EXECUTOR_OWNER')
const network = Network.from(chainId)
const options = { staticNetwork: network, batchMaxCount: 1, cacheTimeout: -1 }
const provider = new JsonRpcProvider(setting('RPC_URL'), network, options)
const { abi } = JSON.parse(readFileSync(setting('EXECUTOR_ABI'), 'utf8'))
const executor = new Contract(setting('EXECUTOR_ADDRESS'), abi, provider)
const coder = AbiCoder.defaultAbiCoder()

async function execute(signal: Signal): Promise<object> {
  try {
    if (signal.chainId !== chainId) throw new Error(`Chain ${signal.chainId} not configured`)
    if (!isAddress(signal.token)) throw new Error('Invalid token')
    const routeData = coder.encode(
      ['uint8[]', 'address[]', 'address[]', 'bytes[]'],
      [signal.protocols, signal.routers, signal.path, signal.extras],
    )
    const words = [signal.flashSource, signal.token, BigInt(signal.amount), routeData]
    const data = executor.interface.encodeFunctionData('execute', words)
    const result = await provider.call({ from, to: executor.target, data })
    const [profit] = executor.interface.decodeFunctionResult('execute', result)
    return { success: true, mode: 'PAPER', simulation: { success: true, profit: String(profit) } }
  } catch (error) {
    return { success: false, mode: 'PAPER', error: error instanceof Error ? error.message : String(error) }
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}

const server = createServer(async (request, response) => {
  response.setHeader('content-type', 'application/json')
  if (request.url === '/health') return response.end('{"status":"healthy"}')
  const body = JSON.parse(await readText(request))
  if (request.url === '/execute') return response.end(JSON.stringify(await execute(body)))
  const results = await Promise.all((body.signals as Signal[]).map(execute))
  response.end(JSON.stringify({ total: results.length, results }))
})
server.listen(Number(setting('PORT')), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
