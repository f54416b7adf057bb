/**
 * The peer of the LIVE benchmark: a small server that sends trades the way such servers usually do, with
 * express, ethers' `Wallet` and `NonceManager`. Signals take turns among the wallets; for each the calldata
 * is built with AbiCoder, the gas is estimated, `sendTransaction` fills in fees and nonce and sends, and the
 * answer waits for the receipt. Everything is set for speed: no batching stall, no cache, no network
 * detection per call, a short polling interval, NODE_ENV=production.
 *
 * Settings: PORT, RPC_URL, CHAIN_ID, EXECUTOR_ADDRESS, EXECUTOR_ABI (file), PRIVATE_KEYS, RECEIPT_TIMEOUT_MS.
 */
import { readFileSync } from 'node:fs'
import { AbiCoder, Contract, JsonRpcProvider, Network, NonceManager, Wallet, WebSocketProvider } from 'ethers'
import express from 'express'

interface Signal {
  signal_id: string
  token: string
  amount: string
  flashSource: number
  protocols: number[]
  routers: string[]
  path: string[]
  extras: string[]
}

const POLLING_MS = 20
/** Percent. An estimate by itself runs out of gas as soon as another trade comes first. */
const GAS_MARGIN = 150n

const setting = (name: string): string => {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set.`)
  return value
}

const network = Network.from(Number(setting('CHAIN_ID')))
const url = setting('RPC_URL')
const options = { staticNetwork: network, batchMaxCount: 1, cacheTimeout: -1 }
const provider = url.startsWith('ws')
  ? new WebSocketProvider(url, network, options)
  : new JsonRpcProvider(url, network, { ...options, pollingInterval: POLLING_MS })
const { abi } = JSON.parse(readFileSync(setting('EXECUTOR_ABI'), 'utf8'))
const executor = new Contract(setting('EXECUTOR_ADDRESS'), abi, provider)
const wallets = setting('PRIVATE_KEYS')
  .split(',')
  .map((key) => new NonceManager(new Wallet(key, provider)))
const receiptTimeoutMs = Number(setting('RECEIPT_TIMEOUT_MS'))
const coder = AbiCoder.defaultAbiCoder()
let turn = 0

async function execute(signal: Signal): Promise<object> {
  const timestamp = new Date().toISOString()
  const wallet = wallets[turn++ % wallets.length] as NonceManager
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
    const request = { from: await wallet.getAddress(), to: executor.target, data }
    const estimate = await provider.estimateGas(request)
    const transaction = await wallet.sendTransaction({ ...request, gasLimit: (estimate * GAS_MARGIN) / 100n })
    const receipt = await transaction.wait(1, receiptTimeoutMs)
    return {
      success: receipt?.status === 1,
      mode: 'LIVE',
      status: 'included',
      txHash: transaction.hash,
      timestamp,
    }
  } catch (error) {
    return {
      success: false,
      mode: 'LIVE',
      error: error instanceof Error ? error.message : String(error),
      timestamp,
    }
  }
}

const app = express()
app.use(express.json({ limit: '4mb' }))
app.disable('x-powered-by')
app.disable('etag')
app.post('/execute', async (request, response) => {
  response.json(await execute(request.body))
})
app.get('/health', (_request, response) => {
  response.json({ status: 'healthy', mode: 'LIVE' })
})
app.listen(Number(setting('PORT')), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
