import { id } from 'ethers'
import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { adversary } from '../../contracts/test/deployAdversary.ts'
import { addressBook } from '../../devnet/addressBook.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { createDevnetAccount } from '../../test/support/devnetAccount.ts'
import {
  type DevnetTrade,
  executorInterface,
  LOSING_TRADE,
  PAYING_TRADES,
} from '../../test/support/devnetTrades.ts'
import { type LiveChain, openLiveChain } from '../../test/support/liveChain.ts'
import { newAccount } from '../../test/support/signedTransfer.ts'
import { openThinPool, thinPoolTrade } from '../../test/support/thinPool.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { encodeExecute } from '../route/encodeExecute.ts'
import { type MinedReceipt, type ReceiptLog, readReceipt } from './minedReceipt.ts'
import { type RealisedProfit, realise } from './realisedProfit.ts'

let devnet: Devnet
let chain: LiveChain
let executor: Address
let lane: PrivateKeyAccount
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  chain = openLiveChain({ rpc: devnet.chains[0]?.rpc ?? '' })
  const owner = await createDevnetAccount({ rpc: chain.rpc })
  executor = await owner.deployExecutor()
  lane = await newAccount(chain.rpc)
  const data = executorInterface.encodeFunctionData('setLane', [lane.address, true]) as Hex
  await owner.send({ to: executor, data })
  await chain.automine(false)
})
afterAll(() => devnet.stop())

/** Each trade pays in the fresh world. */
let fresh: Hex
beforeEach(async () => {
  fresh = await chain.ask('evm_snapshot')
})
afterEach(() => chain.ask('evm_revert', fresh))

const nativeBalance = async () => BigInt(await chain.ask<Hex>('eth_getBalance', lane.address, 'latest'))

/** Sends a trade from the lane, mines it, and tells what it did to both balances. */
async function trade({ calldata, signal }: Pick<DevnetTrade, 'calldata' | 'signal'>): Promise<{
  receipt: MinedReceipt
  realised: RealisedProfit
  gained: bigint
  paidWei: bigint
}> {
  const tokenBefore = await chain.tokenBalance({ token: signal.loanToken, account: executor })
  const nativeBefore = await nativeBalance()
  const raw = await lane.signTransaction({
    type: 'eip1559',
    chainId: 1,
    nonce: await chain.count(lane.address),
    gas: 2_345_678n,
    maxFeePerGas: 71_000_000_003n,
    maxPriorityFeePerGas: 1_234_567_891n,
    to: executor,
    data: calldata,
  })
  const hash = await chain.ask<Hex>('eth_sendRawTransaction', raw)
  await chain.mine()
  const read = readReceipt({ result: await chain.ask('eth_getTransactionReceipt', hash), hash })
  if (read.kind !== 'mined') throw new Error(`The trade is not mined: ${JSON.stringify(read)}`)
  const { receipt } = read
  const { inclusion, logs, success } = receipt
  const realised = realise({ logs, executor, loanToken: signal.loanToken, inclusion, success })
  return {
    receipt,
    realised,
    gained: (await chain.tokenBalance({ token: signal.loanToken, account: executor })) - tokenBefore,
    paidWei: nativeBefore - (await nativeBalance()),
  }
}

const PLAIN = { leftovers: [], note: null }

