import { LIMITS } from '../config/limits.ts'
import type { Mode } from '../domain/mode.ts'
import type { Signal } from '../domain/signal.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import { describeShape, preview } from './describeShape.ts'
import { isSignalShape, type SignalShape, validateSignalShape } from './generated/signalShape.ts'
import { parseAddress } from './parseAddress.ts'
import { parseAmount } from './parseAmount.ts'
import { parseRoute } from './parseRoute.ts'
import { refuseMaxBlock, refuseValidUntil } from './refuseTime.ts'

const ADDRESS = 'an address, "0x" and 40 hexadecimal digits'
const AMOUNT = 'base units as a decimal string, e.g. "1000000000" for 1,000 USDC'
const MODES: readonly string[] = ['PAPER', 'LIVE'] satisfies readonly Mode[]
const MODE = '"PAPER" or "LIVE"'
/** Passed over as other unknown fields are, they would let a signal that is meant for play trade. */
const MODE_MISSPELT = ['Mode', 'MODE', 'execution_mode', 'executionMode', 'EXECUTION_MODE']
const SIGNAL_ID = `1 to ${LIMITS.signalIdCharsMax} characters of A-Z, a-z, 0-9, ".", "_" and "-", with at least one letter or digit`
/** More would make sums of claims imprecise, and sums of very many infinite. */
const EXPECTED_PROFIT_USD_MAX = 1e12

/** What each field must be, for sentences. */
const EXPECTATIONS: Record<keyof SignalShape | `${'protocols' | 'routers' | 'path' | 'extras'}[]`, string> = {
  chainId: 'a chain id, a positive integer such as 1 for Ethereum',
  token: ADDRESS,
  amount: AMOUNT,
  flashSource: '1 (Balancer V3 vault) or 2 (Aave V3 pool)',
  protocols: 'a list with one venue number per hop',
  'protocols[]': '0 (Uniswap V2 router), 1 (Uniswap V3 router) or 2 (Curve pool)',
  routers: 'a list with one address per hop',
  'routers[]': ADDRESS,
  path: 'a list of token addresses',
  'path[]': ADDRESS,
  extras: 'a list with one 0x-prefixed hexadecimal string per hop ("0x" for none)',
  'extras[]': '"0x" and hexadecimal bytes ("0x" for none)',
  expected_profit: 'a number of USD from -1e12 to 1e12',
  mode: MODE,
  signal_id: SIGNAL_ID,
  min_profit: AMOUNT,
  valid_until: 'Unix milliseconds, an integer',
  max_block: 'a block number',
  relay: '"public", "private" or "private_then_public"',
  wait: '"none", "broadcast" or "included"',
}

/** Headers that say the same of every signal of a request; null when absent. */
export interface SignalHeaders {
  /** `Idempotency-Key`: means the same as `signal_id`. */
  readonly idempotencyKey: string | null
  /** `Execution-Mode`: means the same as `mode`. */
  readonly executionMode: string | null
}

export const NO_SIGNAL_HEADERS: SignalHeaders = { idempotencyKey: null, executionMode: null }

/**
 * A signal from parsed JSON: checked, addresses in lower case, amounts as bigint, the route closed and its
 * extras as the executor contract takes them. `newSignalId` names a signal that brings no id.
 *
 * Errors: INVALID_SIGNAL (a field is missing, of the wrong type or a time in another unit), MODE_MISMATCH (it is meant for another
 * mode than the server's), INVALID_AMOUNT, INVALID_ADDRESS, INVALID_ROUTE. Whether the chain is configured is
 * not known here.
 */
export function decodeSignal({
  json,
  headers: { idempotencyKey, executionMode },
  mode,
  newSignalId,
}: {
  json: unknown
  headers: SignalHeaders
  /** The server's. */
  mode: Mode
  newSignalId: () => string
}): Result<Signal> {
  if (!isSignalShape(json)) return fail(describeSignal(json))
  const misspelt = MODE_MISSPELT.find((name) => name in json)
  if (misspelt !== undefined) {
    const sentence = `A signal says its mode in "mode", found ${misspelt}.`
    return fail(failure('INVALID_SIGNAL', sentence, { field: misspelt }))
  }
  const otherMode = refuseMode({ meant: json.mode ?? null, executionMode, mode })
  if (otherMode !== null) return fail(otherMode)
  const expectedProfitUsd = json.expected_profit ?? 0
  if (!(Math.abs(expectedProfitUsd) <= EXPECTED_PROFIT_USD_MAX))
    return refuseField('expected_profit', expectedProfitUsd)
  const otherUnit = refuseValidUntil(json.valid_until) ?? refuseMaxBlock(json.max_block ?? null)
  if (otherUnit !== null) return fail(otherUnit)
  const id = decodeId(json.signal_id ?? null, idempotencyKey)
  if (!id.ok) return id
  const token = parseAddress({ field: 'token', text: json.token })
  if (!token.ok) return token
  const amount = parseAmount({ field: 'amount', value: json.amount, zeroAllowed: false })
  if (!amount.ok) return amount
  const minProfit = parseAmount({ field: 'min_profit', value: json.min_profit ?? 0, zeroAllowed: true })
  if (!minProfit.ok) return minProfit
  const hops = parseRoute({ shape: json, loanToken: token.value })
  if (!hops.ok) return hops
  return succeed({
    signalId: id.value ?? newSignalId(),
    chainId: json.chainId,
    flashSource: json.flashSource,
    loanToken: token.value,
    loanAmount: amount.value,
    hops: hops.value,
    expectedProfitUsd,
    minProfit: minProfit.value,
    validUntilMs: json.valid_until ?? null,
    maxBlock: json.max_block ?? null,
    relay: json.relay ?? 'public',
    wait: json.wait ?? 'included',
  })
}

