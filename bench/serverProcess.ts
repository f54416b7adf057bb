import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { findFreePort } from '../devnet/findFreePort.ts'

/** A server running as a process of its own. */
export interface ServerProcess {
  readonly url: string
  readonly pid: number
  /** SIGTERM, then SIGKILL when it takes too long; resolves when it is gone. Can be called again. */
  stop(): Promise<void>
}

const host = '127.0.0.1'
const stopTimeoutMs = 20_000
const pollMs = 50

/**
 * Leaves a guard behind that blocks on a pipe of ours and ends the server when we end, whatever way we end.
 * The server runs in a session of its own, so that Ctrl-C in a terminal reaches us only and things end in
 * order.
 */
const guarded =
  '(read -r ended <&3 || { kill -TERM $$; sleep 15; kill -KILL $$; }) >/dev/null 2>&1 </dev/null & exec "$@" 3<&-'

/**
 * Starts a Node program that serves HTTP and resolves when `readyPath` answers 200.
 *
 * The program gets nothing of our environment but what a process needs, plus `env`, so that a run does not
 * depend on what happens to be set.
 *
 * @param options.name for error messages
 * @param options.env made from the port the program is to listen on
 * @param options.cwd a folder without a `.env` of the user's
 * @param options.onExit called once if it ends without `stop` having been called
 * @throws with what the program printed, when it does not get ready in time
 */
export async function startServerProcess(options: {
  name: string
  entry: string
  env: (port: number) => Readonly<Record<string, string>>
  cwd: string
  readyPath: string
  startTimeoutMs: number
  onExit?: (exit: { printed: string }) => void
}): Promise<ServerProcess> {
  const { name, entry, cwd, readyPath, startTimeoutMs } = options
  const port = await findFreePort({ host, port: 0 })
  const child = spawn('/bin/sh', ['-c', guarded, 'sh', process.execPath, entry], {
    cwd,
    detached: true,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production', ...options.env(port) },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const lifeline = child.stdio[3] as NodeJS.WritableStream
  lifeline.on('error', () => {}) // EPIPE when the guard was killed
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-4_000)
    })

  let started = false
  let stopping = false
  let over = false
  const ended = new Promise<void>((resolve) => {
    child.once('error', (cause) => {
      printed += String(cause)
      over = true
      resolve()
    })
    child.once('exit', () => {
      over = true
      lifeline.end('ended\n') // the process id may belong to another from now on: the guard must not use it
    })
    child.once('close', () => {
      resolve()
      if (started && !stopping) options.onExit?.({ printed: printed.trim() })
    })
  })
  const stop = async () => {
    stopping = true
    if (!over) child.kill('SIGTERM')
    await Promise.race([ended, sleep(stopTimeoutMs, undefined, { ref: false })])
    if (!over) child.kill('SIGKILL')
    await ended
  }

  const url = `http://${host}:${port}`
  const deadline = performance.now() + startTimeoutMs
  while (!over && performance.now() < deadline) {
    const response = await fetch(url + readyPath, { signal: AbortSignal.timeout(2_000) }).catch(() => null)
    await response?.body?.cancel()
    if (response?.status === 200 && !over) {
      started = true
      return { url, pid: child.pid as number, stop }
    }
    await Promise.race([sleep(pollMs), ended])
  }
  const reason = over ? 'it ended' : `${readyPath} did not answer 200 within ${startTimeoutMs} ms`
  await stop()
  throw new Error(`${name} did not start: ${reason}.\n${printed.trim()}`.trim())
}
