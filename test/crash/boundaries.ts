import { existsSync, type FSWatcher, watch } from 'node:fs'
import { join } from 'node:path'
import { keccak256 } from 'ethers'
import type { Fault, Reply, SeenPayload } from '../support/rpcProxy.ts'

/** A moment between two steps that must not be torn apart. */
export const BOUNDARIES = [
  'journal written',
  'bytes about to leave',
  'bytes taken, not answered',
  'bytes answered',
  'receipt not seen',
  'receipt seen',
] as const
export type Boundary = (typeof BOUNDARIES)[number]

/** Waits for a boundary among what passes between server and nodes. */
export interface BoundaryWatch {
  /** For the `interfere` of every proxy. */
  interfere(payload: SeenPayload): Fault | null
  /** Hashes of transactions that were about to leave when it struck. */
  readonly leaving: readonly string[]
  stop(): void
}

const SEND = 'eth_sendRawTransaction'
/** Several trades of one block are read by the receipts of the block. */
const RECEIPTS = ['eth_getTransactionReceipt', 'eth_getBlockReceipts']
const AGAIN_MS = 20

/**
 * Calls `strike` once, at the `skip`th time the boundary is reached. It is called before anything else
 * happens, so that a server killed by it has done nothing beyond the boundary.
 */
export function watchBoundary({
  boundary,
  skip,
  dataDir,
  strike,
}: {
  boundary: Boundary
  skip: number
  dataDir: string
  strike: () => void
}): BoundaryWatch {
  let left = skip
  let over = false
  const leaving: string[] = []
  /** Hands the node's answer on as it is. */
  const pass = (tell: () => void) => (reply: unknown) => {
    tell()
    return reply
  }
  const reached = (): boolean => {
    if (over || left-- > 0) return false
    over = true
    strike()
    return true
  }

  const journal =
    boundary === 'journal written' ? watchJournal({ folder: join(dataDir, 'live'), onWrite: reached }) : null

  return {
    leaving,
    interfere({ calls, methods }) {
      if (over) return null
      const sends = methods.includes(SEND)
      switch (boundary) {
        case 'journal written':
          return null
        case 'bytes about to leave':
          if (!sends || !reached()) return null
          for (const { method, params } of calls)
            if (method === SEND) leaving.push(keccak256(String(params[0])))
          return { kind: 'drop' }
        case 'bytes taken, not answered':
          return sends ? { kind: 'rewrite', rewrite: pass(reached) } : null
        case 'bytes answered':
          return sends ? { kind: 'rewrite', rewrite: pass(() => setImmediate(reached)) } : null
        case 'receipt not seen':
        case 'receipt seen':
          if (!methods.some((method) => RECEIPTS.includes(method))) return null
          return {
            kind: 'rewrite',
            rewrite(answered) {
              const isThere = ([answered].flat() as Reply[]).some(
                ({ id, result }) =>
                  hasReceipt(result) &&
                  calls.some((call) => call.id === id && RECEIPTS.includes(call.method)),
              )
              if (isThere && boundary === 'receipt not seen') reached()
              else if (isThere) setImmediate(reached)
              return answered
            },
          }
        default:
          return boundary satisfies never
      }
    },
    stop() {
      over = true
      journal?.stop()
    },
  }
}

const hasReceipt = (result: unknown): boolean =>
  Array.isArray(result) ? result.length > 0 : result !== null && result !== undefined

/**
 * Tells of every write to a write-ahead log as the kernel does: the flush behind it, and the send behind
 * that, are still to come.
 */
function watchJournal({ folder, onWrite }: { folder: string; onWrite: () => void }): { stop(): void } {
  let watcher: FSWatcher | null = null
  const timer = setInterval(() => {
    if (watcher !== null || !existsSync(folder)) return
    watcher = watch(folder, (_, name) => {
      if (name !== null && /^chain-\d+\.sqlite-wal$/.test(name)) onWrite()
    })
    watcher.on('error', () => {})
  }, AGAIN_MS)
  return {
    stop() {
      clearInterval(timer)
      watcher?.close()
    },
  }
}
