import { type BroadcastOutcome, createBroadcast } from '../src/broadcast/broadcast.ts'
import { relayPlan } from '../src/broadcast/relayPlan.ts'
import { createRelayIdentity } from '../src/broadcast/relaySignature.ts'
import { createRelays } from '../src/broadcast/relays.ts'
import { createNodeEndpoint, type SendEndpoint } from '../src/broadcast/sendTransport.ts'
import type { ChainConfig } from '../src/config/chainConfig.ts'
import { LIMITS } from '../src/config/limits.ts'
import type { Attempt } from '../src/domain/liveExecution.ts'
import type { Address, RelayPolicy } from '../src/domain/signal.ts'
import { openTransport } from '../src/nodes/openTransport.ts'
import { classifySendError } from '../src/nodes/sendErrors.ts'
import type { Logger } from '../src/observability/logger.ts'

const SEND_CONNECTIONS_MAX = 32
/** Blocks a relay may keep a transaction to itself before it goes public or is cancelled. */
const PRIVATE_BLOCKS_MAX = 10

/** Hashes remembered, far more than can be open at once. */
const DELIVERED_MAX = 10_000

/** The ways out of one chain's thread for signed bytes. */
export interface Sending {
  /**
   * To every node and send-only endpoint at once, or, as the policy says, to the private relays only. A no-op has nothing to hide: it always goes to the nodes.
   *
   * @param request.blocksWaited heads since the nonce's first attempt was signed
   */
  send(request: { attempt: Attempt; policy: RelayPolicy; blocksWaited: number }): Promise<BroadcastOutcome>
  /** What the policy wants after so many blocks in private: nothing, the public, or an end. */
  privateStep(request: { policy: RelayPolicy; blocksWaited: number }): 'none' | 'publish' | 'cancel'
  /** Whether the chain can follow this policy. */
  supports(policy: RelayPolicy): boolean
  close(): Promise<void>
}

/** Throws `StartError` when a relay cannot be used here. */
export function openSending({
  chain,
  accounts,
  authKey,
  timeoutMs,
  head,
  logger,
}: {
  chain: ChainConfig
  accounts: readonly Address[]
  authKey: string | null
  timeoutMs: number
  head: () => number
  logger: Logger
}): Sending {
  const open = (options: { url: string; headersFor?: (body: string) => Readonly<Record<string, string>> }) =>
    openTransport({
      ...options,
      connectionsMax: SEND_CONNECTIONS_MAX,
      responseBytesMax: LIMITS.rpcResponseBytesMax,
    })
  const nodes = [...chain.endpoints, ...chain.sendOnly].map((url) =>
    createNodeEndpoint({ ...open({ url }), timeoutMs, classify: classifySendError }),
  )
  const relays = createRelays({
    relays: chain.relays,
    chainId: chain.chainId,
    identity: createRelayIdentity({ authKey, laneAddresses: accounts }),
    keepBlocks: PRIVATE_BLOCKS_MAX,
    timeoutMs,
    openTransport: open,
    classify: classifySendError,
  })
  const broadcast = createBroadcast({
    endpoints: [...nodes, ...relays],
    onVerdict({ hash, verdict, contradicts }) {
      if (contradicts) logger.warn({ hash, verdict }, 'Endpoints contradict each other about a transaction.')
    },
  })
  /** What a relay has confirmed, in this life of the process: anything else has to be shown to it first. */
  const delivered = new Set<string>()
  const plan = (policy: RelayPolicy, blocksWaited: number) =>
    relayPlan({ policy, relays, blocksWaited, privateBlocksMax: PRIVATE_BLOCKS_MAX })

  async function show(outgoing: Parameters<typeof broadcast.send>[0], to: readonly SendEndpoint[]) {
    const outcome = await broadcast.send({ ...outgoing, through: to })
    if (outcome.status === 'accepted') delivered.add(outcome.hash)
    if (delivered.size > DELIVERED_MAX) delivered.delete(delivered.values().next().value as string)
    return outcome
  }

  return {
    async send({ attempt: { raw, hash, kind }, policy, blocksWaited }) {
      const outgoing = { raw, hash, targetBlock: head() + 1 }
      const isNoOp = kind === 'cancel' || kind === 'filler'
      const planned = isNoOp ? ({ way: 'public', replace: false } as const) : plan(policy, blocksWaited)
      switch (planned.way) {
        case 'public':
          return await broadcast.send({ ...outgoing, through: nodes })
        case 'private':
          return await show(outgoing, planned.relays)
        case 'wait':
          return delivered.has(hash)
            ? { status: 'accepted', hash, by: 'relay' }
            : await show(outgoing, relays)
        case 'cancel':
          return { status: 'accepted', hash, by: 'relay' }
        case 'impossible':
          return { status: 'unknown', failure: planned.failure, verdicts: [] }
        default:
          return planned satisfies never
      }
    },
    privateStep({ policy, blocksWaited }) {
      const { way } = policy === 'public' ? { way: 'wait' } : plan(policy, blocksWaited)
      return way === 'public' ? 'publish' : way === 'cancel' ? 'cancel' : 'none'
    },
    supports: (policy) => plan(policy, 0).way !== 'impossible',
    close: broadcast.close,
  }
}
