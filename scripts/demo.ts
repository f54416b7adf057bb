/**
 * `npm run demo [-- --seconds N]`: a devnet of three chains whose prices keep moving, the server in PAPER on
 * it, and a small brain that looks for trades. Prints each trade as the server's WebSocket tells it. Ends on
 * Ctrl-C, or by itself after N seconds; nothing is left behind.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startServerProcess } from '../bench/serverProcess.ts'
import { startNoiseTrader } from '../devnet/noiseTrader.ts'
import { packageRoot } from '../devnet/packageRoot.ts'
import { startDevnet } from '../devnet/startDevnet.ts'
import { startDemoBrain } from './demoBrain.ts'
import { createDemoTape, type PaperEvent } from './demoTape.ts'

const chains = [
  { chainId: 1, name: 'Ethereum', setting: 'RPC_ETHEREUM' },
  { chainId: 8453, name: 'Base', setting: 'RPC_BASE' },
  { chainId: 42161, name: 'Arbitrum', setting: 'RPC_ARBITRUM' },
] as const
const noiseIntervalMs = 500
const startTimeoutMs = 60_000

function readSeconds(): number | null {
  const { values } = parseArgs({ options: { seconds: { type: 'string' } } })
  if (values.seconds === undefined) return null
  const seconds = Number(values.seconds)
  if (!(seconds > 0)) throw new Error('--seconds takes a number above 0.')
  return seconds
}

async function demo(): Promise<void> {
  const seconds = readSeconds()
  const entry = join(packageRoot(), 'dist', 'main.js')
  if (!existsSync(entry))
    throw new Error('The server is not built. Run "npm run build", or start this with "npm run demo".')

  const asked = new AbortController()
  let broken: string | null = null
  const breakOff = (sentence: string) => {
    broken ??= sentence
    asked.abort()
  }
  const interrupted = () => asked.abort()
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted)

  const undo: (() => unknown)[] = []
  try {
    const folder = await mkdtemp(join(tmpdir(), 'titan-demo-'))
    undo.push(() => rm(folder, { recursive: true, force: true }))

    console.log(`Starting a devnet: ${chains.map(({ name }) => name).join(', ')} ...`)
    const devnet = await startDevnet({
      chainIds: chains.map(({ chainId }) => chainId),
      onExit: ({ chainId }) => breakOff(`The devnet's node of chain ${chainId} has ended.`),
    })
    undo.push(() => devnet.stop())
    const rpcOf = new Map(devnet.chains.map(({ chainId, rpc }) => [chainId, rpc]))

    console.log('Starting the server in PAPER ...')
    const server = await startServerProcess({
      name: 'The server',
      entry,
      cwd: folder,
      readyPath: '/readyz',
      startTimeoutMs,
      env: (port) => ({
        EXECUTION_MODE: 'PAPER',
        EXECUTION_HOST: '127.0.0.1',
        EXECUTION_PORT: `${port}`,
        DATA_DIR: join(folder, 'data'),
        LOG_LEVEL: 'warn',
        ...Object.fromEntries(chains.map(({ chainId, setting }) => [setting, rpcOf.get(chainId) ?? ''])),
      }),
      onExit: ({ printed }) => breakOff(`The server has ended. It printed:\n${printed}`),
    })
    undo.push(() => server.stop())
    if (asked.signal.aborted) return

    const tape = createDemoTape({
      nameOf: (chainId) => chains.find((chain) => chain.chainId === chainId)?.name,
    })
    const brain = startDemoBrain({ chains: devnet.chains, serverUrl: server.url, onTrouble: tape.trouble })
    undo.push(() => brain.stop())
    undo.push(
      listen({
        url: server.url,
        onClosed: breakOff,
        onEvent: async (event) => {
          tape.trade({ event, latencyMs: await brain.latencyOf(event.signal.signal_id) })
        },
      }),
    )
    for (const [index, { chainId, rpc }] of devnet.chains.entries()) {
      const noise = startNoiseTrader({
        rpc,
        intervalMs: noiseIntervalMs,
        seed: index + 1,
        onError: (cause) =>
          tape.trouble({ chainId, sentence: cause instanceof Error ? cause.message : String(cause) }),
      })
      undo.push(() => noise.stop())
    }

    console.log(`The server answers at ${server.url} (try: curl ${server.url}/stats).`)
    console.log(`${seconds === null ? 'Ctrl-C ends' : `Ends after ${seconds} s, or by Ctrl-C`}.\n`)
    await sleep(seconds === null ? 2 ** 31 - 1 : seconds * 1_000, undefined, { signal: asked.signal }).catch(
      () => {},
    )
    tape.summary()
  } finally {
    for (const step of undo.reverse()) await step()
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  }
  if (broken !== null) throw new Error(broken)
}

/** Hands on every trade the server tells of; returns how to end it. */
function listen(options: {
  url: string
  onEvent: (event: PaperEvent) => void
  onClosed: (sentence: string) => void
}): () => void {
  const socket = new WebSocket(options.url.replace(/^http/, 'ws'))
  let closing = false
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as { type: string }
    if (message.type === 'paper_execution') options.onEvent(message as PaperEvent)
  })
  socket.addEventListener('close', () => {
    if (!closing) options.onClosed('The server has closed the WebSocket.')
  })
  return () => {
    closing = true
    socket.close()
  }
}

try {
  await demo()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
