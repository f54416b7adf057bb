import { createRelayIdentity } from '../src/broadcast/relaySignature.ts'
import { createRelays, type Relay } from '../src/broadcast/relays.ts'
import { createNodeEndpoint, type SendEndpoint } from '../src/broadcast/sendTransport.ts'
import type { ChainConfig } from '../src/config/chainConfig.ts'
import { LIMITS } from '../src/config/limits.ts'
import type { Address } from '../src/domain/signal.ts'
import { openTransport } from '../src/nodes/openTransport.ts'
import type { RpcRequest } from '../src/nodes/rpc.ts'
import { classifySendError } from '../src/nodes/sendErrors.ts'

const SEND_CONNECTIONS_MAX = 32
/** Blocks a relay may keep a transaction to itself before it goes public or is cancelled. */
export const PRIVATE_BLOCKS_MAX = 10

/**
 * Every endpoint that signed bytes of a chain may go to. Throws `StartError` when a relay cannot be used
 * here.
 */
export function openWaysOut({
  chain,
  accounts,
  authKey,
  timeoutMs,
  onRequest,
}: {
  chain: ChainConfig
  accounts: readonly Address[]
  authKey: string | null
  timeoutMs: number
  onRequest: (request: RpcRequest) => void
}): { readonly nodes: readonly SendEndpoint[]; readonly relays: readonly Relay[] } {
  const open = (options: Pick<Parameters<typeof openTransport>[0], 'url' | 'headersFor' | 'secrets'>) =>
    openTransport({
      ...options,
      connectionsMax: SEND_CONNECTIONS_MAX,
      responseBytesMax: LIMITS.rpcResponseBytesMax,
    })
  const shared = { timeoutMs, classify: classifySendError, onRequest }
  return {
    nodes: [...chain.endpoints, ...chain.sendOnly].map((url) =>
      createNodeEndpoint({ ...open({ url }), ...shared }),
    ),
    relays: createRelays({
      ...shared,
      relays: chain.relays,
      chainId: chain.chainId,
      identity: createRelayIdentity({ authKey, laneAddresses: accounts }),
      keepBlocks: PRIVATE_BLOCKS_MAX,
      openTransport: open,
    }),
  }
}
