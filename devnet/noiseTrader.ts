import { setTimeout as sleep } from 'node:timers/promises'
import { Interface, toQuantity } from 'ethers'
import { addressBook } from './addressBook.ts'
import { callRpc } from './callRpc.ts'
import { createRandom } from './createRandom.ts'
import { devnetMarker } from './devnetMarker.ts'
import { type MovingSwap, moveToPrice, type NoisePool, noisePools, readPool } from './moveToPrice.ts'

/** A round in which the trader moved a pool to a new price. */
export interface NoiseRound {
  /** Counts from 1; rounds that failed are counted too. */
  readonly round: number
  /** For example `sushi weth/dai`. */
  readonly pool: string
  /** What WETH now costs there in dollars, with eight decimals. */
  readonly priceUsd: bigint
  /** Undefined when it cost that already. */
  readonly hash: string | undefined
}

export interface NoiseTrader {
  /** Stops it at once; a transaction already sent may still be mined. Can be called again. */
  stop(): Promise<void>
}

/** Prices stay this close to the oracle's. */
const bandBps = 250
const rpcTimeoutMs = 10_000
const receiptTimeoutMs = 60_000
const gas = '0xf4240'
const trader = addressBook.accounts.noiseTrader

/** The node to trade on, and what ends every wait for it. */
interface Node {
  readonly rpc: string
  readonly signal: AbortSignal
}

const contracts = new Interface([
  'function approve(address spender, uint256 amount)',
  'function balanceOf(address account) view returns (uint256)',
  'function mint(address to, uint256 amount)',
  'function deposit() payable',
  'function getAssetPrice(address asset) view returns (uint256)',
])

/**
 * Keeps prices moving on one devnet chain: each round takes a pool by chance and trades in it until WETH costs there what
 * chance says, within 2.5 % of the oracle's price. So pools are pulled apart again and again, routes between them come to
 * pay, and no pool ever drains, whatever others trade meanwhile. The same seed gives the same pools and prices.
 *
 * It trades with an account of its own and mints its tokens itself. When the node fails the round is lost, `onError` hears
 * of it, and the next round comes: it survives a node that is away for a while or starts anew.
 *
 * @param options.intervalMs the pause between two rounds
 * @param options.onRound the next round waits for the promise it returns
 * @param options.signal stops it as `stop` does
 */
export function startNoiseTrader(options: {
  rpc: string
  intervalMs?: number
  seed?: number
  signal?: AbortSignal
  onRound?: (round: NoiseRound) => void | Promise<void>
  onError?: (cause: unknown) => void
}): NoiseTrader {
  const { intervalMs = 2_000 } = options
  const own = new AbortController()
  const signal = options.signal ? AbortSignal.any([own.signal, options.signal]) : own.signal
  const node: Node = { rpc: options.rpc, signal }
  const random = createRandom(options.seed ?? 1)

  const run = async () => {
    let basePriceUsd: bigint | undefined
    for (let round = 1; !signal.aborted; round++) {
      // Drawn before anything can fail, so that a lost round does not change those after it.
      const pool = noisePools[Math.floor(random() * noisePools.length)] as NoisePool
      const shiftBps = Math.round((random() * 2 - 1) * bandBps)
      try {
        basePriceUsd ??= await prepare(node)
        const priceUsd = (basePriceUsd * BigInt(10_000 + shiftBps)) / 10_000n
        const question = readPool.encodeFunctionData(pool.fee === undefined ? 'getReserves' : 'slot0')
        const state = await read(node, { to: pool.address, data: question })
        const swap = moveToPrice({ pool, state, priceUsd, trader })
        const hash = swap && (await trade(node, swap))
        await options.onRound?.({ round, pool: pool.name, priceUsd, hash })
      } catch (cause) {
        basePriceUsd = undefined // the node may have started anew, without our tokens
        if (!signal.aborted) options.onError?.(cause)
      }
      await sleep(intervalMs, undefined, { signal }).catch(() => {})
    }
  }
  const running = run()
  return {
    stop: () => {
      own.abort()
      return running
    },
  }
}

/** Allows the routers to take the trader's tokens. Returns the oracle's price of WETH, with eight decimals. */
async function prepare(node: Node): Promise<bigint> {
  if ((await call(node, 'eth_getCode', [devnetMarker.address, 'latest'])) !== devnetMarker.code) {
    throw new Error('The noise trader trades on devnets only, and this node is none.')
  }
  const allowances = new Set(
    noisePools.flatMap(({ stable, router }) => [`weth ${router}`, `${stable} ${router}`]),
  )
  const hashes: string[] = []
  for (const allowance of allowances) {
    const [token, router] = allowance.split(' ') as [MovingSwap['tokenIn'], string]
    const data = contracts.encodeFunctionData('approve', [router, 2n ** 256n - 1n])
    hashes.push(await send(node, { to: addressBook.tokens[token].address, data }))
  }
  for (const hash of hashes) await waitForReceipt(node, hash)
  const question = contracts.encodeFunctionData('getAssetPrice', [addressBook.tokens.weth.address])
  return BigInt(await read(node, { to: addressBook.aave.oracle, data: question }))
}

/** Returns the hash of the swap once it is mined. */
async function trade(node: Node, swap: MovingSwap): Promise<string> {
  const token = addressBook.tokens[swap.tokenIn].address
  const question = contracts.encodeFunctionData('balanceOf', [trader])
  if (BigInt(await read(node, { to: token, data: question })) < swap.amountIn) {
    const amount = swap.amountIn * 10n
    if (swap.tokenIn === 'weth') {
      await call(node, 'anvil_setBalance', [trader, toQuantity(amount + 10n ** 21n)])
      await send(node, { to: token, data: contracts.encodeFunctionData('deposit'), value: amount })
    } else {
      await send(node, { to: token, data: contracts.encodeFunctionData('mint', [trader, amount]) })
    }
  }
  const hash = await send(node, { to: swap.router, data: swap.data })
  await waitForReceipt(node, hash)
  return hash
}

async function send(node: Node, request: { to: string; data: string; value?: bigint }): Promise<string> {
  const { to, data, value = 0n } = request
  return String(
    await call(node, 'eth_sendTransaction', [{ from: trader, to, data, value: toQuantity(value), gas }]),
  )
}

async function read(node: Node, request: { to: string; data: string }): Promise<string> {
  return String(await call(node, 'eth_call', [request, 'latest']))
}

async function waitForReceipt(node: Node, hash: string): Promise<void> {
  for (const deadline = performance.now() + receiptTimeoutMs; performance.now() < deadline; ) {
    const receipt = (await call(node, 'eth_getTransactionReceipt', [hash])) as { status: string } | null
    if (receipt?.status === '0x1') return
    if (receipt) throw new Error(`The noise trader's transaction ${hash} reverted.`)
    await sleep(10, undefined, { signal: node.signal })
  }
  throw new Error(`The noise trader's transaction ${hash} was not mined within ${receiptTimeoutMs} ms.`)
}

function call(node: Node, method: string, params: readonly unknown[]): Promise<unknown> {
  return callRpc({ ...node, method, params, timeoutMs: rpcTimeoutMs })
}
