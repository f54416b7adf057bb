import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { callRpc } from './callRpc.ts'
import type { AnvilExit } from './lastingAnvil.ts'

/** One running anvil. */
export interface Anvil {
  readonly chainId: number
  readonly rpc: string
  readonly pid: number
  /** Ends it and waits until it is gone. Can be called again, and after anvil has ended by itself. */
  stop(): Promise<void>
}

/**
 * Turns itself into anvil and leaves a guard behind that blocks on a pipe. Only our process holds the pipe's other end,
 * so the guard reads end-of-file however our process ends, SIGKILL included, and kills anvil. A line means that anvil
 * has already ended: its process id may belong to another by then and must not be killed.
 */
const guarded = '(read -r ended <&3 || kill -KILL $$) >/dev/null 2>&1 </dev/null & exec "$@" 3<&-'

/**
 * Starts one anvil and resolves when it answers. It ends with this process, whatever way this process ends.
 *
 * It runs in a session of its own: Ctrl-C in a terminal reaches this process only, which can then end things in order.
 *
 * @param options.args further anvil options, for example `['--init', file]`
 * @param options.onExit called once if anvil ends without {@link Anvil.stop} having been called
 * @throws with what anvil printed when it does not start, for example because the port is taken
 */
export async function startAnvil(options: {
  binary: string
  chainId: number
  host: string
  port: number
  args: readonly string[]
  onExit?: ((exit: AnvilExit) => void) | undefined
  startTimeoutMs: number
}): Promise<Anvil> {
  const { binary, chainId, host, port } = options
  // What answers at the port may be another's node. Ours makes this socket once it has the port: only then is it ours that answers.
  const wanted = options.args.indexOf('--ipc')
  const proof =
    wanted === -1 ? join(tmpdir(), `titan-anvil-${randomUUID()}.ipc`) : (options.args[wanted + 1] as string)
  const command = [
    binary,
    '--quiet',
    '--host',
    host,
    '--port',
    `${port}`,
    '--chain-id',
    `${chainId}`,
    ...(wanted === -1 ? ['--ipc', proof] : []),
    ...options.args,
  ]
  const child = spawn('/bin/sh', ['-c', guarded, 'sh', ...command], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  const lifeline = child.stdio[3] as NodeJS.WritableStream
  lifeline.on('error', () => {}) // EPIPE when the guard itself was killed
  let printed = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    printed = (printed + text).slice(-2_000)
  })
  let stopping = false
  let started = false
  const ended = new Promise<void>((resolve) => {
    child.once('error', (cause) => {
      printed += String(cause)
      resolve()
    })
    child.once('exit', (code, signal) => {
      lifeline.end('ended\n')
      resolve()
      if (started && !stopping) options.onExit?.({ chainId, code, signal })
    })
  })
  const hasEnded = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null
  const stop = async () => {
    stopping = true
    if (!hasEnded()) child.kill('SIGKILL') // it keeps nothing that would be lost
    await ended
  }

  const rpc = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  const deadline = performance.now() + options.startTimeoutMs
  while (!hasEnded() && performance.now() < deadline) {
    const answer = await callRpc({ rpc, method: 'eth_chainId', params: [], timeoutMs: 2_000 }).catch(
      () => undefined,
    )
    if (answer !== undefined && !hasEnded() && existsSync(proof)) {
      if (wanted === -1) rmSync(proof)
      if (Number(answer) !== chainId) break
      started = true
      return { chainId, rpc, pid: child.pid as number, stop }
    }
    await Promise.race([sleep(5), ended])
  }
  const reason = hasEnded()
    ? `it ended (${child.exitCode ?? child.signalCode ?? 'not started'})`
    : `it did not answer as chain ${chainId} at ${rpc} within ${options.startTimeoutMs} ms`
  await stop()
  if (wanted === -1) rmSync(proof, { force: true })
  if (child.stderr && !child.stderr.readableEnded && child.pid)
    await Promise.race([once(child.stderr, 'close'), sleep(500)])
  throw new Error(`anvil did not start for chain ${chainId}: ${reason}. ${printed.trim()}`.trim())
}
