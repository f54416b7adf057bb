import type { ChainStatus, EndpointStatus, GasReport, LaneReport } from '../dispatch/protocol.ts'

/**
 * How a chain is, as `GET /health?verbose` tells it: every field by name, so that a new name inside changes
 * nothing for clients. Ages are ms, wei decimal text.
 *
 * @param options.queueDepth signals of the chain that wait or run
 */
export const chainStatusFields = (status: ChainStatus, { queueDepth }: { queueDepth: number }) => ({
  chainId: status.chainId,
  name: status.name,
  state: status.state,
  reason: status.reason,
  head: status.head,
  headAgeMs: status.headAgeMs,
  stale: status.stale,
  paused: status.paused && {
    since: status.paused.since,
    by: status.paused.by,
    reason: status.paused.reason,
  },
  devnet: status.devnet,
  devnetRpc: status.devnetRpc,
  executor: status.executor && { address: status.executor.address, deployed: status.executor.deployed },
  flashSources: status.flashSources,
  notes: status.notes,
  endpoints: status.endpoints.map(endpointFields),
  lanes: status.lanes.map(laneFields),
  gas: status.gas && { trades: gasFields(status.gas.trades), repairs: gasFields(status.gas.repairs) },
  queue_depth: queueDepth,
})

const endpointFields = (endpoint: EndpointStatus) => ({
  host: endpoint.host,
  state: endpoint.state,
  healthy: endpoint.healthy,
  head: endpoint.head,
  headAgeMs: endpoint.headAgeMs,
  behind: endpoint.behind && { blocks: endpoint.behind.blocks, seconds: endpoint.behind.seconds },
  clientVersion: endpoint.clientVersion,
  latencyMs: endpoint.latencyMs,
  lastError: endpoint.lastError,
})

const laneFields = (lane: LaneReport) => ({
  address: lane.address,
  nonce: lane.nonce,
  inFlight: lane.inFlight,
  cap: lane.cap,
  paused: lane.paused,
  gaps: lane.gaps,
})

const gasFields = (gas: GasReport) => ({
  allowanceWei: gas.allowanceWei,
  spentLastHourWei: gas.spentLastHourWei,
  atStakeWei: gas.atStakeWei,
  leftWei: gas.leftWei,
})
