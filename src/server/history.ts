import { LIMITS } from '../config/limits.ts'
import type { Dispatcher } from '../dispatch/dispatcher.ts'
import type { Mode } from '../domain/mode.ts'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import { thrownText } from '../errors/thrown.ts'
import type { EventLog, TradeQuery } from '../eventlog/eventLog.ts'
import { encodeInFlight } from '../wire/encodeInFlight.ts'
import { encodedReply, jsonReply, locationOf, type ServerReply, type ServerRequest } from './httpMessage.ts'
import { tradesCsv } from './tradesCsv.ts'

const PAGE_ROWS = 100

/**
 * The reading endpoints of the event log. Errors: INVALID_QUERY, TRADE_NOT_FOUND, and JOURNAL_UNAVAILABLE
 * while executed trades wait to be written: what is read then may be old, or missing although it exists.
 */
export function createHistory({
  mode,
  events,
  dispatcher,
}: {
  mode: Mode
  events: Pick<EventLog, 'epoch' | 'lastSeq' | 'oldestSeq' | 'read' | 'trade' | 'trades' | 'failing'>
  dispatcher: Pick<Dispatcher, 'inFlight' | 'unheard'>
}) {
  async function readWhole<T>(reading: Promise<T>): Promise<Result<T>> {
    try {
      const found = await reading
      const problem = events.failing()
      return problem === null ? succeed(found) : fail(failure('JOURNAL_UNAVAILABLE', problem))
    } catch (error) {
      const why = events.failing() ?? `The event log cannot be read: ${thrownText(error)}.`
      return fail(failure('JOURNAL_UNAVAILABLE', why))
    }
  }

  return {
    /**
     * `GET /trades`: a page of executions, each as its newest event says, the one that changed last at the
     * end; `next` is the `from` of the next page, null at the end.
     */
    async trades({ query, accept }: ServerRequest): Promise<Result<ServerReply>> {
      const parameters = readQuery(query, ['chain', 'outcome', 'from', 'limit', 'format'])
      if (!parameters.ok) return parameters
      const { chain, outcome, from, limit, format } = parameters.value
      const page = readPage({ from, limit, fromName: 'from' })
      if (!page.ok) return page
      const chainId = readInteger('chain', chain, 1, Number.MAX_SAFE_INTEGER)
      if (!chainId.ok) return chainId
      if (outcome !== undefined && outcome !== 'filled' && outcome !== 'failed' && outcome !== 'open')
        return refuse('outcome', outcome, 'filled, failed or open')
      if (format !== undefined && format !== 'json' && format !== 'csv')
        return refuse('format', format, 'json or csv')
      // One row more than asked for tells whether there is a next page.
      const wanted: TradeQuery = {
        chainId: chainId.value,
        outcome: outcome ?? null,
        fromSeq: page.value.from,
        limit: page.value.limit + 1,
      }
      const found = await readWhole(events.trades(wanted))
      if (!found.ok) return found
      const rows = found.value.slice(0, page.value.limit)
      const next = found.value[page.value.limit]?.seq ?? null
      if (format === 'csv' || (format === undefined && /\btext\/csv\b/i.test(accept))) {
        return succeed({
          status: 200,
          contentType: 'text/csv; charset=utf-8',
          headers: [
            ['Content-Disposition', 'attachment; filename="trades.csv"'],
            ['Cache-Control', 'no-store'],
            ...(next === null ? [] : [['X-Next-From', String(next)] as const]),
          ],
          body: tradesCsv(rows),
        })
      }
      return succeed(jsonReply(`{"trades":${jsonArray(rows)},"next":${next}}`))
    },

    /**
     * `GET /trades/{signal_id}`: the newest event of one execution, or 202 for a signal that is being worked
     * on and has none yet. It is told to be missing only when it certainly is.
     */
    async trade(encodedId: string): Promise<Result<ServerReply>> {
      const signalId = decodeSegment(encodedId)
      // Before the log is asked: what is in flight no more was given to it before this question.
      const chainId = signalId === null ? null : dispatcher.inFlight(signalId)
      const [unheard] = dispatcher.unheard()
      const found = await readWhole(signalId === null ? Promise.resolve(null) : events.trade(signalId))
      if (!found.ok) return found
      if (found.value !== null) return succeed(jsonReply(found.value.json))
      if (signalId !== null && chainId !== null)
        return succeed(
          encodedReply({
            status: 202,
            body: encodeInFlight({ signalId, chainId, mode }),
            headers: [['Cache-Control', 'no-store'], locationOf(signalId)],
          }),
        )
      if (unheard !== undefined) {
        const why = unheard.reason === null ? '' : ` ${unheard.reason}`
        return fail(failure('JOURNAL_UNAVAILABLE', `The journal of ${unheard.name} was not read yet.${why}`))
      }
      const sentence = `No execution with signal_id "${(signalId ?? encodedId).slice(0, LIMITS.signalIdCharsMax)}" is journaled.`
      return fail(failure('TRADE_NOT_FOUND', sentence))
    },

    /**
     * `GET /events`: the log from `from_seq` (the oldest kept event when absent), and where to go on. `gap`
     * when that is not what was asked for: events from `from_seq` on are not kept any more, are not there yet
     * (the log's file was put back to an older state), or belong to another log than that of `epoch`.
     */
    async page({ query }: ServerRequest): Promise<Result<ServerReply>> {
      const parameters = readQuery(query, ['from_seq', 'limit', 'epoch'])
      if (!parameters.ok) return parameters
      const page = readPage({
        from: parameters.value.from_seq,
        limit: parameters.value.limit,
        fromName: 'from_seq',
      })
      if (!page.ok) return page
      const { from, limit } = page.value
      const isOther = parameters.value.epoch !== undefined && parameters.value.epoch !== events.epoch()
      const fromSeq = isOther ? 0 : from
      const found = await readWhole(events.read({ fromSeq, limit, chainIds: null, withNewest: true }))
      if (!found.ok) return found
      const end = events.lastSeq() + 1
      const gap = isOther || (from > 0 && found.value.fromSeq > from) || from > end
      const nextSeq = Math.min(found.value.nextSeq, end)
      const body = `{"events":${jsonArray(found.value.events)},"next_seq":${nextSeq},"oldest":${events.oldestSeq()},"gap":${gap},"epoch":"${events.epoch()}"}`
      return succeed(jsonReply(body))
    },
  }
}

