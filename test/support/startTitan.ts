import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Titan {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly dataDir: string
  /** Everything it has written so far, stdout and stderr. */
  output(): string
  get(path: string): Promise<{ status: number; json: Json }>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Reply>
  /**
   * Sends a signal and resolves with the exit code once it is gone (null when the signal itself ended it).
   */
  end(signal?: NodeJS.Signals): Promise<number | null>
  /** Ends it, if it still runs, and removes its data unless the caller gave the folder. */
  stop(): Promise<void>
}

/** JSON as it came: tests name the fields they read. */
// biome-ignore lint/suspicious/noExplicitAny: a test that reads a missing field fails by itself
export type Json = any

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly json: Json
}

/** How the server is run: the process that was started, and the one that signals are meant for. */
export interface Launched {
  readonly child: ChildProcess
  kill(signal: NodeJS.Signals): void
}

/** Starts the server with these variables, in this folder, its output piped. */
export type Launch = (options: { cwd: string; env: NodeJS.ProcessEnv }) => Launched

const node: Launch = (options) => {
  const child = spawn(process.execPath, [join(ROOT, 'dist/main.js')], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { child, kill: (signal) => child.kill(signal) }
}

/**
 * Runs the built server (`npm test` builds it first) as its users do, on a free port, and resolves when it
 * says that it is ready.
 */
export async function startTitan({
  env = {},
  dataDir,
  launch = node,
}: {
  env?: Record<string, string>
  dataDir?: string | undefined
  launch?: Launch
} = {}): Promise<Titan> {
  const folder = dataDir ?? mkdtempSync(join(tmpdir(), 'titan-test-'))
  const port = await freePort()
  const { child, kill } = launch({
    // Away from the repository, so that no .env of a developer takes part.
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      EXECUTION_PORT: String(port),
      DATA_DIR: folder,
      LOG_LEVEL: 'warn',
      ...env,
    },
  })
  let output = ''
  const ready = new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes('Ready to receive trade signals')) resolve()
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.on('exit', (code) => reject(new Error(`the server ended with code ${code}: ${output}`)))
  })
  await ready
  const url = `http://127.0.0.1:${port}`
  const running = () => child.exitCode === null && child.signalCode === null

  const titan: Titan = {
    url,
    port,
    pid: child.pid as number,
    dataDir: folder,
    output: () => output,
    async get(path) {
      const response = await fetch(url + path)
      return { status: response.status, json: await response.json() }
    },
    async post(path, body, headers = {}) {
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      })
      return { status: response.status, headers: response.headers, json: await response.json() }
    },
    async end(signal = 'SIGTERM') {
      if (!running()) return child.exitCode
      const gone = once(child, 'exit')
      kill(signal)
      await gone
      return child.exitCode
    },
    async stop() {
      await titan.end()
      if (dataDir === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
  return titan
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
