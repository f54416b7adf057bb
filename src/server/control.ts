import { BlockList, isIPv4 } from 'node:net'
import type { Dispatcher } from '../dispatch/dispatcher.ts'
import type { ControlCommand } from '../domain/control.ts'
import type { Mode } from '../domain/mode.ts'
import { CODES, type Code } from '../errors/codes.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import { thrownText } from '../errors/thrown.ts'
import { decodeControl } from '../wire/decodeControl.ts'
import { controlFields } from '../wire/encodeControl.ts'
import { encodedReply, jsonReply, type ServerReply, type ServerRequest } from './httpMessage.ts'

const LOG_ROWS = 100
const LOG_ROWS_MAX = 1_000

/** Where a request comes from, read for the endpoints that ask. */
export interface RequestSource {
  /** IP address of the connection. */
  readonly address: string
  /** A proxy says that it has passed the request on for somebody else. */
  readonly isForwarded: boolean
}

/**
 * The operator's hand over HTTP. Until callers are known by name it is taken from this machine only: the
 * connection is one of loopback, and no proxy says that it stands for somebody else.
 */
export interface Control {
  /** Error: FORBIDDEN_REMOTE. */
  refusal(source: RequestSource): Failure | null
  /** `POST /control/{action}`: carried out on each chain it names. */
  give(action: ControlCommand['action'], json: unknown, source: RequestSource): Promise<Result<ServerReply>>
  /** `GET /control/log`: the newest commands of all chains, or of one, the newest first. */
  log(request: Pick<ServerRequest, 'query'>): Promise<Result<ServerReply>>
}

export function createControl({
  mode,
  chainIds,
  dispatcher,
}: {
  mode: Mode
  chainIds: readonly number[]
  dispatcher: Pick<Dispatcher, 'control' | 'chainOf'>
}): Control {
  return {
    refusal({ address, isForwarded }) {
      if (isLoopback(address) && !isForwarded) return null
      const from = isForwarded ? `through a proxy at ${address}` : `from ${address}`
      return failure('FORBIDDEN_REMOTE', `Commands are taken from this machine only; this one came ${from}.`)
    },

    async give(action, json, { address }) {
      const decoded = decodeControl(action, json)
      if (!decoded.ok) return decoded
      const { command, chain, reason, by } = decoded.value
      const chosen = await chosenChains({ command, chain, chainIds, dispatcher })
      if (!chosen.ok) return chosen
      const order = { command, reason, by: by === null ? address : `${by} (${address})` }
      const outcomes = await Promise.all(
        chosen.value.map(async (chainId) => ({
          chainId,
          outcome: await dispatcher.control(chainId, { order }),
        })),
      )
      const [first] = outcomes
      // Of one chain nothing was written down: that is the whole answer.
      if (outcomes.length === 1 && first?.outcome.ok === false) return first.outcome
      const commands = outcomes.map(({ chainId, outcome }) =>
        outcome.ok
          ? controlFields(chainId, outcome.value[0] as NonNullable<(typeof outcome.value)[0]>)
          : {
              chainId,
              action,
              outcome: 'refused',
              code: outcome.failure.code,
              sentence: outcome.failure.sentence,
            },
      )
      const refused = commands.find(({ outcome }) => outcome === 'refused')
      const code: Code | null = refused?.code ?? null
      const body = JSON.stringify({
        success: refused === undefined,
        mode,
        code,
        error: refused?.sentence ?? null,
        commands,
      })
      const status = code === null ? 200 : refusedStatus(code)
      return succeed(encodedReply({ status, body, code, headers: [['Cache-Control', 'no-store']] }))
    },

    async log({ query }) {
      const wanted = readLogQuery(query)
      if (!wanted.ok) return wanted
      const { chain, limit } = wanted.value
      const chosen = chain === null ? chainIds : [chain]
      const outcomes = await Promise.all(
        chosen.map(async (chainId) => ({
          chainId,
          outcome: await dispatcher.control(chainId, { newest: limit }),
        })),
      )
      const [first] = outcomes
      if (chain !== null && first?.outcome.ok === false) return first.outcome
      const commands = outcomes
        .flatMap(({ chainId, outcome }) =>
          outcome.ok
            ? outcome.value.map((entry) => ({ atMs: entry.atMs, told: controlFields(chainId, entry) }))
            : [],
        )
        .toSorted((a, b) => b.atMs - a.atMs || b.told.id - a.told.id)
        .slice(0, limit)
        .map(({ told }) => told)
      // A chain whose thread is away cannot tell: its commands are missing here.
      const unread = outcomes.flatMap(({ chainId, outcome }) => (outcome.ok ? [] : [chainId]))
      return succeed(jsonReply(JSON.stringify({ commands, unread })))
    },
  }
}

/**
 * A business outcome is 200 elsewhere; a command that was not carried out must not look like one that was.
 */
const refusedStatus = (code: Code): number => (CODES[code].status < 400 ? 409 : CODES[code].status)

async function chosenChains({
  command,
  chain,
  chainIds,
  dispatcher,
}: {
  command: ControlCommand
  chain: number | 'all' | null
  chainIds: readonly number[]
  dispatcher: Pick<Dispatcher, 'chainOf'>
}): Promise<Result<readonly number[]>> {
  if (chain === 'all') return succeed(chainIds)
  if (chain !== null) return succeed([chain])
  const signalId = 'signalId' in command ? command.signalId : ''
  try {
    const owner = await dispatcher.chainOf(signalId)
    return owner === null
      ? fail(failure('TRADE_NOT_FOUND', `No trade with signal_id ${signalId} is known.`))
      : succeed([owner])
  } catch (error) {
    return fail(failure('JOURNAL_UNAVAILABLE', `${thrownText(error)}.`))
  }
}

function readLogQuery(query: string): Result<{ chain: number | null; limit: number }> {
  const refuse = (sentence: string) => fail(failure('INVALID_QUERY', sentence))
  const parameters = new URLSearchParams(query)
  const stray = [...parameters.keys()].find((name) => name !== 'chain' && name !== 'limit')
  if (stray !== undefined)
    return refuse(`There is no query parameter "${stray.slice(0, 40)}"; known are chain, limit.`)
  const [chain, limit] = [parameters.get('chain'), parameters.get('limit')]
  if (chain !== null && !/^\d{1,15}$/.test(chain))
    return refuse('The query parameter chain must be a chain id.')
  if (limit !== null && !(/^\d{1,4}$/.test(limit) && Number(limit) >= 1 && Number(limit) <= LOG_ROWS_MAX))
    return refuse(`The query parameter limit must be an integer from 1 to ${LOG_ROWS_MAX}.`)
  return succeed({
    chain: chain === null ? null : Number(chain),
    limit: limit === null ? LOG_ROWS : Number(limit),
  })
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')
LOOPBACK.addSubnet('::ffff:127.0.0.0', 104, 'ipv6')

/** @param address as the socket tells it; an IPv4 connection to an IPv6 socket has a mapped one */
function isLoopback(address: string): boolean {
  try {
    return LOOPBACK.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
  } catch {
    return false
  }
}