describe('realise, on a chain', () => {
  it.each(PAYING_TRADES)('$name: profit to the unit, gas to the wei', async ({ calldata, signal }) => {
    const { realised, receipt, gained, paidWei } = await trade({ calldata, signal })
    expect(receipt.success).toBe(true)
    expect(gained).toBeGreaterThan(0n)
    expect(paidWei).toBeGreaterThan(0n)
    expect(realised).toEqual({ kind: 'realised', profit: gained, gasCostWei: paidWei, ...PLAIN })
  })

  it('counts only what the trade itself brought to a contract that held something before', async () => {
    await trade(PAYING_TRADES[1] as DevnetTrade)
    const { calldata, signal } = PAYING_TRADES[0] as DevnetTrade
    expect(await chain.tokenBalance({ token: signal.loanToken, account: executor })).toBeGreaterThan(0n)
    const { realised, gained, paidWei } = await trade({ calldata, signal })
    expect(realised).toEqual({ kind: 'realised', profit: gained, gasCostWei: paidWei, ...PLAIN })
  })

  it('tells what a pool that ran out left in the executor, to the unit', async () => {
    await chain.automine(true)
    await openThinPool({ rpc: chain.rpc })
    await chain.automine(false)
    const { realised, gained } = await trade(thinPoolTrade)
    const amount = await chain.tokenBalance({ token: WETH, account: executor })
    expect(amount).toBeGreaterThan(0n)
    expect(realised).toMatchObject({ profit: gained, leftovers: [{ hop: 1, token: WETH, amount }] })
  })

  it('takes for the profit what the balance did, of a token that counts in shares', async () => {
    await chain.ask('anvil_setCode', DAI, adversary('ShareToken').deployedBytecode)
    const notes = []
    for (const { signal } of PAYING_TRADES.filter(({ signal }) => signal.loanToken === DAI)) {
      for (let part = 5n; part <= 8n; part++) {
        const again = await chain.ask<Hex>('evm_snapshot')
        const smaller = { ...signal, loanAmount: (signal.loanAmount * part) / 8n + part }
        const { receipt, realised, gained } = await trade({
          signal: smaller,
          calldata: encodeExecute(smaller),
        })
        expect(receipt.success).toBe(true)
        expect(realised).toMatchObject({ kind: 'realised', profit: gained })
        notes.push(realised.kind === 'realised' && realised.note)
        await chain.ask('evm_revert', again)
      }
    }
    expect(notes).toHaveLength(8)
    expect(notes.filter((note) => typeof note === 'string').length).toBeGreaterThan(0)
  })

  it('a reverted trade has brought nothing and cost its gas', async () => {
    const { realised, receipt, gained, paidWei } = await trade(LOSING_TRADE)
    expect(receipt.success).toBe(false)
    expect(gained).toBe(0n)
    expect(realised).toEqual({ kind: 'realised', profit: 0n, gasCostWei: paidWei, ...PLAIN })
  })
})

const word = (value: bigint) => value.toString(16).padStart(64, '0')
const topic = (account: string) => `0x${account.slice(2).toLowerCase().padStart(64, '0')}` as Hex
const DAI = addressBook.tokens.dai.address.toLowerCase() as Address
const WETH = addressBook.tokens.weth.address.toLowerCase() as Address
const EXECUTOR: Address = `0x${'e0'.repeat(20)}`
const POOL: Address = `0x${'40'.repeat(20)}`
const transferTopic: Hex = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const transfer = (from: Address, to: Address, amount: bigint, address = DAI): ReceiptLog => ({
  address,
  topics: [transferTopic, topic(from), topic(to)],
  data: `0x${word(amount)}`,
})
const topicOf = (event: string) => executorInterface.getEvent(event)?.topicHash as Hex
const ID: Hex = `0x${'1d'.repeat(32)}`
const executed = (profit: bigint, { address = EXECUTOR, token = DAI, loan = 5_000n } = {}): ReceiptLog => ({
  address,
  topics: [topicOf('ArbitrageExecuted'), ID, topic(POOL), topic(token)],
  data: `0x${word(loan)}${word(profit)}`,
})
const leftover = (hop: bigint, amount: bigint, { address = EXECUTOR } = {}): ReceiptLog => ({
  address,
  topics: [topicOf('Leftover'), ID, topic(WETH)],
  data: `0x${word(hop)}${word(amount)}`,
})
/** 5,000 borrowed, 4,997 to the pool, 5,310 back, 5,003 repaid: 310 are kept. */
const MOVES = [
  transfer(POOL, EXECUTOR, 5_000n),
  transfer(EXECUTOR, POOL, 4_997n),
  transfer(POOL, EXECUTOR, 5_310n),
  transfer(EXECUTOR, POOL, 5_003n),
]
const inclusion = {
  hash: `0x${'c4'.repeat(32)}` as Hex,
  block: 7,
  blockHash: `0x${'0d'.repeat(32)}` as Hex,
  gasUsed: 301_007n,
  effectiveGasPriceWei: 1_000_000_009n,
  l1FeeWei: 4_321n,
}
const gasCostWei = 301_007n * 1_000_000_009n + 4_321n
const realised = (logs: readonly ReceiptLog[], success = true) =>
  realise({ logs, executor: EXECUTOR, loanToken: DAI, inclusion, success })

