import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { keccak256 } from 'ethers'
import { callRpc } from '../../devnet/callRpc.ts'
import type { JournalFiles } from './journalFiles.ts'

/** One call a relay got. */
export interface RelayCall {
  readonly method: string
  readonly params: unknown
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface RelayServer {
  readonly url: string
  readonly calls: readonly RelayCall[]
  /** Raw transactions that were taken and not handed on. */
  readonly kept: readonly string[]
  /** Every raw transaction it was sent, whatever became of it. */
  readonly offered: readonly string[]
  /** Hashes of those that came while the journal's files did not hold them. */
  readonly unjournaled: readonly string[]
  /** From now on every connection is closed without an answer, or not any more. */
  refuse(refuses: boolean): void
  stop(): Promise<void>
}

/**
 * A private relay on a real socket in front of a node. It takes the calls of Flashbots, of builders and of
 * bloXroute, answers as they do, and either hands the transaction on or keeps it for ever.
 */
export async function startRelayServer({
  target,
  includes,
  journal = null,
}: {
  target: string
  includes: boolean
  journal?: JournalFiles | null
}): Promise<RelayServer> {
  const calls: RelayCall[] = []
  const kept: string[] = []
  const offered: string[] = []
  const unjournaled: string[] = []
  let refuses = false

  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: unknown }
    const raw = rawOf(method, params)
    offered.push(raw)
    if (journal?.hold(raw) === false) unjournaled.push(keccak256(raw))
    calls.push({ method, params, headers: incoming.headers, body })
    if (refuses) {
      outgoing.destroy()
      return
    }
    const answer = await take(raw).then(
      (hash) => ({ result: resultOf(method, hash) }),
      (error) => ({ error: { code: -32000, message: String(error.message ?? error) } }),
    )
    outgoing.writeHead(200, { 'content-type': 'application/json' })
    outgoing.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  async function take(raw: string): Promise<string> {
    if (includes) {
      const hash = await callRpc({
        rpc: target,
        method: 'eth_sendRawTransaction',
        params: [raw],
        timeoutMs: 20_000,
      })
      return String(hash)
    }
    kept.push(raw)
    return keccak256(raw)
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    kept,
    offered,
    unjournaled,
    refuse(from) {
      refuses = from
    },
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function rawOf(method: string, params: unknown): string {
  if (method === 'eth_sendRawTransaction') return (params as [string])[0]
  if (method === 'eth_sendPrivateTransaction') return (params as [{ tx: string }])[0].tx
  if (method === 'eth_sendBundle') return (params as [{ txs: [string] }])[0].txs[0]
  return `0x${(params as { transaction: string }).transaction}`
}

function resultOf(method: string, hash: string): unknown {
  if (method === 'eth_sendBundle') return { bundleHash: `0x${'b7'.repeat(32)}` }
  return method.startsWith('eth_') ? hash : { tx_hash: hash.slice(2) }
}
