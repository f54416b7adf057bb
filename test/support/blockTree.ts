import { createHash } from 'node:crypto'
import type { Hex } from '../../src/domain/signal.ts'
import type { Block } from '../../src/nodes/heads.ts'
import type { JsonRpc, RpcOutcome } from '../../src/nodes/rpc.ts'

const hex = (value: number): Hex => `0x${value.toString(16)}`
const digest = (text: string): Hex => `0x${createHash('sha256').update(text).digest('hex')}`

const STRIDE = 64

/** All blocks that ever were, on every fork; a node is one that stands on a tip of it. */
export interface BlockTree {
  readonly genesis: Block
  /** A new block on another. */
  grow(parent: Block, transactions?: readonly Hex[]): Block
  /** The block of a chain at a height; null above its tip. */
  ancestor(tip: Block, height: number): Block | null
  /** Answers as a node that stands on a tip; calls by method are counted in `calls`. */
  node(tip: () => Block | null): Pick<JsonRpc, 'call'> & { readonly calls: Map<string, number> }
}

export function createBlockTree(): BlockTree {
  const byHash = new Map<Hex, Block>()
  /** Of some blocks the one that is so many below. */
  const longAgo = new Map<Hex, Block>()
  let made = 0

  function make(number: number, parentHash: Hex, transactions: readonly Hex[]): Block {
    const block: Block = {
      number,
      timestamp: number,
      hash: digest(`block ${made++}`),
      parentHash,
      transactions,
    }
    byHash.set(block.hash, block)
    if (number % STRIDE === 0 && number > 0)
      longAgo.set(block.hash, ancestor(block, number - STRIDE) as Block)
    return block
  }
  const genesis = make(0, digest('none'), [])
  const encode = ({ number, timestamp, ...rest }: Block) => ({
    ...rest,
    number: hex(number),
    timestamp: hex(timestamp),
  })

  function ancestor(tip: Block, height: number): Block | null {
    if (height > tip.number || height < 0) return null
    let block: Block | undefined = tip
    while (block !== undefined && block.number > height) {
      const far = longAgo.get(block.hash)
      block = far !== undefined && far.number >= height ? far : byHash.get(block.parentHash)
    }
    return block ?? null
  }

  /** The program that returns block hashes: two words, a height and a count. */
  function remembered(tip: Block, data: Hex): Hex {
    const [from = 0, count = 0] = [data.slice(2, 66), data.slice(66, 130)].map((word) => Number(`0x${word}`))
    const words = Array.from({ length: count }, (_, index) => {
      const height = from + index
      const isRemembered = height < tip.number && height >= tip.number - 256
      return (isRemembered ? (ancestor(tip, height)?.hash ?? '0x') : '0x').slice(2).padStart(64, '0')
    })
    return `0x${words.join('')}`
  }

  return {
    genesis,
    grow: (parent, transactions = []) => make(parent.number + 1, parent.hash, transactions),
    ancestor,
    node(tipOf) {
      const calls = new Map<string, number>()
      return {
        calls,
        async call(method, params): Promise<RpcOutcome> {
          calls.set(method, (calls.get(method) ?? 0) + 1)
          const tip = tipOf()
          const [first] = params as readonly [unknown]
          if (tip === null) return { ok: false, kind: 'rpc', error: { code: -32_000, message: 'not now' } }
          switch (method) {
            case 'eth_getBlockByHash': {
              const block = byHash.get(first as Hex)
              return { ok: true, result: block ? encode(block) : null }
            }
            case 'eth_getBlockByNumber': {
              const block = ancestor(tip, Number(first))
              return { ok: true, result: block && encode(block) }
            }
            case 'eth_call':
              return { ok: true, result: remembered(tip, (first as { data: Hex }).data) }
            default:
              throw new Error(`The tree does not answer ${method}.`)
          }
        },
      }
    },
  }
}
