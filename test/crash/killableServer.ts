import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { findFreePort } from '../../devnet/findFreePort.ts'

/**
 * The built server as a process that may be killed and started again, always on the same port and data
 * directory.
 */
export interface KillableServer {
  readonly url: string
  /** Spawns it; does not wait until it answers. */
  start(): void
  /** SIGKILL at once. Null when it does not run; resolves when it is gone. */
  kill(): Promise<void> | null
  /**
   * Resolves when `/readyz` says so; rejects with what the server printed when it ends by itself or takes too
   * long.
   */
  ready(timeoutMs: number): Promise<void>
  /** SIGTERM, then SIGKILL when it takes too long. */
  stop(): Promise<void>
  /** The end of what all its lives printed. */
  printed(): string
}

/**
 * Leaves a guard behind that blocks on a pipe of ours and ends the server when we end, whatever way we end.
 */
const GUARDED = '(read -r ended <&3 || kill -KILL $$) >/dev/null 2>&1 </dev/null & exec "$@" 3<&-'
const STOP_TIMEOUT_MS = 20_000
const POLL_MS = 20

/** @param options.cwd a folder without a `.env`; DATA_DIR is in it */
export async function createKillableServer({
  entry,
  cwd,
  env,
}: {
  entry: string
  cwd: string
  env: Readonly<Record<string, string>>
}): Promise<KillableServer> {
  const port = await findFreePort({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${port}`
  let child: ChildProcess | null = null
  let gone: Promise<unknown> = Promise.resolve()
  let printed = ''

  const runs = (process: ChildProcess | null): process is ChildProcess =>
    process !== null && process.exitCode === null && process.signalCode === null

  return {
    url,
    start() {
      if (runs(child)) throw new Error('The server runs already.')
      const started = spawn('/bin/sh', ['-c', GUARDED, 'sh', process.execPath, entry], {
        cwd,
        env: {
          PATH: process.env.PATH,
          EXECUTION_HOST: '127.0.0.1',
          EXECUTION_PORT: `${port}`,
          DATA_DIR: `${cwd}/data`,
          LOG_LEVEL: 'warn',
          ...env,
        },
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      })
      for (const stream of [started.stdout, started.stderr])
        stream?.setEncoding('utf8').on('data', (text: string) => {
          printed = (printed + text).slice(-200_000)
        })
      const lifeline = started.stdio[3] as NodeJS.WritableStream
      lifeline.on('error', () => {}) // EPIPE when the guard was killed
      gone = once(started, 'exit').then(() => {
        lifeline.end('ended\n') // the process id may belong to another from now on
      })
      child = started
    },
    kill() {
      if (!runs(child)) return null
      child.kill('SIGKILL')
      return gone.then(() => {})
    },
    async ready(timeoutMs) {
      const waitedFor = child
      const deadline = performance.now() + timeoutMs
      while (performance.now() < deadline) {
        if (child !== waitedFor || !runs(child))
          throw new Error(`The server has ended.\n${printed.slice(-4_000)}`)
        const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(
          () => null,
        )
        await response?.body?.cancel()
        if (response?.status === 200) return
        await sleep(POLL_MS)
      }
      throw new Error(`The server was not ready within ${timeoutMs} ms.\n${printed.slice(-4_000)}`)
    },
    async stop() {
      if (runs(child)) child.kill('SIGTERM')
      await Promise.race([gone, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })])
      if (runs(child)) child.kill('SIGKILL')
      await gone
    },
    printed: () => printed,
  }
}
