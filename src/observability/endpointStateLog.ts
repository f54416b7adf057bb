import type { ChainStatus, EndpointStatus } from '../dispatch/protocol.ts'

/**
 * One endpoint gets at most one line in so long: one at the edge of being behind changes with every block.
 */
const LINE_EVERY_MS = 10_000

/**
 * Writes a line when an RPC endpoint changes its state, and none for the reports between. One that is well
 * from the start is not told.
 *
 * @param options.now milliseconds of a clock that never goes back
 */
export function createEndpointStateLog({
  logger,
  now = () => performance.now(),
}: {
  logger: { info(facts: object, message: string): void; warn(facts: object, message: string): void }
  now?: () => number
}): (status: ChainStatus) => void {
  /** By chain and place in its list: two may have one host. */
  const told = new Map<string, { readonly state: string; readonly atMs: number }>()
  return ({ chainId, name, endpoints }) => {
    for (const [index, endpoint] of endpoints.entries()) {
      const key = `${chainId}/${index}`
      const before = told.get(key) ?? { state: 'well', atMs: Number.NEGATIVE_INFINITY }
      if (endpoint.state === before.state || now() - before.atMs < LINE_EVERY_MS) continue
      told.set(key, { state: endpoint.state, atMs: now() })
      const facts = { chainId, endpoint: endpoint.host, state: endpoint.state }
      const message = `The RPC endpoint ${endpoint.host} of ${name} ${whatItIs(endpoint)}`
      if (endpoint.state === 'well') logger.info(facts, message)
      else logger.warn(facts, message)
    }
  }
}

function whatItIs({ state, behind, lastError }: EndpointStatus): string {
  const why = lastError === null ? '' : ` ${lastError}`
  switch (state) {
    case 'well':
      return 'is well again.'
    case 'behind':
      return `is behind by ${behind?.blocks ?? 0} blocks, ${behind?.seconds ?? 0} s.`
    case 'silent':
      return `is silent.${why}`
    case 'limited':
      return `asks for fewer requests.${why}`
    case 'wrong_chain':
      return `is of another chain and is not used.${why}`
    case 'unreachable':
      return `cannot be used.${why}`
    default:
      return state satisfies never
  }
}