const jsonArray = (rows: readonly { readonly json: string }[]) =>
  `[${rows.map(({ json }) => json).join(',')}]`

/**
 * The parameters of a query. An unknown or repeated name is refused: a misspelt filter would otherwise return
 * everything.
 */
function readQuery<Name extends string>(
  query: string,
  names: readonly Name[],
): Result<Partial<Record<Name, string>>> {
  const values: Partial<Record<Name, string>> = {}
  for (const [key, value] of new URLSearchParams(query)) {
    const name = names.find((known) => known === key)
    if (name === undefined) {
      const sentence = `There is no query parameter "${key.slice(0, 40)}"; known are ${names.join(', ')}.`
      return fail(failure('INVALID_QUERY', sentence))
    }
    if (values[name] !== undefined)
      return fail(failure('INVALID_QUERY', `The query parameter ${name} is given twice.`))
    values[name] = value
  }
  return succeed(values)
}

function readPage({
  from,
  limit,
  fromName,
}: {
  from: string | undefined
  limit: string | undefined
  fromName: string
}): Result<{ from: number; limit: number }> {
  const first = readInteger(fromName, from, 0, Number.MAX_SAFE_INTEGER)
  if (!first.ok) return first
  const rows = readInteger('limit', limit, 1, LIMITS.pageRowsMax)
  if (!rows.ok) return rows
  return succeed({ from: first.value ?? 0, limit: rows.value ?? PAGE_ROWS })
}

function readInteger(
  name: string,
  text: string | undefined,
  min: number,
  max: number,
): Result<number | null> {
  if (text === undefined) return succeed(null)
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value) && value >= min && value <= max) return succeed(value)
  const range =
    max === Number.MAX_SAFE_INTEGER ? `an integer from ${min}` : `an integer from ${min} to ${max}`
  return refuse(name, text, range)
}

function refuse(name: string, text: string, expected: string) {
  const sentence = `The query parameter ${name} must be ${expected}, found "${text.slice(0, 40)}".`
  return fail(failure('INVALID_QUERY', sentence))
}

function decodeSegment(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
