import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Transaction } from 'ethers'

/** Why the system calls of a process cannot be watched here; null when they can. */
export function straceMissing(): string | null {
  const version = spawnSync('strace', ['-V'])
  if (version.error) return 'strace is not installed, so the order of system calls is not shown here.'
  const tried = spawnSync('strace', ['-o', '/dev/null', 'true'])
  return tried.status === 0 ? null : 'strace may not trace here, so the order of system calls is not shown.'
}

const TRACED = 'pwrite64,write,writev,sendto,sendmsg,fdatasync,fsync'
/** Longer than a page of a database and a request with a transaction in it. */
const TEXT_MAX = 65_536

/**
 * Watches the writes of a process and all its threads from now on; `end` resolves with the lines of strace,
 * in order.
 */
export async function traceWrites({
  pid,
  file,
}: {
  pid: number
  file: string
}): Promise<{ end(): Promise<string[]> }> {
  const args = ['-f', '-y', '-s', `${TEXT_MAX}`, '-e', `trace=${TRACED}`, '-o', file, '-p', `${pid}`]
  const strace: ChildProcess = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    strace.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes('attached')) resolve()
    })
    strace.on('exit', () => reject(new Error(`strace ended: ${said}`)))
  })
  return {
    async end() {
      const gone = once(strace, 'exit')
      strace.kill('SIGINT') // it lets the process go on
      await gone
      return readFileSync(file, 'utf8').split('\n')
    },
  }
}

/** One signed transaction that was handed to a socket, and whether its record was flushed before. */
export interface TracedSend {
  readonly hash: string
  /**
   * Its bytes were written to a write-ahead log, and that file was flushed, before the first byte was handed
   * over.
   */
  readonly onDisk: boolean
}

/**
 * What a trace tells about every `eth_sendRawTransaction`. A call counts from the line on which it is begun,
 * a flush from the line on which it has returned.
 */
export function readSends(lines: readonly string[]): TracedSend[] {
  const sends: TracedSend[] = []
  /** What was written to each log, and how much of it is flushed. */
  const logs = new Map<string, { texts: string[]; flushed: number }>()
  const logOf = (path: string) => {
    const log = logs.get(path) ?? { texts: [], flushed: 0 }
    logs.set(path, log)
    return log
  }
  /** Flushes that have not returned, by thread: the log and what it held when the call began. */
  const flushing = new Map<string, { path: string; texts: number }>()

  for (const line of lines) {
    const [thread = '', rest = ''] = split(line)
    const resumed = /^<\.\.\. (?:fdatasync|fsync) resumed>.*= 0$/.test(rest)
    const begun = flushing.get(thread)
    if (resumed && begun) logOf(begun.path).flushed = Math.max(logOf(begun.path).flushed, begun.texts)
    const [, call, path, args = ''] = /^(\w+)\(\d+<([^>]*)>(.*)/.exec(rest) ?? []
    if (call === undefined || path === undefined) continue
    const isLog = path.endsWith('.sqlite-wal')
    if (call === 'pwrite64' && isLog) logOf(path).texts.push(args)
    else if (/^(fdatasync|fsync)$/.test(call) && isLog) {
      const flush = { path, texts: logOf(path).texts.length }
      if (/= 0$/.test(args)) logOf(path).flushed = flush.texts
      else flushing.set(thread, flush)
    } else if (!isLog) {
      for (const [, raw] of args.matchAll(/eth_sendRawTransaction[^[]*\[[^0]*(0x[0-9a-f]+)/g)) {
        const { hash, signature } = Transaction.from(raw as string)
        const halves = [signature?.r ?? '', signature?.s ?? ''].map((half) => half.slice(2))
        const onDisk = [...logs.values()].some(({ texts, flushed }) =>
          texts.slice(0, flushed).some((text) => halves.some((half) => text.includes(half))),
        )
        sends.push({ hash: hash ?? '', onDisk })
      }
    }
  }
  return sends
}

const split = (line: string): [string, string] => {
  const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? []
  return [thread, rest]
}
