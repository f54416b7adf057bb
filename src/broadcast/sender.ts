import type { Attempt } from '../domain/liveExecution.ts'
import type { RelayPolicy } from '../domain/signal.ts'
import { type BroadcastOutcome, createBroadcast, type VerdictReport } from './broadcast.ts'
import { relayPhase } from './relayPhase.ts'
import type { Relay } from './relays.ts'
import type { SendEndpoint } from './sendTransport.ts'

/** How often a connection is used, so that the first send after a rest does not pay for opening it. */
const KEEP_OPEN_MS = 25_000
/** Hashes remembered, far more than can be open at once. */
const DELIVERED_MAX = 10_000

/** The ways out of one chain's thread for signed bytes. */
export interface Sender {
  /**
   * To every node and send-only endpoint at once, or to the private relays. Never rejects.
   *
   * A relay is shown a transaction once, except that a bundle is for one block and goes out for each.
   */
  broadcast(request: {
    attempt: Pick<Attempt, 'raw' | 'hash'>
    to: 'nodes' | 'relays'
  }): Promise<BroadcastOutcome>
  /** Whether the chain can follow this policy. */
  supports(policy: RelayPolicy): boolean
  /** Where a trade's bytes may go, so many heads after its first attempt was signed. */
  phase(request: { policy: RelayPolicy; blocksWaited: number }): ReturnType<typeof relayPhase>
  close(): Promise<void>
}

/**
 * A node is asked which chain it serves before the first bytes go to it, from time to time, and before the
 * next bytes after it could not be reached: another may stand at its address by then. To one that serves
 * another chain none go. One that does not tell is sent to, since some only take transactions; it is asked no
 * second time for the same outage, since it may take the whole timeout not to answer.
 *
 * @param options.nodes every endpoint that takes public transactions
 * @param options.privateBlocksMax heads that a relay may keep a transaction to itself
 * @param options.servesOther whether the client that reads knows one of `nodes`, by its index, to serve
 *   another chain; asked at each send
 * @param options.onWrongChain told once of each node that serves another chain
 */
export function createSender({
  nodes,
  relays,
  chainId,
  head,
  privateBlocksMax,
  servesOther = () => false,
  onVerdict,
  onWrongChain = () => {},
}: {
  nodes: readonly SendEndpoint[]
  relays: readonly Relay[]
  chainId: number
  head: () => number
  privateBlocksMax: number
  servesOther?: (index: number) => boolean
  onVerdict: (report: VerdictReport) => void
  onWrongChain?: (host: string, served: number) => void
}): Sender {
  /** Could not be reached by a send since they were last asked for their chain. */
  const lost = new Set<SendEndpoint>()
  const asking = new Map<SendEndpoint, Promise<void>>()
  const ways = nodes.map((node) => {
    const way: SendEndpoint = {
      ...node,
      async send(outgoing) {
        if (lost.delete(way)) {
          const asked = identify(way).finally(() => asking.delete(way))
          asking.set(way, asked)
        }
        await asking.get(way)
        if (elsewhere.has(way))
          return { host: node.host, class: 'unreachable', message: 'another chain is served there now' }
        const verdict = await node.send(outgoing)
        if (verdict.class === 'unreachable') lost.add(way)
        return verdict
      },
    }
    return way
  })
  const broadcast = createBroadcast({ endpoints: [...ways, ...relays], onVerdict })
  const elsewhere = new Set<SendEndpoint>()
  /** What a relay has confirmed, in this life of the process: anything else has to be shown to it first. */
  const delivered = new Set<string>()
  const bundles = relays.filter(({ kind }) => kind === 'bundle')

  async function identify(node: SendEndpoint): Promise<void> {
    const served = await node.servedChain()
    if (served === null) return
    if (served === chainId) elsewhere.delete(node)
    else if (!elsewhere.has(node)) {
      elsewhere.add(node)
      onWrongChain(node.host, served)
    }
  }
  let identified: Promise<unknown> | null = Promise.all(ways.map(identify)).then(() => {
    identified = null
  })
  const keepingOpen = setInterval(() => {
    for (const node of ways) void identify(node)
  }, KEEP_OPEN_MS)

  return {
    async broadcast({ attempt: { raw, hash }, to }) {
      if (identified) await identified
      const outgoing = { raw, hash, targetBlock: head() + 1 }
      if (to === 'nodes') {
        const open = ways.filter((way, index) => !elsewhere.has(way) && !servesOther(index))
        return await broadcast.send({ ...outgoing, through: open })
      }
      const isKept = delivered.has(hash)
      // The relays have it, and have said so; none of them takes it again.
      if (isKept && bundles.length === 0) return { status: 'accepted', hash }
      const outcome = await broadcast.send({ ...outgoing, through: isKept ? bundles : relays })
      if (outcome.status === 'accepted') delivered.add(hash)
      if (delivered.size > DELIVERED_MAX) delivered.delete(delivered.values().next().value as string)
      return outcome
    },
    supports: (policy) => policy === 'public' || relays.length > 0,
    phase: ({ policy, blocksWaited }) =>
      relayPhase({ policy, hasRelays: relays.length > 0, blocksWaited, privateBlocksMax }),
    async close() {
      clearInterval(keepingOpen)
      await broadcast.close()
    },
  }
}
