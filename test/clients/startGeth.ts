import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { callRpc } from '../../devnet/callRpc.ts'
import { findFreePort } from '../../devnet/findFreePort.ts'
import { gethGenesis } from './gethGenesis.ts'

const HOST = '127.0.0.1'
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000
/** As far as a Go duration goes: the node makes one block at its start and no other by itself. */
const NEVER_SECONDS = 9_000_000_000

/** A go-ethereum in developer mode that carries the devnet's world. */
export interface Geth {
  /** HTTP and WebSocket at one port. */
  readonly rpc: string
  readonly webSocket: string
  /** What it has printed. */
  printed(): string
  /** Ends it. SIGTERM keeps the chain; either way the mempool is gone, as with a real node. */
  end(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on what it has kept, at the same port; with other flags when some are given. */
  start(flags?: readonly string[]): Promise<void>
  /** Ends it for good. */
  stop(): Promise<void>
}

export interface GethOptions {
  /** Null (the default): blocks are made when the test says so. */
  readonly blockSeconds?: number | null
  /** Further flags of geth, e.g. rules of its mempool. */
  readonly flags?: readonly string[]
  /** See `gethGenesis`. */
  readonly marked?: boolean
}

/** Starts one as chain 1, with a block of now as its newest. */
export async function startGeth(given: GethOptions = {}): Promise<Geth> {
  const options = { blockSeconds: null, flags: [], marked: false, ...given }
  const binary = process.env.GETH_BIN
  if (!binary) throw new Error('GETH_BIN is not set: run these tests by `npm run test:clients`.')
  const folder = await mkdtemp(join(tmpdir(), 'titan-geth-'))
  const data = join(folder, 'data')
  const port = String(await findFreePort({ host: HOST, port: 0 }))
  const rpc = `http://${HOST}:${port}`
  let printed = ''
  let child: ReturnType<typeof launch> | null = null

  function launch(args: readonly string[]) {
    const launched = spawn(binary as string, ['--datadir', data, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    launched.stderr.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-20_000)
    })
    return launched
  }

  async function start(flags: readonly string[] = options.flags): Promise<void> {
    const period = ['--dev', '--dev.period', String(options.blockSeconds ?? NEVER_SECONDS)]
    const quiet = ['--nodiscover', '--maxpeers', '0', '--ipcdisable', '--nat', 'none']
    const apis = 'eth,net,web3,debug,txpool,testing'
    const http = ['--http', '--http.addr', HOST, '--http.port', port, '--http.api', apis]
    const ws = ['--ws', '--ws.addr', HOST, '--ws.port', port, '--ws.api', 'eth,net,web3']
    const memory = ['--cache', '64', '--cache.noprefetch']
    // As a provider's node, which keeps nobody's transactions over a restart and sends none again by itself.
    const pool = ['--txpool.nolocals']
    child = launch([...period, '--networkid', '1', ...quiet, ...http, ...ws, ...memory, ...pool, ...flags])
    const running = child
    for (const deadline = performance.now() + START_TIMEOUT_MS; performance.now() < deadline; ) {
      if (running.exitCode !== null) break
      const call = { rpc, method: 'eth_blockNumber', params: [], timeoutMs: 2_000 }
      const number = await callRpc(call).catch(() => null)
      // The first block makes the world young: what is built on it has a time of today.
      if (number !== null && Number(number) > 0) return
      await sleep(50)
    }
    throw new Error(`geth did not start at ${rpc}. It printed:\n${printed}`)
  }

  async function end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const ending = child
    child = null
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return
    const gone = once(ending, 'exit')
    ending.kill(signal)
    const late = setTimeout(() => ending.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await gone
    clearTimeout(late)
  }

  async function stop(): Promise<void> {
    await end('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }

  try {
    const genesis = join(folder, 'genesis.json')
    await writeFile(genesis, JSON.stringify(await gethGenesis(options)))
    const [code] = await once(launch(['init', genesis]), 'exit')
    if (code !== 0) throw new Error(`geth did not take the genesis:\n${printed}`)
    await start()
  } catch (cause) {
    await stop()
    throw cause
  }
  return { rpc, webSocket: `ws://${HOST}:${port}`, printed: () => printed, end, start, stop }
}
