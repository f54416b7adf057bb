import { getAddress } from 'ethers'
import type { Address, Signal } from '../domain/signal.ts'
import { amountText, type NameAmount, type TokenName } from '../domain/tokenAmount.ts'
import type { NodeError } from './nodeErrors.ts'
import type { JsonRpc, RpcError } from './rpc.ts'

// ERC-20
const SYMBOL = '0x95d89b41'
const DECIMALS = '0x313ce567'
/** Enough for any honest token, and little memory for one that answers with as much as it can. */
const GAS = '0x7a120'
const WORD_CHARS = 64
/** An amount in whole tokens of more decimals says nothing to anybody; the most in use are 36 or less. */
const DECIMALS_MAX = 36
const SYMBOL_CHARS_MAX = 16
/** What symbols are made of: letters and digits of any script, signs of currencies, and the marks in use. */
const NO_SYMBOL = /[^\p{L}\p{N}\p{Sc}.$+_/-]/gu
/** Tokens come from clients: no more than this many are remembered. */
const TOKENS_MAX = 1_000
/** A token that could not be read, or said nothing of use, is not asked again before; one node may have been wrong. */
const RETRY_MS = 10_000

/** What tokens call themselves, read once each. */
export interface TokenNames {
  /** As known now; null before it was read. */
  known(token: Address): TokenName | null
  /** Reads what is not known yet; nothing is asked where all is. Never rejects. */
  learn(tokens: readonly Address[]): Promise<void>
  /** By what is known now. */
  readonly nameAmount: NameAmount
}

export function createTokenNames({
  rpc,
  readNodeError,
  now = () => performance.now(),
}: {
  rpc: Pick<JsonRpc, 'call'>
  readNodeError: (error: RpcError) => NodeError
  now?: () => number
}): TokenNames {
  interface Entry {
    readonly name: TokenName | null
    /** With its checksum. */
    readonly address: string
    readonly reading: Promise<void> | null
    /** When it is read again. */
    readonly staleAtMs: number
  }
  const entries = new Map<Address, Entry>()

  function keep(token: Address, entry: Entry): void {
    entries.delete(token)
    entries.set(token, entry)
    if (entries.size <= TOKENS_MAX) return
    for (const oldest of entries.keys()) {
      entries.delete(oldest)
      break
    }
  }

  /** What the call returns, `0x` when it reverts; null when no node tells. */
  async function ask(token: Address, data: string): Promise<string | null> {
    const outcome = await rpc.call('eth_call', [{ to: token, data, gas: GAS }, 'latest'])
    if (outcome.ok) return typeof outcome.result === 'string' ? outcome.result : null
    return outcome.kind === 'rpc' && readNodeError(outcome.error).kind === 'execution' ? '0x' : null
  }

  async function read(token: Address): Promise<void> {
    const [symbol, decimals] = await Promise.all([ask(token, SYMBOL), ask(token, DECIMALS)])
    const name =
      symbol === null || decimals === null
        ? null
        : { symbol: readSymbol(symbol), decimals: readDecimals(decimals) }
    const isWhole = name !== null && name.symbol !== null && name.decimals !== null
    const staleAtMs = isWhole ? Number.POSITIVE_INFINITY : now() + RETRY_MS
    keep(token, { name, address: getAddress(token), reading: null, staleAtMs })
  }

  const known = (token: Address): TokenName | null => entries.get(token)?.name ?? null

  return {
    known,
    async learn(tokens) {
      const reading: Promise<void>[] = []
      for (const token of tokens) {
        const entry = entries.get(token)
        if (entry?.reading) reading.push(entry.reading)
        if (entry !== undefined && (entry.reading !== null || entry.staleAtMs > now())) continue
        const begun = read(token)
        keep(token, { name: entry?.name ?? null, address: getAddress(token), reading: begun, staleAtMs: 0 })
        reading.push(begun)
      }
      if (reading.length > 0) await Promise.all(reading)
    },
    nameAmount(amount, token) {
      const entry = entries.get(token)
      const address = entry?.address ?? getAddress(token)
      return amountText({ amount, address, name: entry?.name ?? null })
    },
  }
}

/** Every token that sentences about a signal can name. */
export const tokensOf = ({ loanToken, hops }: Signal): readonly Address[] => [
  ...new Set([loanToken, ...hops.map(({ tokenOut }) => tokenOut)]),
]

/** `string`, or the `bytes32` of early tokens; null when it is neither, or nothing that can be shown. */
export function readSymbol(result: string): string | null {
  const hex = /^0x[0-9a-f]*$/i.test(result) ? result.slice(2) : ''
  const bytes = hex.length === WORD_CHARS ? hex.replace(/(?:00)+$/, '') : stringBytes(hex)
  if (bytes === null) return null
  const shown = [
    ...Buffer.from(bytes, 'hex').toString('utf8').replaceAll('\ufffd', '').replace(NO_SYMBOL, ''),
  ]
  if (shown.length === 0) return null
  return shown.length <= SYMBOL_CHARS_MAX ? shown.join('') : `${shown.slice(0, SYMBOL_CHARS_MAX).join('')}…`
}

/** The bytes of a returned string in hexadecimal; null when they are not all there. */
function stringBytes(hex: string): string | null {
  if (hex.length < 2 * WORD_CHARS || BigInt(`0x${hex.slice(0, WORD_CHARS)}`) !== 32n) return null
  const length = Number(`0x${hex.slice(WORD_CHARS, 2 * WORD_CHARS)}`) * 2
  const bytes = hex.slice(2 * WORD_CHARS)
  return length <= bytes.length ? bytes.slice(0, length) : null
}

function readDecimals(result: string): number | null {
  const word = /^0x[0-9a-f]{64}/i.exec(result)?.[0]
  if (word === undefined) return null
  const decimals = BigInt(word)
  return decimals <= DECIMALS_MAX ? Number(decimals) : null
}
