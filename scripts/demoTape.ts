import { percentile } from '../bench/percentile.ts'
import { addressBook } from '../devnet/addressBook.ts'
import { demoPools } from './demoPools.ts'

/** The server's `paper_execution` message, as far as the demo shows it. */
export interface PaperEvent {
  readonly type: 'paper_execution'
  readonly success: boolean
  readonly error: string | null
  readonly timestamp: string
  readonly signal: {
    readonly signal_id: string
    readonly chainId: number
    readonly token: string
    readonly amount: string
    readonly routers: readonly string[]
    readonly extras: readonly string[]
  }
  readonly simulation: { readonly profit: string | null; readonly net_profit_usd: number | null } | null
}

/** Prints trades one line each, keeps the running total, and prints the summary. */
export function createDemoTape({ nameOf }: { nameOf: (chainId: number) => string | undefined }) {
  const latencies: number[] = []
  let [filled, refused, totalUsd] = [0, 0, 0]
  const chainName = (chainId: number) => (nameOf(chainId) ?? `chain ${chainId}`).padEnd(9)

  return {
    trade({ event, latencyMs }: { event: PaperEvent; latencyMs: number | null }): void {
      const { signal, simulation, success, error } = event
      const time = event.timestamp.slice(11, 23)
      const head = `${time}  ${chainName(signal.chainId)}  ${routeOf(signal)}`
      if (!success) {
        refused++
        console.log(`${head}  refused: ${error}`)
        return
      }
      filled++
      if (latencyMs !== null) latencies.push(latencyMs)
      const netUsd = simulation?.net_profit_usd ?? 0
      totalUsd += netUsd
      const profit = amountOf({ token: signal.token, amount: simulation?.profit ?? '0' })
      const latency = latencyMs === null ? '' : `${latencyMs.toFixed(1)} ms`
      console.log(
        `${head}  loan ${amountOf(signal)}  profit ${profit}  net ${usd(netUsd)}  ${latency.padStart(9)}  total ${usd(totalUsd)}`,
      )
    },
    trouble({ chainId, sentence }: { chainId: number; sentence: string }): void {
      console.log(`${new Date().toISOString().slice(11, 23)}  ${chainName(chainId)}  ${sentence}`)
    },
    summary(): void {
      const latency = filled === 0 ? '' : `, answered in ${percentile(latencies, 0.5).toFixed(1)} ms (median)`
      console.log(
        `\n${filled} trades filled on paper${latency}; ${refused} refused; ${usd(totalUsd)} net of gas.`,
      )
    },
  }
}

const usd = (value: number) => `$${value.toFixed(2)}`.padStart(9)

function amountOf({ token, amount }: { token: string; amount: string }): string {
  const known = Object.values(addressBook.tokens).find(
    ({ address }) => address.toLowerCase() === token.toLowerCase(),
  )
  if (known === undefined) return amount
  return `${(Number(amount) / 10 ** known.decimals).toFixed(2).padStart(9)} ${known.symbol.padEnd(4)}`
}

function routeOf({ token, routers, extras }: PaperEvent['signal']): string {
  const names = routers.map((router, hop) => {
    const pool = demoPools.find(
      (each) =>
        each.router.toLowerCase() === router.toLowerCase() &&
        each.extra === extras[hop] &&
        addressBook.tokens[each.stable].address.toLowerCase() === token.toLowerCase(),
    )
    return pool?.name ?? router
  })
  return names.join(' → ').padEnd(36)
}
