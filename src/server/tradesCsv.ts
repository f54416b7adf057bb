import type { StoredEvent } from '../eventlog/eventLog.ts'

type Cell = string | number | null | undefined

/** The fields of an event's JSON that the table shows. */
interface TradeEvent {
  readonly mode?: string
  readonly status?: string
  readonly txHash?: string | null
  readonly signal?: {
    readonly token?: string
    readonly amount?: string
    readonly flashSource?: number
    readonly expected_profit?: number
  }
  readonly simulation?: {
    readonly gasUsed?: number
    readonly profit?: string | null
    readonly net_profit_usd?: number | null
    readonly gas_cost_wei?: string | null
    readonly block?: number
  } | null
  readonly error?: string | null
  readonly leftovers?: readonly { readonly token?: string; readonly amount?: string }[]
  // What the receipt says, in LIVE.
  readonly profit?: string | null
  readonly net_profit_usd?: number | null
  readonly gas_used?: number | null
  readonly gas_cost_wei?: string | null
  readonly block?: number | null
}

/** What came of it: simulated in PAPER, in LIVE only what is in a block. */
const result = ({ simulation, ...trade }: TradeEvent) =>
  trade.mode === 'LIVE' ? trade : { ...simulation, gas_used: simulation?.gasUsed }

const COLUMNS: readonly (readonly [name: string, cell: (event: StoredEvent, trade: TradeEvent) => Cell])[] = [
  ['seq', ({ seq }) => seq],
  ['timestamp', ({ timestampMs }) => new Date(timestampMs).toISOString()],
  ['mode', (_, { mode }) => mode],
  ['chain_id', ({ chainId }) => chainId],
  ['signal_id', ({ signalId }) => signalId],
  ['outcome', ({ outcome }) => outcome],
  ['code', ({ code }) => code],
  ['flash_source', (_, { signal }) => signal?.flashSource],
  ['token', (_, { signal }) => signal?.token],
  ['amount', (_, { signal }) => signal?.amount],
  ['expected_profit_usd', (_, { signal }) => signal?.expected_profit],
  ['profit', (_, trade) => result(trade).profit],
  ['net_profit_usd', (_, trade) => result(trade).net_profit_usd],
  ['gas_used', (_, trade) => result(trade).gas_used],
  ['gas_cost_wei', (_, trade) => result(trade).gas_cost_wei],
  ['block', (_, trade) => result(trade).block],
  ['error', (_, { error }) => error],
  ['status', (_, { status }) => status],
  ['tx_hash', (_, { txHash }) => txHash],
  [
    'leftovers',
    (_, { leftovers }) => leftovers?.map(({ token, amount }) => `${amount} of ${token}`).join('; '),
  ],
]

/** Executions as CSV (RFC 4180) with a header line. Amounts are base units of the loan token. */
export function tradesCsv(events: readonly StoredEvent[]): string {
  const lines = events.map((event) => {
    const trade = JSON.parse(event.json) as TradeEvent
    return COLUMNS.map(([, cell]) => quote(cell(event, trade))).join(',')
  })
  return `${[COLUMNS.map(([name]) => name).join(','), ...lines].join('\r\n')}\r\n`
}

function quote(cell: Cell): string {
  if (cell === null || cell === undefined) return ''
  if (typeof cell === 'number') return String(cell)
  // Spreadsheets run a cell that begins like this as a formula, and revert reasons are chosen by strangers.
  const text = /^[=+@\t\r]|^-(?!\d+$)/.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