/**
 * The id a client gave, where it can be read, so that an answer to a bad signal can still be told apart; null
 * otherwise.
 */
export function readSignalId(json: unknown): string | null {
  if (typeof json !== 'object' || json === null || !('signal_id' in json)) return null
  return typeof json.signal_id === 'string' && ID.test(json.signal_id) ? json.signal_id : null
}

/**
 * A client cannot know that the server behind an address was started again in another mode: what is meant
 * for play must not reach a server that trades.
 */
function refuseMode({
  meant,
  executionMode,
  mode,
}: {
  meant: Mode | null
  executionMode: string | null
  mode: Mode
}): Failure | null {
  if (executionMode !== null && !MODES.includes(executionMode)) {
    const sentence = `The header Execution-Mode must be ${MODE}, found ${preview(executionMode)}.`
    return failure('INVALID_SIGNAL', sentence, { field: 'Execution-Mode' })
  }
  if (meant !== null && executionMode !== null && meant !== executionMode) {
    const sentence = `mode "${meant}" and the header Execution-Mode "${executionMode}" differ; they mean the same, so send one of them.`
    return failure('INVALID_SIGNAL', sentence, { field: 'mode' })
  }
  const wanted = meant ?? executionMode
  if (wanted === null || wanted === mode) return null
  const sentence = `The signal is meant for ${wanted}, and this server runs in ${mode}; it was not looked at further.`
  return failure('MODE_MISMATCH', sentence, { wanted_mode: wanted, server_mode: mode })
}

/** Without a letter or digit it could be "." or "..", which no URL can name. */
const ID = new RegExp(`^(?=.*[A-Za-z0-9])[A-Za-z0-9._-]{1,${LIMITS.signalIdCharsMax}}$`)

function decodeId(signalId: string | null, idempotencyKey: string | null): Result<string | null> {
  if (signalId !== null && !ID.test(signalId)) return refuseField('signal_id', signalId)
  if (idempotencyKey === null) return succeed(signalId)
  const refusal = refuseIdempotencyKey(idempotencyKey)
  if (refusal !== null) return fail(refusal)
  if (signalId === null || signalId === idempotencyKey) return succeed(idempotencyKey)
  const sentence = `signal_id "${signalId}" and the header Idempotency-Key "${idempotencyKey}" differ; they mean the same, so send one of them.`
  return fail(failure('INVALID_SIGNAL', sentence, { field: 'signal_id' }))
}

/**
 * Why the header Idempotency-Key cannot name a signal; null when it can, or is absent. Error: INVALID_SIGNAL.
 */
export function refuseIdempotencyKey(key: string | null): Failure | null {
  if (key === null || ID.test(key)) return null
  const sentence = `The header Idempotency-Key must be ${SIGNAL_ID}, found ${preview(key)}.`
  return failure('INVALID_SIGNAL', sentence, { field: 'Idempotency-Key' })
}

function describeSignal(json: unknown): Failure {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return wordErrors([{ path: '$input', value: json }])
  }
  // A list of a million wrong entries would otherwise give a million errors to word.
  const shape: Partial<Record<keyof SignalShape, unknown>> = json
  for (const field of ['protocols', 'routers', 'path', 'extras'] as const) {
    const list = shape[field]
    if (!Array.isArray(list) || list.length <= LIST_MAX) continue
    const sentence = `${field} has ${list.length} entries: a route has at most ${LIMITS.hopsMax} hops.`
    return failure('INVALID_ROUTE', sentence, { field })
  }
  // A fraction of a second, or more than a JSON number holds, tells its unit better than its type.
  const otherUnit = refuseValidUntil(shape.valid_until)
  if (otherUnit !== null) return otherUnit
  const checked = validateSignalShape(json)
  return wordErrors(checked.success ? [] : checked.errors)
}

/** Entries above which a list is not looked into; far more than any route has. */
const LIST_MAX = 1_000

const wordErrors = (errors: readonly { path: string; value: unknown }[]) =>
  describeShape({ code: 'INVALID_SIGNAL', subject: 'A signal', errors, expectations: EXPECTATIONS })

const refuseField = (field: keyof SignalShape, value: unknown) =>
  fail(wordErrors([{ path: `$input.${field}`, value }]))
