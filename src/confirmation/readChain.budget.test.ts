import { expect, it } from 'vitest'
import { createBlockTree } from '../../test/support/blockTree.ts'
import type { Inclusion } from '../domain/liveExecution.ts'
import { quantityOf } from '../domain/rpcValues.ts'
import type { Hex } from '../domain/signal.ts'
import type { HashSource } from '../nodes/blockHashes.ts'
import { createBlockTrail } from '../nodes/blockTrail.ts'
import { createFinalBlock } from '../nodes/finalBlock.ts'
import type { Block } from '../nodes/heads.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { readChain } from './readChain.ts'

const HOUR_MS = 3_600_000
/** Between an answer and the next question, over HTTP. */
const ROUND_TRIP_MS = 60
/** Each landed trade costs a simulation and a send besides. */
const SIMULATE_AND_SEND = 2

interface Trade {
  readonly hash: Hex
  readonly since: number
  inclusion: Inclusion | null
}

/**
 * An hour of a chain, polled for heads as idle chains are over HTTP, with one trade after another; counts
 * what is asked besides.
 */
async function anHour({
  blockTimeMs,
  pollMs,
  tradeEveryMs,
  finalBehind,
  hashSource = 'opcode',
  answersHashes = true,
  reorgEveryMs = HOUR_MS * 2,
}: {
  blockTimeMs: number
  pollMs: number
  tradeEveryMs: number
  /** Blocks that the tag is behind the newest at least; it moves every 384 s. */
  finalBehind: number
  hashSource?: HashSource
  /** Whether one call tells many block hashes. */
  answersHashes?: boolean
  reorgEveryMs?: number
}) {
  const tree = createBlockTree()
  let nowMs = 0
  let tip = tree.genesis
  for (let height = 0; height < 4_000; height++) tip = tree.grow(tip)
  let pool: Hex[] = []
  const minedIn = new Map<Hex, Block>()
  let nextBlockMs = blockTimeMs
  let nextReorgMs = reorgEveryMs
  let tagged = tip.number - finalBehind
  let nextTagMs = 0

  function passTo(ms: number): void {
    for (; nextBlockMs <= ms; nextBlockMs += blockTimeMs) {
      if (nextBlockMs >= nextReorgMs) {
        // The newest block is replaced by another with the same transactions.
        nextReorgMs += reorgEveryMs
        const { transactions, number } = tip
        tip = tree.grow(tree.ancestor(tip, number - 1) as Block, transactions ?? [])
        for (const hash of transactions ?? []) minedIn.set(hash, tip)
      }
      tip = tree.grow(tip, pool)
      for (const hash of pool) minedIn.set(hash, tip)
      pool = []
      if (nextBlockMs >= nextTagMs) {
        tagged = tip.number - finalBehind
        nextTagMs += 384_000
      }
    }
    nowMs = ms
  }

  const blocks = tree.node(() => tip)
  const calls = new Map<string, number>()
  const rpc: Pick<JsonRpc, 'call'> = {
    async call(method, params) {
      const name = Array.isArray(params) && params[0] === 'finalized' ? 'finalized' : method
      calls.set(name, (calls.get(name) ?? 0) + 1)
      if (name === 'finalized') return await blocks.call(method, [quantityOf(tagged), false])
      if (method === 'eth_getTransactionCount') return { ok: true, result: quantityOf(minedIn.size) }
      if (method === 'eth_call' && !answersHashes) return { ok: true, result: '0x' }
      if (method !== 'eth_getTransactionReceipt') return await blocks.call(method, params)
      const hash = (params as readonly [Hex])[0]
      const block = minedIn.get(hash)
      const receipt = block && {
        transactionHash: hash,
        blockHash: block.hash,
        blockNumber: quantityOf(block.number),
        gasUsed: '0x5208',
        effectiveGasPrice: '0x1',
        status: '0x1',
        logs: [],
      }
      return { ok: true, result: receipt ?? null }
    },
  }

  const now = () => nowMs
  let head = tip
  const trail = createBlockTrail({ rpc, hashSource, now })
  const finalBlock = createFinalBlock({
    rpc,
    finality: { tag: 'finalized', fallbackDepth: 100_000 },
    head: () => head.number,
    now,
  })
  const open = new Set<Trade>()
  const trades = () => [...open]
  let [signed, landed, finished] = [0, 0, 0]
  let nextTradeMs = tradeEveryMs / 2

  let pollAtMs = 0
  const isBusy = () => trades().some(({ inclusion }) => inclusion === null)
  for (;;) {
    // As the chain thread polls: often while something is in flight.
    pollAtMs += ROUND_TRIP_MS + (isBusy() ? Math.min(Math.max(blockTimeMs / 4, 100), 500) : pollMs)
    if (pollAtMs >= HOUR_MS) break
    for (; nextTradeMs < pollAtMs; nextTradeMs += tradeEveryMs) {
      passTo(nextTradeMs)
      const hash: Hex = `0x${(++signed).toString(16).padStart(64, '0')}`
      pool.push(hash)
      open.add({ hash, since: head.number, inclusion: null })
    }
    passTo(pollAtMs)
    if (head.hash === tip.hash) continue
    head = tip
    trail.see(tip)
    const checked = trades()
    const positions = checked.map(({ hash, since, inclusion }) => ({
      hashes: [hash],
      inclusion,
      since,
      ask: 'if_unseen' as const,
    }))
    const findings = await readChain({ rpc, trail, finalBlock, positions })
    for (const [index, finding] of findings.entries()) {
      const trade = checked[index] as Trade
      if (finding.kind !== 'mined') continue
      if (trade.inclusion === null) landed++
      if (finding.receipt !== null) trade.inclusion = finding.receipt.inclusion
      if (finding.final) {
        expect(tree.ancestor(tip, trade.inclusion?.block ?? -1)?.hash).toBe(trade.inclusion?.blockHash)
        open.delete(trade)
        finished++
      }
    }
  }
  const asked = [...calls.values()].reduce((sum, count) => sum + count, 0)
  return { signed, landed, finished, perTrade: SIMULATE_AND_SEND + asked / landed }
}

const CHAINS = {
  Ethereum: { blockTimeMs: 12_000, pollMs: 12_000, tradeEveryMs: 60_000, finalBehind: 64 },
  OP: { blockTimeMs: 2_000, pollMs: 2_000, tradeEveryMs: 10_000, finalBehind: 400 },
  Arbitrum: {
    blockTimeMs: 250,
    pollMs: 1_000,
    tradeEveryMs: 10_000,
    finalBehind: 3_200,
    hashSource: 'arb-sys' as const,
  },
}

it.each(Object.entries(CHAINS))(
  'a landed trade costs four calls or fewer on a chain like %s',
  async (_, chain) => {
    const { signed, landed, finished, perTrade } = await anHour(chain)
    expect(landed).toBeGreaterThanOrEqual(signed - 1)
    expect(finished).toBeGreaterThan(signed / 2)
    expect(perTrade).toBeLessThanOrEqual(4)
  },
)

it.each(Object.entries(CHAINS))(
  'a reorg every minute costs little more on a chain like %s',
  async (_, chain) => {
    const { signed, finished, perTrade } = await anHour({ ...chain, reorgEveryMs: 60_000 })
    expect(finished).toBeGreaterThan(signed / 2)
    expect(perTrade).toBeLessThanOrEqual(5)
  },
)

it('is bounded where no call tells many hashes', async () => {
  const { perTrade } = await anHour({ ...CHAINS.Arbitrum, answersHashes: false })
  expect(perTrade).toBeLessThanOrEqual(25)
})