describe('realise', () => {
  it('holds the event against the transfers, whatever else is in the logs', () => {
    const noise = [
      transfer(POOL, POOL, 99n),
      transfer(EXECUTOR, EXECUTOR, 88n),
      transfer(POOL, EXECUTOR, 77n, WETH),
      executed(66n, { token: WETH }),
      executed(55n, { address: POOL }),
      leftover(1n, 44n, { address: POOL }),
      // An ERC-721 transfer has the same first topic, and its token id as a fourth.
      { ...transfer(POOL, EXECUTOR, 0n), topics: [transferTopic, topic(POOL), topic(EXECUTOR), topic(POOL)] },
    ]
    expect(realised([...noise, ...MOVES, executed(310n)])).toEqual({
      kind: 'realised',
      profit: 310n,
      gasCostWei,
      ...PLAIN,
    })
  })

  it('reads the event of an executor that was deployed before ids were in it', () => {
    const topics = [id('ArbitrageExecuted(address,uint256,uint256)') as Hex, topic(DAI)]
    expect(realised([...MOVES, { ...executed(310n), topics }])).toMatchObject({
      kind: 'realised',
      profit: 310n,
    })
  })

  it('takes what the balance did for the profit where the transfers differ by rounding, and notes it', () => {
    // Eight units are two for each of four transfers.
    for (const profit of [309n, 311n, 302n, 318n]) {
      expect(realised([...MOVES, executed(profit)])).toEqual({
        kind: 'realised',
        profit,
        gasCostWei,
        leftovers: [],
        note: `The executor's balance grew by ${profit}; the transfers of ${DAI} amount to 310 base units, as when a token rounds.`,
      })
    }
    // A share that is worth many units: up to a thousand millionth of the loan.
    const loan = 2_000_000_000_000n
    expect(realised([...MOVES, executed(2_310n, { loan })])).toMatchObject({
      kind: 'realised',
      profit: 2_310n,
    })
    expect(realised([...MOVES, executed(2_311n, { loan })])).toMatchObject({ kind: 'mismatch' })
  })

  it('believes neither when they differ by more: a token that takes a fee', () => {
    expect(realised([...MOVES, executed(301n)])).toEqual({
      kind: 'mismatch',
      eventProfit: 301n,
      transferProfit: 310n,
      gasCostWei,
      leftovers: [],
      sentence: `The executor tells a profit of 301, the transfers of ${DAI} amount to 310 base units.`,
    })
    expect(realised([...MOVES, executed(319n)])).toMatchObject({ kind: 'mismatch', eventProfit: 319n })
  })

  it('tells what hops left of their input', () => {
    const logs = [...MOVES, leftover(1n, 44n), leftover(2n, 7n), executed(310n)]
    const leftovers = [
      { hop: 1, token: WETH, amount: 44n },
      { hop: 2, token: WETH, amount: 7n },
    ]
    expect(realised(logs)).toMatchObject({ kind: 'realised', profit: 310n, leftovers })
    expect(realised([...logs, executed(1n)])).toMatchObject({ kind: 'mismatch', leftovers })
  })

  it.each<[string, readonly ReceiptLog[]]>([
    ['no event', []],
    ['an event of another contract', [executed(310n, { address: POOL })]],
    ['an event for another token', [executed(310n, { token: WETH })]],
    ['two events', [executed(310n), executed(310n)]],
    ['an event without its figures', [{ ...executed(310n), data: `0x${word(5_000n)}` }]],
  ])('takes %s for no profit that was told', (_, events) => {
    expect(realised([...MOVES, ...events])).toMatchObject({
      kind: 'mismatch',
      eventProfit: null,
      transferProfit: 310n,
      gasCostWei,
    })
  })

  it('tells a loss by the transfers as such', () => {
    expect(realised([transfer(EXECUTOR, POOL, 12n), executed(3n)])).toMatchObject({ transferProfit: -12n })
  })

  it('reads no logs of what did not trade: a revert, or a cancel', () => {
    expect(realised([...MOVES, leftover(1n, 44n), executed(310n)], false)).toEqual({
      kind: 'realised',
      profit: 0n,
      gasCostWei,
      ...PLAIN,
    })
  })
})
