import { CODES, type CodeEntry } from '../errors/codes.ts'
import { failure, type Result } from '../errors/failure.ts'
import { batchSignalId } from '../wire/batchSignalId.ts'
import { decodeBatch } from '../wire/decodeBatch.ts'
import { readSignalId, refuseIdempotencyKey } from '../wire/decodeSignal.ts'
import type { Control } from './control.ts'
import { ENDPOINTS, findPath, methodsOf } from './endpoints.ts'
import type { createHistory } from './history.ts'
import {
  answerReply,
  encodedReply,
  jsonReply,
  problemReply,
  retryAfterS,
  type ServerReply,
  type ServerRequest,
} from './httpMessage.ts'
import type { Intake } from './intake.ts'
import { answerJsonRpc, PRODUCT } from './jsonRpcCourtesy.ts'
import { parseBody } from './parseBody.ts'
import { health, type ReportSources, readiness, stats } from './reports.ts'

export type Respond = (reply: ServerReply) => void

/**
 * Answers requests without knowing of sockets: `respond` is called, perhaps before this returns, and what it
 * is given after the first reply is dropped. Never throws.
 */
export type Handle = (request: ServerRequest, respond: Respond) => void

export function createHandle({
  intake,
  history,
  control,
  sources,
  metricsText,
  answerBug,
}: {
  intake: Intake
  history: ReturnType<typeof createHistory>
  control: Control
  sources: ReportSources
  metricsText: () => Promise<{ contentType: string; text: string }>
  answerBug: (error: unknown) => ServerReply
}): Handle {
  const { mode } = sources
  const index = JSON.stringify({ name: PRODUCT, mode, endpoints: ENDPOINTS })

  function route(request: ServerRequest, respond: Respond) {
    const path = findPath(request.path)
    if (path === null) return respond(notFound(request.path))
    const methods = methodsOf(path)
    if (!methods.includes(request.method)) return respond(methodNotAllowed(request.method, path, methods))
    if (request.method === 'OPTIONS') return respond(allowed(methods))
    if (SIGNAL_PATHS.has(path) && request.query !== '') return respond(queryBesideSignal(path))
    switch (path) {
      case '/execute':
        return takeOne('execute', request, respond)
      case '/simulate':
        return takeOne('simulate', request, respond)
      case '/execute/batch':
        return takeBatch(request, respond)
      case '/health':
        return respond(jsonReply(JSON.stringify(health(sources, isVerbose(request)))))
      case '/stats':
        return respond(jsonReply(JSON.stringify(stats(sources))))
      case '/trades':
        return respondLater(history.trades(request), respond)
      case '/trades/{signal_id}':
        return respondLater(history.trade(request.path.slice('/trades/'.length)), respond)
      case '/events':
        return respondLater(history.page(request), respond)
      case '/control/pause':
      case '/control/resume':
      case '/control/cancel':
      case '/control/abandon':
      case '/control/speed-up':
      case '/control/log':
        return takeControl(path, request, respond)
      case '/errors/{code}':
        return respond(explainCode(request.path.slice('/errors/'.length)))
      case '/livez':
        return respond(jsonReply('{"live":true}'))
      case '/readyz': {
        const { ready, body } = readiness(sources, isVerbose(request))
        return respond({
          ...jsonReply(JSON.stringify(body), ready ? 200 : 503),
          ...(!ready && { headers: [['Retry-After', String(retryAfterS(intake.draining()?.code ?? null))]] }),
        })
      }
      case '/metrics':
        metricsText().then(
          ({ contentType, text }) => respond({ status: 200, contentType, headers: [], body: text }),
          (error) => respond(answerBug(error)),
        )
        return
      case '/':
        return request.method === 'POST' ? answerNode(request, respond) : respond(jsonReply(index))
      default:
        throw new Error(`The endpoint ${path} is listed but not answered.`)
    }
  }

  function takeOne(kind: 'execute' | 'simulate', { body, signalHeaders }: ServerRequest, respond: Respond) {
    const json = parseBody(body)
    if (!json.ok) return respond(problemReply({ failure: json.failure, mode }))
    intake.take(kind, json.value, signalHeaders, (answer, signalId) => respond(answerReply(answer, signalId)))
  }

  /** One result per signal, in order. */
  function takeBatch({ body, signalHeaders }: ServerRequest, respond: Respond) {
    const { idempotencyKey } = signalHeaders
    // With a place behind it, a key that is none would become an id.
    const badKey = refuseIdempotencyKey(idempotencyKey)
    if (badKey !== null) return respond(problemReply({ failure: badKey, mode }))
    const json = parseBody(body)
    const batch = json.ok ? decodeBatch(json.value) : json
    if (!batch.ok) return respond(problemReply({ failure: batch.failure, mode }))
    const signals = batch.value
    const keyOf = (signal: unknown, place: number) => batchSignalId({ key: idempotencyKey, place, signal })
    const stopping = intake.refuseBatch(() =>
      signals.map((signal, place) => keyOf(signal, place) ?? readSignalId(signal)),
    )
    if (stopping !== null) return respond(problemReply({ failure: stopping, mode }))
    const results = new Array<string>(signals.length)
    let missing = signals.length
    let succeeded = 0
    signals.forEach((signal, place) => {
      const headers = { ...signalHeaders, idempotencyKey: keyOf(signal, place) }
      intake.take('execute', signal, headers, (answer) => {
        results[place] = answer.body
        if (answer.success) succeeded++
        if (--missing > 0) return
        const total = results.length
        const head = `{"total":${total},"succeeded":${succeeded},"failed":${total - succeeded}`
        respond(encodedReply({ status: 200, body: `${head},"results":[${results.join(',')}]}` }))
      })
    })
  }

  function takeControl(path: keyof typeof CONTROL_ACTIONS, request: ServerRequest, respond: Respond) {
    const { body, source } = request
    const refusal = source === null ? null : control.refusal(source)
    if (source === null || refusal !== null) {
      const reason = refusal ?? failure('FORBIDDEN_REMOTE', 'It is not known from where the command came.')
      return respond(problemReply({ failure: reason, mode }))
    }
    const action = CONTROL_ACTIONS[path]
    const json = action === null ? null : parseBody(body)
    if (json?.ok === false) return respond(problemReply({ failure: json.failure, mode }))
    const answer = action === null ? control.log(request) : control.give(action, json?.value, source)
    respondLater(answer, respond)
  }

  function answerNode({ body }: ServerRequest, respond: Respond) {
    const json = parseBody(body)
    respond(json.ok ? jsonReply(answerJsonRpc(json.value)) : problemReply({ failure: json.failure, mode }))
  }

  function respondWith(result: Result<ServerReply>, respond: Respond) {
    respond(result.ok ? result.value : problemReply({ failure: result.failure, mode }))
  }

  function respondLater(answer: Promise<Result<ServerReply>>, respond: Respond) {
    answer.then(
      (result) => respondWith(result, respond),
      (error) => respond(answerBug(error)),
    )
  }

  /** What the `type` of every problem points to. */
  function explainCode(name: string): ServerReply {
    const found = Object.entries<CodeEntry>(CODES).find(([code]) => code === name)
    if (found !== undefined) return jsonReply(JSON.stringify({ code: found[0], ...found[1] }))
    const sentence = `There is no code ${JSON.stringify(name.slice(0, 60))}.`
    return problemReply({ failure: failure('NOT_FOUND', sentence, { codes: Object.keys(CODES) }), mode })
  }

  /** Whatever it was meant to say of a signal (`?mode=PAPER`) would not be heeded. */
  function queryBesideSignal(path: string): ServerReply {
    const sentence = `${path} takes no query parameters; what is said of a signal stands in the signal.`
    return problemReply({ failure: failure('INVALID_QUERY', sentence), mode })
  }

  function notFound(path: string): ServerReply {
    const endpoints = ENDPOINTS.map((endpoint) => `${endpoint.method} ${endpoint.path}`)
    return problemReply({
      failure: failure('NOT_FOUND', `There is no endpoint ${path.slice(0, 100)}.`, { endpoints }),
      mode,
    })
  }

  function methodNotAllowed(method: string, path: string, methods: readonly string[]): ServerReply {
    const sentence = `${path} does not take ${method.slice(0, 20)}; it takes ${methods.join(', ')}.`
    return problemReply({
      failure: failure('METHOD_NOT_ALLOWED', sentence, { allowed: methods }),
      mode,
      headers: [['Allow', methods.join(', ')]],
    })
  }

  return (request, respond) => {
    try {
      route(request, respond)
    } catch (error) {
      respond(answerBug(error))
    }
  }
}

const SIGNAL_PATHS: ReadonlySet<string> = new Set(['/execute', '/execute/batch', '/simulate'])

/** Null is the log of them. */
const CONTROL_ACTIONS = {
  '/control/pause': 'pause',
  '/control/resume': 'resume',
  '/control/cancel': 'cancel',
  '/control/abandon': 'abandon',
  '/control/speed-up': 'speed_up',
  '/control/log': null,
} as const

const isVerbose = ({ query }: ServerRequest) => new URLSearchParams(query).has('verbose')

const allowed = (methods: readonly string[]): ServerReply => ({
  status: 204,
  contentType: '',
  headers: [['Allow', methods.join(', ')]],
  body: '',
})
