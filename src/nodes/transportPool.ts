import type { Transport } from './transport.ts'

/**
 * Several connections to one endpoint, opened as they are needed. Each has one exchange under way where that
 * is possible: on a shared one an answer waits behind the others, and where the node leaves Nagle's algorithm
 * on (RFC 896; anvil, whatever is built on axum's defaults) for 40 ms more, until the other side has
 * acknowledged the one before.
 *
 * @param options.open makes one connection; the first is the one that is listened on
 */
export function createTransportPool({
  open,
  connectionsMax,
}: {
  open: () => Transport
  connectionsMax: number
}): Transport {
  const first = { transport: open(), underway: 0 }
  const connections = [first]
  let closed = false

  function idlest() {
    const [least] = connections.toSorted((a, b) => a.underway - b.underway)
    if (least === undefined || (least.underway > 0 && connections.length < connectionsMax && !closed)) {
      const added = { transport: open(), underway: 0 }
      connections.push(added)
      return added
    }
    return least
  }

  return {
    async exchange(request) {
      const connection = idlest()
      connection.underway++
      const exchange = await connection.transport.exchange(request)
      connection.underway--
      return exchange
    },
    ...(first.transport.listen && { listen: first.transport.listen.bind(first.transport) }),
    async close() {
      closed = true
      await Promise.all(connections.map(({ transport }) => transport.close()))
    },
  }
}
