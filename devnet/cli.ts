import { parseArgs } from 'node:util'
import { readEnvironment } from '../src/config/env.ts'
import { startNoiseTrader } from './noiseTrader.ts'
import { type Devnet, startDevnet } from './startDevnet.ts'
import { watchParent } from './watchParent.ts'

const allChains = [1, 10, 56, 137, 204, 250, 324, 5000, 8453, 42161, 42220, 43114, 59144, 81457, 534352]
const usage = `Starts one devnet node per chain and prints one JSON line for each: {"chainId":1,"rpc":"http://127.0.0.1:19000"}

  --chains 1,137,42161     chain ids (default: all fifteen)
  --port 19000             port of the first chain, the others take the next ones
  --block-time SECONDS     a block at this interval (default: a block per transaction, at once)
  --noise                  keep prices moving, so that routes come to pay
  --noise-interval-ms N    pause between two moves on a chain (default: 2000)
  --help`

/** What the command line asks for. Throws a sentence when it makes no sense. */
function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      chains: { type: 'string' },
      port: { type: 'string', default: '19000' },
      'block-time': { type: 'string' },
      noise: { type: 'boolean', default: false },
      'noise-interval-ms': { type: 'string', default: '2000' },
      help: { type: 'boolean', default: false },
    },
  })
  const chainIds =
    values.chains
      ?.split(',')
      .map((id) => readNumber({ name: '--chains', text: id, min: 1, max: 2 ** 53 - 1 })) ?? allChains
  if (new Set(chainIds).size < chainIds.length) throw new Error('--chains names a chain twice.')
  const port = readNumber({ name: '--port', text: values.port, min: 1, max: 65_536 - chainIds.length })
  const noiseIntervalMs = readNumber({
    name: '--noise-interval-ms',
    text: values['noise-interval-ms'],
    min: 0,
    max: 86_400_000,
  })
  const blockTime = values['block-time']
  const blockTimeSeconds =
    blockTime === undefined
      ? {}
      : { blockTimeSeconds: readNumber({ name: '--block-time', text: blockTime, min: 1, max: 86_400 }) }
  return { help: values.help, noise: values.noise, noiseIntervalMs, chainIds, port, ...blockTimeSeconds }
}

function readNumber(options: { name: string; text: string; min: number; max: number }): number {
  const { name, text, min, max } = options
  const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new Error(`${name} takes whole numbers from ${min} to ${max}, not "${text}".`)
}

async function main(): Promise<void> {
  let options: ReturnType<typeof readOptions>
  try {
    options = readOptions(process.argv.slice(2))
  } catch (cause) {
    return refuse(`${(cause as Error).message}\n\n${usage}`)
  }
  if (options.help) return console.error(usage)

  const { chainIds, noise, noiseIntervalMs } = options
  const lines = new Map<number, string>()
  let printed = 0
  let running = chainIds.length
  let devnet: Devnet
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => ending.abort())
  process.stdout.on('error', () => ending.abort()) // nobody reads what we print any more
  try {
    watchParent({ environment: readEnvironment(), onGone: () => ending.abort() })
    devnet = await startDevnet({
      ...options,
      onReady: ({ chainId, rpc }) => {
        lines.set(chainId, JSON.stringify({ chainId, rpc }))
        for (
          let line = lines.get(chainIds[printed] as number);
          line;
          line = lines.get(chainIds[printed] as number)
        ) {
          process.stdout.write(`${line}\n`)
          printed++
        }
      },
      onExit: ({ chainId, code, signal }) => {
        console.error(`The node of chain ${chainId} has ended (${code ?? signal}).`)
        if (--running === 0) {
          process.exitCode = 1
          ending.abort()
        }
      },
    })
  } catch (cause) {
    return refuse((cause as Error).message)
  }
  const traders = noise
    ? devnet.chains.map(({ chainId, rpc }) =>
        startNoiseTrader({
          rpc,
          seed: chainId,
          intervalMs: noiseIntervalMs,
          signal: ending.signal,
          onError: (cause) => console.error(`Noise on chain ${chainId}: ${(cause as Error).message}`),
        }),
      )
    : []
  console.error(`${chainIds.length} nodes are up${noise ? ', with noise' : ''}. Ctrl-C ends them.`)
  if (!ending.signal.aborted) await new Promise((resolve) => ending.signal.addEventListener('abort', resolve))
  await Promise.all([...traders.map((trader) => trader.stop()), devnet.stop()])
  process.exit()
}

function refuse(sentence: string): void {
  console.error(sentence)
  process.exit(2)
}

await main()
