import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import { describeShape, preview } from './describeShape.ts'
import { validateRequestShape, validateSubscribeShape } from './generated/messageShape.ts'

const CHANNELS = ['trades', 'updates', 'heads', 'control'] as const
/**
 * `trades`: settled executions. `updates`: what happens to one of LIVE before and after. `heads`, `control`:
 * of chains.
 */
export type Channel = (typeof CHANNELS)[number]
/** Chosen by the client and echoed, so that it can tell replies apart; null when not given. */
export type MessageId = string | number | null

/** What a WebSocket client says. */
export type ClientMessage =
  | {
      readonly type: 'subscribe'
      readonly id: MessageId
      readonly channels: readonly Channel[]
      /** Null = every chain. */
      readonly chainIds: readonly number[] | null
      /** Null = from now on. */
      readonly fromSeq: number | null
    }
  | { readonly type: 'execute' | 'simulate'; readonly id: MessageId; readonly signal: unknown }
  | { readonly type: 'ping'; readonly id: MessageId }

const EXPECTATIONS = {
  id: 'a string or a number',
  channels: 'a list of channel names',
  'channels[]': 'a channel name',
  filter: 'an object such as {"chain": [1, 137]}',
  'filter.chain': 'a list of chain ids',
  'filter.chain[]': 'a chain id, a positive integer',
  from_seq: 'a sequence number, an integer',
}

/**
 * A WebSocket message from parsed JSON. The signal inside `execute` and `simulate` is not checked here.
 * Errors: INVALID_MESSAGE, UNKNOWN_CHANNEL; `facts.id` is the message's id where it could be read.
 */
export function decodeMessage(json: unknown): Result<ClientMessage> {
  const decoded = decode(json)
  if (decoded.ok) return decoded
  const id = readId(json)
  return id === null ? decoded : fail({ ...decoded.failure, facts: { ...decoded.failure.facts, id } })
}

function decode(json: unknown): Result<ClientMessage> {
  const type = typeof json === 'object' && json !== null && 'type' in json ? json.type : undefined
  switch (type) {
    case 'subscribe': {
      if (JSON.stringify(json).length > SUBSCRIBE_CHARS_MAX)
        return refuse('A "subscribe" message is too long.')
      const checked = validateSubscribeShape(json)
      if (!checked.success) return mismatch(type, checked.errors)
      const { channels, filter, from_seq, id } = checked.data
      const wanted = channels ?? ['trades']
      const unknown = wanted.find((name) => !isChannel(name))
      if (unknown !== undefined) return fail(unknownChannel(unknown))
      return succeed({
        type,
        id: id ?? null,
        channels: wanted.filter(isChannel),
        chainIds: filter?.chain ?? null,
        fromSeq: from_seq ?? null,
      })
    }
    case 'execute':
    case 'simulate':
    case 'ping': {
      const checked = validateRequestShape(json)
      if (!checked.success) return mismatch(type, checked.errors)
      // Passed over, it would let a signal that is meant for play trade.
      if (type !== 'ping' && 'mode' in checked.data)
        return refuse(`A "${type}" message has the mode in its signal, not beside it.`)
      const { signal, id = null } = checked.data
      return succeed(type === 'ping' ? { type, id } : { type, id, signal })
    }
    default: {
      const known = '"subscribe", "execute", "simulate" or "ping"'
      const found = type === undefined ? `${preview(json)} without one` : preview(type)
      return refuse(`A message needs a "type" of ${known}, found ${found}.`)
    }
  }
}

/** Far more than naming every channel and chain takes; bounds the work of wording what is wrong. */
const SUBSCRIBE_CHARS_MAX = 4_096

const refuse = (sentence: string) => fail(failure('INVALID_MESSAGE', sentence))

const isChannel = (name: string): name is Channel => (CHANNELS as readonly string[]).includes(name)

const mismatch = (type: string, errors: readonly { path: string; value: unknown }[]) =>
  fail(
    describeShape({
      code: 'INVALID_MESSAGE',
      subject: `A "${type}" message`,
      errors,
      expectations: EXPECTATIONS,
    }),
  )

function unknownChannel(channel: string): Failure {
  const sentence = `There is no channel ${preview(channel)}; the channels are ${CHANNELS.join(', ')}.`
  return failure('UNKNOWN_CHANNEL', sentence, { channels: CHANNELS })
}

function readId(json: unknown): MessageId {
  if (typeof json !== 'object' || json === null || !('id' in json)) return null
  return typeof json.id === 'string' || typeof json.id === 'number' ? json.id : null
}
