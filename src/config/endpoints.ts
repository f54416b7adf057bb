import { isAbsolute } from 'node:path'
import { isLoopback } from './hosts.ts'
import { type Parsed, parsed, unparsable } from './parsed.ts'
import { parsePath } from './scalars.ts'

const schemes = ['http:', 'https:', 'ws:', 'wss:']

/**
 * One or several endpoints, separated by commas, in the order they are to be tried. Problems tell an endpoint
 * by its place: RPC URLs hold keys.
 */
export function parseEndpoints(text: string): Parsed<readonly string[]> {
  const endpoints = new Set<string>()
  const entries = text.split(',').map((part) => part.trim())
  for (const [index, entry] of entries.entries()) {
    const place = entries.length === 1 ? '' : `(entry ${index + 1} of ${entries.length})`
    const problem = entry === '' ? 'is empty; remove the extra comma.' : endpointProblem(entry)
    if (problem !== null) return unparsable(`${place} ${problem}`.trimStart())
    endpoints.add(entry)
  }
  return parsed([...endpoints])
}

/** Whether the endpoint is the very server that is being configured: a loop of requests to itself. */
export function pointsAtServer({
  endpoint,
  host,
  port,
}: {
  endpoint: string
  host: string
  port: number
}): boolean {
  if (!isUrl(endpoint)) return false
  const url = new URL(endpoint)
  const target = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const targetPort = url.port === '' ? (/^(https|wss):$/.test(url.protocol) ? 443 : 80) : Number(url.port)
  const everyAddress = ['0.0.0.0', '::']
  return targetPort === port && (isLoopback(target) || everyAddress.includes(target) || target === host)
}

function endpointProblem(entry: string): string | null {
  if (/YOUR[_-]?(API[_-]?)?KEY|\.\.\.|\$\{/i.test(entry))
    return 'still holds a placeholder; put your own endpoint there, or leave it empty.'
  if (!isUrl(entry)) {
    if (isAbsolute(entry)) return null
    if (!entry.endsWith('.ipc'))
      return 'must be a URL that begins with http://, https://, ws:// or wss://, or the path of an IPC socket.'
    const path = parsePath(entry)
    return path.ok ? null : path.problem
  }
  if (!URL.canParse(entry)) return 'is not a valid URL.'
  const { protocol, hostname, username, password } = new URL(entry)
  if (!schemes.includes(protocol)) return `must use http, https, ws or wss, not ${protocol.slice(0, -1)}.`
  if (!/[a-z0-9:]/i.test(hostname)) return 'is not a valid URL: it has no host.'
  if (!canDecode(username) || !canDecode(password))
    return 'has a user or password with a % that begins no code; write %25 for the character itself.'
  return null
}

function canDecode(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

const isUrl = (entry: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(entry)
