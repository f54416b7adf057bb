import type { RelayConfig, RelayKind } from '../config/relays.ts'
import type { Hex } from '../domain/signal.ts'
import { StartError } from '../errors/startError.ts'
import type { RpcError, RpcRequest } from '../nodes/rpc.ts'
import type { SendErrorClass } from '../nodes/sendErrors.ts'
import type { Transport } from '../nodes/transport.ts'
import type { RelayIdentity } from './relaySignature.ts'
import {
  createSendTransport,
  NODE_DIALECT,
  type Outgoing,
  type SendCall,
  type SendEndpoint,
  transactionHash,
} from './sendTransport.ts'

/** A relay that shows a transaction to builders only. Its acceptance is no promise of inclusion. */
export interface Relay extends SendEndpoint {
  readonly kind: RelayKind
}

/** How a kind words the call, and how its answer names the transaction. */
interface Dialect {
  call(outgoing: Outgoing): SendCall
  hashOf(result: unknown): Hex | null | undefined
  readonly signed: boolean
}

/**
 * bloXroute's private methods, by chain: docs.bloxroute.com, "Private Transactions" of ETH, BSC and Base.
 * Elsewhere its methods are public or not known, so nothing is sent there.
 */
const BLOXROUTE: Readonly<Record<number, { method: string; params: Readonly<Record<string, string>> }>> = {
  1: { method: 'blxr_private_tx', params: {} },
  56: { method: 'bsc_private_tx', params: {} },
  8453: { method: 'blxr_tx', params: { blockchain_network: 'Base-Mainnet' } },
}

/**
 * The private relays of one chain. Each has a transport of its own; nothing is sent twice.
 *
 * @param options.keepBlocks blocks a relay is asked to keep a private transaction, counted from the target
 *   block
 * @throws StartError when a relay has no private way to this chain
 */
export function createRelays({
  relays,
  chainId,
  identity,
  keepBlocks,
  timeoutMs,
  openTransport,
  classify,
  onRequest,
}: {
  relays: readonly RelayConfig[]
  chainId: number
  identity: RelayIdentity
  keepBlocks: number
  timeoutMs: number
  openTransport: (options: {
    url: string
    headersFor: (body: string) => Readonly<Record<string, string>>
    secrets: readonly string[]
  }) => { transport: Transport; host: string; redact: (text: string) => string }
  classify: (error: RpcError) => SendErrorClass
  onRequest?: (request: RpcRequest) => void
}): readonly Relay[] {
  return relays.map(({ kind, url, authorization }) => {
    const { signed, call, hashOf } = dialectOf({ kind, chainId, keepBlocks })
    const fixed: Record<string, string> = authorization === null ? {} : { authorization }
    const opened = openTransport({
      url,
      headersFor: (body) => (signed ? { ...fixed, 'x-flashbots-signature': identity.sign(body) } : fixed),
      // After the name of its scheme, where it has one.
      secrets: authorization === null ? [] : authorization.trim().split(/\s+/).slice(-1),
    })
    const reporting = onRequest ? { onRequest } : {}
    return {
      kind,
      ...createSendTransport({ ...opened, timeoutMs, classify, call, hashOf, ...reporting }),
    }
  })
}

function dialectOf({
  kind,
  chainId,
  keepBlocks,
}: {
  kind: RelayKind
  chainId: number
  keepBlocks: number
}): Dialect {
  switch (kind) {
    case 'flashbots':
    case 'plain':
      return {
        signed: kind === 'flashbots',
        call: ({ raw, targetBlock }) => ({
          method: 'eth_sendPrivateTransaction',
          params: [
            targetBlock === null
              ? { tx: raw }
              : { tx: raw, maxBlockNumber: quantity(targetBlock + keepBlocks - 1) },
          ],
        }),
        hashOf: transactionHash,
      }
    case 'bundle':
      return {
        signed: true,
        call: ({ raw, targetBlock }) => {
          if (targetBlock === null) throw new Error('A bundle was to be sent without a target block.')
          return {
            method: 'eth_sendBundle',
            params: [{ txs: [raw], blockNumber: quantity(targetBlock) }],
          }
        },
        // Builders answer with a bundle hash, or with nothing but the absence of an error.
        hashOf: (result) => (result === undefined ? undefined : null),
      }
    case 'bloxroute': {
      const way = BLOXROUTE[chainId]
      if (!way)
        throw new StartError([
          `bloXroute has no known private method for chain ${chainId}; remove that relay.`,
        ])
      return {
        signed: false,
        call: ({ raw }) => ({
          method: way.method,
          params: { transaction: raw.slice(2), ...way.params },
        }),
        hashOf: bloxrouteHash,
      }
    }
    case 'rpc':
      return { signed: false, ...NODE_DIALECT }
    default:
      return kind satisfies never
  }
}

/** `{"txHash": …}` or `{"tx_hash": …}`, without 0x; the documentation has both. */
function bloxrouteHash(result: unknown): Hex | undefined {
  if (typeof result !== 'object' || result === null) return undefined
  const { txHash, tx_hash } = result as { txHash?: unknown; tx_hash?: unknown }
  return transactionHash(txHash ?? tx_hash)
}

const quantity = (value: number) => `0x${value.toString(16)}`
