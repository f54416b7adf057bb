import { Transaction } from 'ethers'
import type { Address, Hex } from '../../src/domain/signal.ts'
import type { JournalFiles } from './journalFiles.ts'
import { replacementRule } from './replacementRule.ts'
import { type Fault, type SeenPayload, startRpcProxy } from './rpcProxy.ts'
import type { Announcement } from './rpcStream.ts'

/** A signed transaction as it came to the proxy, whatever became of it. */
export interface OfferedTransaction {
  readonly raw: Hex
  readonly hash: Hex
  readonly from: Address
  readonly nonce: number
  readonly to: Address
  readonly data: Hex
  /** EIP-1559 caps, wei per gas; both are the gas price for an old one. */
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
  readonly offeredAtMs: number
}

/**
 * One thing that goes wrong: asked about every payload while it is in force; null lets it through. See
 * `faults.ts`.
 */
export interface Injection {
  (payload: SeenPayload): Fault | null | Promise<Fault | null>
  /**
   * What becomes of a head that is announced while it is in force; null says nothing. As it is where absent.
   */
  readonly announce?: (header: Announcement) => Announcement | null | Promise<Announcement | null>
}

export interface FaultProxy {
  readonly url: string
  readonly socketUrl: string
  readonly ipcPath: string
  /** The node behind it. */
  readonly node: string
  /** Every transaction that was offered, in order. */
  readonly offered: readonly OfferedTransaction[]
  /**
   * Hashes of those that came while the journal's files did not hold them: bytes that left before their
   * record was on disk.
   */
  readonly unjournaled: readonly Hex[]
  /** Calls seen since the start, by method. */
  readonly methods: ReadonlyMap<string, number>
  /**
   * Puts a fault in force until `heal`, or until it has struck `times`. Of several the newest that wants a
   * payload has it.
   */
  inject(fault: Injection, limit?: { times: number }): Injected
  /** Takes every fault back. */
  heal(): void
  /** Refuses connections, as where nothing listens; or takes them again. */
  refuse(refuses: boolean): Promise<void>
  stop(): Promise<void>
}

/** A fault that was put in force. */
export interface Injected {
  readonly strikes: number
  heal(): void
}

/**
 * A real server by HTTP, WebSocket and IPC in front of a real node, which fails as a script says. Without a
 * fault it is the node, but for one rule that anvil lacks and all mempools have: a replacement has to raise
 * both fees by a tenth.
 *
 * @param options.journal held against every transaction the moment it comes, before anything else is done
 *   with it
 */
export async function startFaultProxy({
  node,
  journal = null,
}: {
  node: string
  journal?: JournalFiles | null
}): Promise<FaultProxy> {
  const proxy = await startRpcProxy({ target: node })
  const offered: OfferedTransaction[] = []
  const unjournaled: Hex[] = []
  const refuseReplacement = replacementRule({ node })
  let inForce: { fault: Injection; left: number; strikes: number }[] = []

  proxy.announce = async (header) => {
    const spoilt = inForce.find(({ fault, left }) => left > 0 && fault.announce !== undefined)
    return spoilt?.fault.announce ? await spoilt.fault.announce(header) : header
  }
  proxy.interfere = async (payload) => {
    for (const { method, params } of payload.calls) {
      if (method !== 'eth_sendRawTransaction') continue
      const sent = readTransaction(params[0] as Hex)
      if (journal?.hold(sent.raw) === false) unjournaled.push(sent.hash)
      offered.push(sent)
    }
    for (const entry of inForce) {
      const fault = entry.left > 0 ? await entry.fault(payload) : null
      if (fault === null) continue
      entry.left--
      entry.strikes++
      return fault
    }
    return refuseReplacement(payload)
  }

  return {
    url: proxy.url,
    socketUrl: proxy.socketUrl,
    ipcPath: proxy.ipcPath,
    node,
    offered,
    unjournaled,
    methods: proxy.methods,
    inject(fault, { times } = { times: Number.POSITIVE_INFINITY }) {
      const entry = { fault, left: times, strikes: 0 }
      inForce = [entry, ...inForce]
      return {
        get strikes() {
          return entry.strikes
        },
        heal() {
          inForce = inForce.filter((other) => other !== entry)
        },
      }
    },
    heal() {
      inForce = []
    },
    refuse: proxy.refuse,
    stop: proxy.stop,
  }
}

/** Reads signed bytes by ethers, which shares no code with our own encoder. */
export function readTransaction(raw: Hex): OfferedTransaction {
  const { hash, from, nonce, to, data, maxFeePerGas, maxPriorityFeePerGas, gasPrice } = Transaction.from(raw)
  return {
    raw,
    hash: hash as Hex,
    from: (from as string).toLowerCase() as Address,
    nonce,
    to: (to as string).toLowerCase() as Address,
    data: data as Hex,
    maxFeePerGas: maxFeePerGas ?? gasPrice ?? 0n,
    maxPriorityFeePerGas: maxPriorityFeePerGas ?? gasPrice ?? 0n,
    offeredAtMs: Date.now(),
  }
}
