import { setTimeout as sleep } from 'node:timers/promises'
import { Wallet } from 'ethers'
import type { Hex } from '../../src/domain/signal.ts'
import { INVERTED, WIDE } from '../support/keepSpread.ts'
import { addressOf, type TradingChain } from '../support/liveWorld.ts'
import type { BlockRhythm } from './blockRhythm.ts'

/** What happened to the chains besides the server's own trades. */
export interface Market {
  /** Hashes of what somebody else sent from an account of the server. */
  readonly foreign: ReadonlySet<string>
  readonly reorgs: () => number
  readonly feeJumps: () => number
  stop(): Promise<void>
}

const CALM_MS = 1_000
/** Less than what makes a block final on the devnet. */
const REORG_DEPTH_MAX = 3
const JUMP_BLOCKS = 12
/** More than twice, which is what a fee cap leaves room for: what is pending then is left behind. */
const JUMP_FACTOR = 2.6
const JUMP_EVERY_BLOCKS = 4
const BLOCK_MS = 250
/**
 * Far above the base fee of a quiet devnet; after the jumps a trade of some two dollars can still pay for it.
 */
const JUMP_GWEI = [0.01, 0.05] as const

/**
 * Keeps trades worth making, and now and then turns the market against them, lets the base fee jump while
 * transactions are pending (half of the times the opportunity goes meanwhile), takes blocks back, or uses an
 * account of the server behind its back.
 */
export function moveMarket({
  chains,
  rhythms,
  keys,
  random,
  say,
}: {
  chains: readonly TradingChain[]
  /** Of chains that do not make their blocks on demand. */
  rhythms: ReadonlyMap<TradingChain, BlockRhythm>
  /** Of the accounts of the server. */
  keys: readonly Hex[]
  random: () => number
  say: (sentence: string) => void
}): Market {
  const stopping = new AbortController()
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {})
  const foreign = new Set<string>()
  let reorgs = 0
  let feeJumps = 0

  async function step(chain: TradingChain): Promise<void> {
    const chance = random()
    if (chance < 0.15) {
      await chain.spread.set(INVERTED)
      await pause(random() * 500)
    } else if (chance < 0.4) await jump(chain)
    else if (chance < 0.5) await reorg(chain)
    else if (chance < 0.54) await use(chain)
  }

  async function jump(chain: TradingChain): Promise<void> {
    let gwei = JUMP_GWEI[0] + random() * (JUMP_GWEI[1] - JUMP_GWEI[0])
    const goes = random() < 0.4
    feeJumps++
    for (let block = 0; block < JUMP_BLOCKS && !stopping.signal.aborted; block++) {
      if (block % JUMP_EVERY_BLOCKS === 0) gwei *= JUMP_FACTOR
      await chain.baseFee(gwei)
      if (goes && block === 2) await chain.spread.set(INVERTED)
      await pause(BLOCK_MS)
    }
    await chain.baseFee(0)
  }

  async function reorg(chain: TradingChain): Promise<void> {
    const depth = 1 + Math.floor(random() * REORG_DEPTH_MAX)
    const forgets = random() < 0.3
    const takeBack = async () => {
      try {
        await chain.reorg({ depth, forgets })
        reorgs++
      } finally {
        // It ends automining where there was any, and what is in the pool again waits for a block.
        if (chain.automines) await chain.automine(true)
        await chain.mine()
      }
    }
    const rhythm = rhythms.get(chain)
    await (rhythm === undefined ? takeBack() : rhythm.between(takeBack))
  }

  /** A transfer of 19 wei that outbids what is pending at the next nonce. */
  async function use(chain: TradingChain): Promise<void> {
    const key = keys[Math.floor(random() * keys.length)] as Hex
    const raw = await new Wallet(key).signTransaction({
      type: 2,
      chainId: chain.chainId,
      nonce: await chain.count(addressOf(key)),
      to: addressOf(key).replace(/^0x../, '0x11'),
      value: 19n,
      gasLimit: 21_000n,
      maxFeePerGas: 5_000_000_000n,
      maxPriorityFeePerGas: 2_000_000_000n,
    })
    foreign.add(await chain.ask<string>('eth_sendRawTransaction', raw))
  }

  const running = Promise.all(
    chains.map(async (chain) => {
      while (!stopping.signal.aborted) {
        try {
          await step(chain)
          await chain.spread.set(WIDE)
        } catch (error) {
          say(
            `The market of chain ${chain.chainId} did not move: ${error instanceof Error ? error.message : error}`,
          )
        }
        await pause(CALM_MS)
      }
      await chain.baseFee(0)
    }),
  )
  return {
    foreign,
    reorgs: () => reorgs,
    feeJumps: () => feeJumps,
    async stop() {
      stopping.abort()
      await running
    },
  }
}
