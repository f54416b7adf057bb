/** One endpoint: its methods (HEAD and OPTIONS come on top), its path, and a line for a person. */
export interface Endpoint {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly summary: string
}

/**
 * Every HTTP endpoint, in the order in which they are listed to users; `{name}` stands for one path segment.
 */
export const ENDPOINTS: readonly Endpoint[] = [
  { method: 'POST', path: '/execute', summary: 'Execute single trade signal' },
  { method: 'POST', path: '/execute/batch', summary: 'Execute multiple signals' },
  { method: 'POST', path: '/simulate', summary: 'Simulate trade without execution' },
  { method: 'GET', path: '/health', summary: 'Server health check (?verbose for each chain)' },
  { method: 'GET', path: '/stats', summary: 'Execution statistics' },
  {
    method: 'GET',
    path: '/trades',
    summary: 'History of executions (?chain, outcome, from, limit, format=csv)',
  },
  { method: 'GET', path: '/trades/{signal_id}', summary: 'One execution' },
  { method: 'GET', path: '/events', summary: 'The event log (?from_seq, limit)' },
  { method: 'POST', path: '/control/pause', summary: 'Pause a chain or a lane (from this machine only)' },
  { method: 'POST', path: '/control/resume', summary: 'Resume it' },
  { method: 'POST', path: '/control/cancel', summary: 'Cancel a trade by an empty transaction at its nonce' },
  { method: 'POST', path: '/control/speed-up', summary: 'Send a trade again with a higher fee' },
  { method: 'POST', path: '/control/abandon', summary: 'Close a trade whose nonce was taken from elsewhere' },
  { method: 'GET', path: '/control/log', summary: 'The commands given, newest first (?chain, limit)' },
  { method: 'GET', path: '/errors/{code}', summary: 'What a code means, and what to do' },
  { method: 'GET', path: '/livez', summary: 'Whether the process runs' },
  { method: 'GET', path: '/readyz', summary: 'Whether signals can be taken (?verbose for the reasons)' },
  { method: 'GET', path: '/metrics', summary: 'Prometheus metrics' },
  { method: 'GET', path: '/', summary: 'This list; a WebSocket upgrade here is the event stream' },
  {
    method: 'POST',
    path: '/',
    summary: 'Answers JSON-RPC calls with an error: this is not an Ethereum node',
  },
]

const methodsByPath = new Map<string, readonly string[]>()
for (const { method, path } of ENDPOINTS) {
  methodsByPath.set(path, [...(methodsByPath.get(path) ?? []), method])
}

/** The endpoint's path as it is listed (also its name in metrics); null when there is no such endpoint. */
export function findPath(path: string): string | null {
  if (methodsByPath.has(path)) return path
  if (isUnder(path, '/trades/')) return '/trades/{signal_id}'
  return isUnder(path, '/errors/') ? '/errors/{code}' : null
}

/** Whether `path` is `folder` and one segment more. */
const isUnder = (path: string, folder: string) =>
  path.startsWith(folder) && path.length > folder.length && path.indexOf('/', folder.length) === -1

/** The methods of a listed path: GET also answers HEAD, and OPTIONS is answered everywhere. */
export function methodsOf(path: string): readonly string[] {
  const methods = methodsByPath.get(path) ?? []
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS']
}
