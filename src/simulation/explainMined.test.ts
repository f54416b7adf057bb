import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { createDevnetAccount } from '../../test/support/devnetAccount.ts'
import {
  type DevnetTrade,
  devnetTrade,
  executorInterface,
  PAYING_TRADES,
} from '../../test/support/devnetTrades.ts'
import { type LiveChain, openLiveChain } from '../../test/support/liveChain.ts'
import { newAccount } from '../../test/support/signedTransfer.ts'
import { LIMITS } from '../config/limits.ts'
import type { Address, Hex, Signal } from '../domain/signal.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import { readNodeError } from '../nodes/nodeErrors.ts'
import { explainRevert } from '../nodes/revertReasons.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { encodeExecute } from '../route/encodeExecute.ts'
import { explainMined } from './explainMined.ts'

let devnet: Devnet
let chain: LiveChain
let rpc: JsonRpc
let executor: Address
let lane: PrivateKeyAccount
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  const endpoint = devnet.chains[0]?.rpc as string
  chain = openLiveChain({ rpc: endpoint })
  rpc = createJsonRpc({ endpoints: [endpoint], timeoutMs: 20_000, limits: LIMITS })
  const owner = await createDevnetAccount({ rpc: endpoint })
  executor = await owner.deployExecutor()
  lane = await newAccount(endpoint)
  const data = executorInterface.encodeFunctionData('setLane', [lane.address, true]) as Hex
  await owner.send({ to: executor, data })
  await chain.automine(false)
})
afterAll(async () => {
  await rpc?.close()
  await devnet?.stop()
})

const gasLimit = 2_345_678n
/** Takes all there is at its first block. */
const whole = (signalId: string, minProfit = 0n): { signal: Signal; calldata: Hex } => {
  const { signal } = PAYING_TRADES[0] as DevnetTrade
  const larger = { ...signal, signalId, minProfit, loanAmount: signal.loanAmount * 2n }
  return { signal: larger, calldata: encodeExecute(larger) }
}

/** Puts the calls into one block, in this order; the status of the last. */
async function mined(calls: readonly Hex[]): Promise<{ block: number; status: Hex }> {
  const first = await chain.count(lane.address)
  const hashes: Hex[] = []
  for (const [index, data] of calls.entries()) {
    const raw = await lane.signTransaction({
      type: 'eip1559',
      chainId: 1,
      nonce: first + index,
      gas: gasLimit,
      maxFeePerGas: 71_000_000_003n,
      maxPriorityFeePerGas: 1_234_567_891n,
      to: executor,
      data,
    })
    hashes.push(await chain.ask<Hex>('eth_sendRawTransaction', raw))
  }
  await chain.mine()
  const receipt = await chain.ask<{ blockNumber: Hex; status: Hex }>(
    'eth_getTransactionReceipt',
    hashes.at(-1),
  )
  return { block: Number(receipt.blockNumber), status: receipt.status }
}

const explained = (
  trade: { signal: Signal; calldata: Hex },
  block: number,
  node: Pick<JsonRpc, 'call'> = rpc,
) =>
  explainMined({
    rpc: node,
    attempt: {
      lane: lane.address.toLowerCase() as Address,
      to: executor,
      calldata: trade.calldata,
      gasLimit,
      block,
    },
    signal: trade.signal,
    inquire: async (revert) => explainRevert(revert),
    readNodeError,
  })

describe('explainMined', () => {
  test('says why by the state before the block', async () => {
    const { signal, calldata } = devnetTrade({
      flashSource: 1,
      token: 'usdc',
      amount: '1000',
      legs: PAYING_TRADES[1]?.signal.hops.map(({ router }) => [0, router, 'weth'] as const).slice(0, 1) ?? [],
    })
    const { block, status } = await mined([calldata])
    expect(status).toBe('0x0')
    expect(await explained({ signal, calldata }, block)).toMatchObject({ kind: 'failed' })
    const dear = whole('dear', 10n ** 24n)
    const second = await mined([dear.calldata])
    expect(second.status).toBe('0x0')
    expect(await explained(dear, second.block)).toMatchObject({
      kind: 'unprofitable',
      facts: { min_profit: String(10n ** 24n) },
    })
  })

  test('says why when another of the same block was first', async () => {
    const late = whole('late')
    const { block, status } = await mined([whole('first').calldata, late.calldata])
    expect(status).toBe('0x0')
    const reason = await explained(late, block)
    expect(reason).toMatchObject({ kind: 'unprofitable', hop: null })
    expect(reason?.shortfall).toBeGreaterThan(0n)
  })

  test('says nothing when no state tells: it is pruned, the node is silent, or the call succeeds on both', async () => {
    const trade = PAYING_TRADES[2] as DevnetTrade
    expect(await explained(trade, await chain.head())).toBeNull()
    const pruned = { code: -32000, message: 'missing trie node 5c1f' }
    const answers = { ok: false, kind: 'rpc', error: pruned } as const
    expect(
      await explained(whole('x', 10n ** 24n), await chain.head(), { call: async () => answers }),
    ).toBeNull()
    await chain.mine(100)
    expect(await explained(whole('y', 10n ** 24n), 5)).toBeNull()
  })
})
