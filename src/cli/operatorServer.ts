import { userInfo } from 'node:os'
import { CHAINS } from '../config/chains.ts'
import { readEnvironment } from '../config/env.ts'
import { inHeader } from '../config/hosts.ts'
import { readSetting } from '../config/readSetting.ts'
import { SETTINGS, type Setting } from '../config/settings.ts'
import { StartError } from '../errors/startError.ts'

const TIMEOUT_MS = 60_000

/** JSON as the server gave it. */
export type Json = Readonly<Record<string, unknown>>

export interface ServerAnswer {
  readonly status: number
  readonly json: Json
}

/** The running server, as the commands of its operator reach it: over HTTP, on this machine. */
export interface OperatorServer {
  readonly url: string
  get(path: string): Promise<ServerAnswer>
  post(path: string, body: object): Promise<ServerAnswer>
}

/** The server cannot be reached, or what answers is none. */
export class Unreachable extends Error {}

/** What all these commands take besides their own options. */
export const OPERATOR_OPTIONS = {
  chain: { type: 'string' },
  server: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/**
 * Runs a command: usage errors are told with exit code 2, settings that are wrong with 3, a server that does
 * not answer with 5. What the server refuses is the command's own exit code, 1.
 */
export async function runCommand(usage: string, run: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await run()
  } catch (error) {
    if (error instanceof StartError) {
      for (const problem of error.problems) say(problem)
      process.exitCode = 3
    } else if (error instanceof Unreachable) {
      say(error.message)
      process.exitCode = 5
    } else if (error instanceof UsageError || isParseError(error)) {
      say(`${(error as Error).message}\n\n${usage}`)
      process.exitCode = 2
    } else throw error
  }
}

export class UsageError extends Error {}

const isParseError = (error: unknown): boolean =>
  error instanceof TypeError && String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS')

export const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`)
export const print = (text: string): void => void process.stdout.write(`${text}\n`)

/** The id of a chain that is named by id or name. */
export function chainIdOf(text: string): number {
  const wanted = text.trim().toLowerCase()
  const known = CHAINS.find(({ chainId, name, envName }) =>
    [String(chainId), name.toLowerCase(), envName.toLowerCase()].includes(wanted),
  )
  if (known === undefined) throw new UsageError(`There is no chain "${text}".`)
  return known.chainId
}

/** Who gives the command, as far as this machine knows: a container's uid may have no name. */
export function operatorName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.()}`
  }
}

/**
 * @param url given by the user; else EXECUTION_HOST and EXECUTION_PORT of the environment and .env say where
 * the server is
 */
export function operatorServer(url: string | undefined): OperatorServer {
  const base = url === undefined ? configuredUrl() : url.replace(/\/+$/, '')
  if (!/^https?:\/\//i.test(base) || !URL.canParse(base))
    throw new UsageError(`--server takes a URL like http://127.0.0.1:8545.`)

  async function ask(path: string, init: RequestInit): Promise<ServerAnswer> {
    let response: Response
    let text: string
    try {
      response = await fetch(base + path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
      text = await response.text()
    } catch (error) {
      const cause = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).message
      throw new Unreachable(
        `No execution server answers at ${base} (${cause}). Is it running? Try --server URL.`,
      )
    }
    try {
      const json = JSON.parse(text)
      if (typeof json === 'object' && json !== null && !('jsonrpc' in json))
        return { status: response.status, json }
    } catch {
      // Told below.
    }
    throw new Unreachable(`What answers at ${base} is not an execution server.`)
  }

  return {
    url: base,
    get: (path) => ask(path, {}),
    post: (path, body) =>
      ask(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      }),
  }
}

function configuredUrl(): string {
  const environment = readEnvironment()
  const read = <T>(setting: Setting<T>): T => {
    const result = readSetting(environment, setting)
    if (!result.ok) throw new StartError([result.problem])
    return result.value
  }
  const host = read(SETTINGS.host)
  // A server that listens everywhere listens on loopback too, and takes commands there only.
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${inHeader(reached)}:${read(SETTINGS.port)}`
}

/** What went wrong, in the server's own words. */
export function refusalText({ status, json }: ServerAnswer): string {
  const code = typeof json.code === 'string' ? ` (${json.code})` : ''
  return `${String(json.error ?? json.detail ?? `HTTP ${status}`)}${code}`
}
