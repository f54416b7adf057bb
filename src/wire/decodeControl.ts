import type { ControlCommand } from '../domain/control.ts'
import type { Address } from '../domain/signal.ts'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import { preview } from './describeShape.ts'
import { parseAddress } from './parseAddress.ts'

/** What an operator has asked for. */
export interface DecodedControl {
  readonly command: ControlCommand
  /** `all` with the pause of every chain; null where the trade tells. */
  readonly chain: number | 'all' | null
  readonly reason: string | null
  /** As the sender calls itself. */
  readonly by: string | null
}

const TEXT = /^[^\p{Cc}]{1,200}$/u
const SIGNAL_ID = /^[A-Za-z0-9._-]{1,64}$/

/**
 * The body of `POST /control/{action}`. A field that does not belong to the action is refused: a misspelt
 * `lane` would pause a whole chain. Errors: INVALID_CONTROL, INVALID_ADDRESS.
 */
export function decodeControl(action: ControlCommand['action'], json: unknown): Result<DecodedControl> {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return refuse(`The command must be a JSON object, found ${preview(json)}.`)
  const ofLane = action === 'pause' || action === 'resume'
  const known = ['chain', 'reason', 'by', ofLane ? 'lane' : 'signal_id']
  const stray = Object.keys(json).find((field) => !known.includes(field))
  if (stray !== undefined)
    return refuse(`${action} takes no field ${preview(stray)}; it takes ${known.join(', ')}.`)
  const fields = json as Readonly<Record<string, unknown>>
  const reason = readText('reason', fields.reason)
  if (!reason.ok) return reason
  const by = readText('by', fields.by)
  if (!by.ok) return by
  const chain = fields.chain ?? null
  if (chain !== null && chain !== 'all' && !Number.isSafeInteger(chain))
    return refuse(`chain must be a chain id${ofLane ? ' or "all"' : ''}, found ${preview(chain)}.`)
  const told = { chain: chain as number | 'all' | null, reason: reason.value, by: by.value }

  if (ofLane) {
    const lane = readLane(fields.lane)
    if (!lane.ok) return lane
    if (chain === null) return refuse(`${action} needs a chain: its id, or "all".`)
    if (chain === 'all' && lane.value !== null) return refuse('A lane is one of one chain: name its id.')
    return succeed({ ...told, command: { action, lane: lane.value, reason: reason.value } })
  }
  const signalId = fields.signal_id
  if (typeof signalId !== 'string' || !SIGNAL_ID.test(signalId))
    return refuse(`${action} needs the signal_id of a trade, found ${preview(signalId)}.`)
  if (chain === 'all') return refuse('A trade is on one chain: name its id, or none.')
  return succeed({ ...told, command: { action, signalId } })
}

function readText(field: string, value: unknown): Result<string | null> {
  if (value === undefined || value === null) return succeed(null)
  if (typeof value === 'string' && TEXT.test(value)) return succeed(value)
  return refuse(`${field} must be a text of one line and at most 200 characters, found ${preview(value)}.`)
}

function readLane(value: unknown): Result<Address | null> {
  if (value === undefined || value === null) return succeed(null)
  if (typeof value !== 'string') return refuse(`lane must be an address, found ${preview(value)}.`)
  return parseAddress({ field: 'lane', text: value })
}

const refuse = (sentence: string) => fail(failure('INVALID_CONTROL', sentence))
