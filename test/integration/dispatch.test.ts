import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { callRpc } from '../../devnet/callRpc.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { CHAINS } from '../../src/config/chains.ts'
import { devnetProfile } from '../../src/config/devnetProfile.ts'
import { missingChain } from '../../src/dispatch/missingChain.ts'
import { createPiscinaDispatcher } from '../../src/dispatch/piscinaDispatcher.ts'
import type { Answer, ChainStatus, RequestKind } from '../../src/dispatch/protocol.ts'
import type { StoredEvent } from '../../src/eventlog/eventLog.ts'
import { decodeSignal, NO_SIGNAL_HEADERS } from '../../src/wire/decodeSignal.ts'
import { refusal } from '../../src/wire/encodeFailure.ts'
import { type RpcProxy, rewriteEach, startRpcProxy } from '../support/rpcProxy.ts'
import { sampleRequest } from '../support/sampleSignal.ts'
import { openTestLog } from '../support/testLog.ts'

const threadFile = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const REAL = threadFile('../../workers/chain.ts')
const CRASHING = threadFile('../support/crashingThread.ts')

let devnet: Devnet
let proxy: RpcProxy
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1, 10] })
  proxy = await startRpcProxy({ target: devnet.chains[0]?.rpc ?? '' })
})
afterAll(async () => {
  await proxy?.stop()
  await devnet?.stop()
})

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  proxy.interfere = null
  for (const stop of stops.splice(0)) await stop()
})

function signal(signalId: string, over: object = {}) {
  const decoded = decodeSignal({
    json: { ...sampleRequest, signal_id: signalId, ...over },
    headers: NO_SIGNAL_HEADERS,
    mode: 'PAPER',
    newSignalId: () => 'none',
  })
  if (!decoded.ok) throw new Error(decoded.failure.sentence)
  return decoded.value
}

/** Two chains: Ethereum behind the proxy, Optimism straight. */
async function start({
  thread = REAL,
  heapMbMax,
  queueMax = 100,
  rpcTimeoutMs = 5_000,
  headAgeMaxMs = null,
  endpoint = proxy.url,
  logOptions = {},
}: {
  thread?: string
  heapMbMax?: number
  queueMax?: number
  rpcTimeoutMs?: number
  headAgeMaxMs?: number | null
  endpoint?: string
  logOptions?: { unstoredBytesMax?: number; threadFile?: string }
} = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), 'titan-dispatch-'))
  const events: StoredEvent[] = []
  const statuses: ChainStatus[] = []
  const threadErrors: { chainId: number; error: unknown }[] = []
  const loopDelays = new Map<number, number>()
  const log = await openTestLog({
    path: join(dataDir, 'events.sqlite'),
    onMissing: (chainId, above) => dispatcher.resend(chainId, above),
    onBehind: (chainId) => dispatcher.behind(chainId),
    onCaughtUp: (chainId) => dispatcher.caughtUp(chainId),
    ...logOptions,
  })
  log.onStored((stored) => void events.push(...stored))
  const dispatcher = createPiscinaDispatcher({
    mode: 'PAPER',
    threads: [1, 10].map((chainId) => {
      const profile = CHAINS.find((chain) => chain.chainId === chainId)
      if (profile === undefined) throw new Error(`no chain ${chainId}`)
      const rpc = chainId === 1 ? endpoint : devnet.chains[1]?.rpc
      const chain = {
        ...devnetProfile(profile),
        endpoints: [rpc ?? ''],
        relays: [],
        sendOnly: [],
        headAgeIsSet: headAgeMaxMs !== null,
        headAgeMaxMs: headAgeMaxMs ?? profile.headAgeMaxMs,
        executor: null,
      }
      return {
        mode: 'PAPER',
        chain,
        embeddedDevnet: false,
        dataDir,
        rpcTimeoutMs,
        live: {
          laneInFlightMax: 1,
          laneWaitMs: 0,
          includedWaitMs: 100,
          tradeTtlMs: 600_000,
          minProfitShare: 50,
        },
        secrets: null,
        queueMax,
        logLevel: 'silent',
      } as const
    }),
    threadFile: thread,
    ...(heapMbMax !== undefined && { heapMbMax }),
    queueMax,
    log,
    refuse: (failure, { signalId }) => refusal({ failure, mode: 'PAPER', signalId }),
    missingChain: (chainId) => missingChain(CHAINS, chainId),
    events: {
      onStages: () => undefined,
      onRpc: () => undefined,
      onThreadLost: () => undefined,
      onThreadError: (chainId, error) => threadErrors.push({ chainId, error }),
      onEventLoopDelay: (chainId, seconds) => loopDelays.set(chainId, seconds),
    },
  })
  dispatcher.onStatus((status) => statuses.push(status))
  stops.push(async () => {
    await dispatcher.stop({ drainMs: 5_000, closeMs: 2_000 })
    await log.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  await dispatcher.probed()
  const submit = (signalId: string, over: object = {}, kind: RequestKind = 'execute') =>
    new Promise<Answer>((resolve) => dispatcher.submit(kind, signal(signalId, over), resolve))
  const ready = (chainId: number) =>
    new Promise<void>((resolve) => {
      const state = dispatcher.chains().find((chain) => chain.chainId === chainId)?.state
      if (state === 'ready') resolve()
      else
        dispatcher.onStatus((status) => status.chainId === chainId && status.state === 'ready' && resolve())
    })
  const chain = (chainId: number) => dispatcher.chains().find((each) => each.chainId === chainId)
  return { dispatcher, log, dataDir, submit, ready, chain, events, statuses, threadErrors, loopDelays }
}

const code = (answer: Answer) => JSON.parse(answer.body).code

describe('a chain thread that ends', () => {
  it('is started again alone, and what it had in flight is answered truthfully', async () => {
    const { submit, ready, dispatcher } = await start({ thread: CRASHING })
    const done = await submit('done-1')
    expect(done.success).toBe(true)

    proxy.interfere = ({ methods }) => (methods.includes('eth_call') ? { kind: 'hang' } : null)
    const hanging = submit('hanging-1')
    const onOther = Array.from({ length: 20 }, (_, index) => submit(`other-${index}`, { chainId: 10 }))
    const [lost, crashed] = await Promise.all([hanging, submit('crash-1')])
    expect([code(lost), lost.httpStatus, code(crashed)]).toEqual([
      'CHAIN_THREAD_LOST',
      503,
      'CHAIN_THREAD_LOST',
    ])
    expect((await Promise.all(onOther)).every((answer) => answer.success)).toBe(true)

    proxy.interfere = null
    await ready(1)
    expect(dispatcher.queueDepth(1)).toBe(0)
    // What was answered before the crash is answered again; what was lost runs now, under the same id.
    expect(await submit('done-1')).toMatchObject({ replayed: true, body: done.body })
    expect(await submit('hanging-1')).toMatchObject({ success: true, replayed: false })
    expect(dispatcher.totals().get(1)).toMatchObject({ totalSignals: 2, paperExecuted: 2 })
  })

  it('keeps the ids it had in flight until it has told what it did', async () => {
    const { submit, ready, dispatcher } = await start({ thread: CRASHING })
    proxy.interfere = ({ methods }) => (methods.includes('eth_call') ? { kind: 'hang' } : null)
    expect(dispatcher.inFlight('lost-1')).toBeNull()
    const elsewhere = submit('lost-1').then((lost) => {
      expect(code(lost)).toBe('CHAIN_THREAD_LOST')
      expect(dispatcher.inFlight('lost-1')).toBe(1)
      return submit('lost-1', { chainId: 10 })
    })
    expect(dispatcher.inFlight('lost-1')).toBe(1)
    await submit('crash-2')
    expect(code(await elsewhere)).toBe('SIGNAL_ID_CONFLICT')
    proxy.interfere = null
    await ready(1)
    // It had done nothing, so the id is free again.
    await expect.poll(() => dispatcher.inFlight('lost-1')).toBeNull()
    expect(await submit('lost-1', { chainId: 10 })).toMatchObject({ success: true })
  })

  it.each([
    ['throw-1', Error, 'a bug at https://node.example/v2/s3cret', 'a bug at https://node.example'],
    ['reject-1', TypeError, 'nobody waits for this', 'nobody waits for this'],
  ])(
    'says what ended it, in the log with its stack and in its reason: %s',
    async (id, kind, message, told) => {
      const { submit, ready, statuses, threadErrors } = await start({ thread: CRASHING })
      // Nothing of the signal may be under way when the thread ends: tasks are acknowledged at once.
      await submit(id)
      await expect.poll(() => threadErrors.length, { timeout: 20_000 }).toBe(1)
      const [{ chainId, error }] = threadErrors as [{ chainId: number; error: Error }]
      expect(chainId).toBe(1)
      expect(error).toBeInstanceOf(kind)
      expect(error.message).toBe(message)
      expect(error.stack).toContain('crashingThread.ts')
      expect(statuses.map(({ reason }) => reason)).toContain(
        `Ethereum is being restarted: its thread ended: ${told}.`,
      )
      await ready(1)
      expect(await submit('after-the-crash')).toMatchObject({ success: true })
      expect(threadErrors).toHaveLength(1)
    },
  )

  it('stands still: what would wait behind it is refused, and its chain says why', async () => {
    const { submit, chain } = await start({ thread: CRASHING })
    void submit('hang-1')
    await expect.poll(() => chain(1)?.state, { timeout: 40_000 }).toBe('unavailable')
    const reason = 'Ethereum does not answer: its thread stands still, or its disk does.'
    expect(chain(1)?.reason).toBe(reason)
    expect((await submit('behind-it')).refused).toBe('CHAIN_UNAVAILABLE')
    expect(await submit('beside-it', { chainId: 10 })).toMatchObject({ success: true })
  })

  it('for want of memory ends alone, and says so (1.11)', async () => {
    const { submit, ready, chain, threadErrors } = await start({ thread: CRASHING, heapMbMax: 96 })
    await submit('leak-1')
    await expect.poll(() => threadErrors.length, { timeout: 30_000 }).toBe(1)
    expect(threadErrors).toMatchObject([{ chainId: 1, error: { code: 'ERR_WORKER_OUT_OF_MEMORY' } }])
    expect(chain(1)?.reason).toMatch(/^Ethereum is being restarted: its thread ended: .*memory/)
    expect(await submit('after-it', { chainId: 10 })).toMatchObject({ success: true })
    await ready(1)
    expect(await submit('free-of-it')).toMatchObject({ success: true })
  })

  it('again and again is started after pauses that grow', async () => {
    const { submit, ready } = await start({ thread: CRASHING })
    const restartedAfterMs: number[] = []
    for (let index = 0; index < 5; index++) {
      await submit(`crash-again-${index}`)
      const lostAtMs = performance.now()
      await ready(1)
      restartedAfterMs.push(performance.now() - lostAtMs)
    }
    // 0.1 s, doubled each time; the quickest of the first, since a loaded machine makes any of them slow.
    const quickest = Math.min(...restartedAfterMs.slice(0, 3))
    expect((restartedAfterMs.at(-1) ?? 0) - quickest).toBeGreaterThan(500)
  })
})

it('a thread that cannot begin tells why, each time it is tried again, and leaves its journal free', async () => {
  const { statuses, chain } = await start({ endpoint: 'http://us%zz:pw@127.0.0.1:1' })
  const reasons = () => statuses.filter(({ chainId }) => chainId === 1).map(({ reason }) => reason)
  await expect.poll(() => reasons().length, { timeout: 30_000 }).toBeGreaterThan(2)
  expect(new Set(reasons())).toEqual(
    new Set(['Ethereum is being restarted: it cannot start: URI malformed.']),
  )
  expect(chain(10)?.state).toBe('ready')
})

it('tells at the end of a stop that the outcome is not known, and of a simulation that there is none (1.29)', async () => {
  const { submit, dispatcher } = await start({ thread: CRASHING })
  const answers = Promise.all([submit('hang-1'), submit('asked-1', {}, 'simulate')])
  await dispatcher.stop({ drainMs: 50, closeMs: 50 })
  const [executed, simulated] = (await answers).map(({ body }) => JSON.parse(body))
  expect(executed).toMatchObject({
    success: false,
    code: 'DRAINING',
    retryable: true,
    signal_id: 'hang-1',
  })
  expect(executed.error).toMatch(/may have been executed/)
  expect(simulated).toMatchObject({ code: 'DRAINING', retryable: true, facts: { sent: 'no' } })
  expect(simulated.error).toBe('The server stopped before the simulation was done.')
})

describe('a chain whose node', () => {
  it('stands still answers, and nothing is simulated until a young block comes', async () => {
    const node = devnet.chains[0]?.rpc ?? ''
    const { submit, chain } = await start({ headAgeMaxMs: 5_000 })
    const simulated = () => submit('old-simulate', {}, 'simulate')
    await expect.poll(() => simulated().then(code), { timeout: 30_000 }).toBe('STALE_NODE')
    const refused = await submit('old-execute')
    expect([code(refused), refused.httpStatus]).toEqual(['STALE_NODE', 503])
    await expect.poll(() => chain(1)?.stale, { timeout: 30_000 }).toMatch(/^The newest block of all RPC/)
    expect(chain(1)?.headAgeMs).toSatisfy(Number.isSafeInteger)
    expect(JSON.parse(refused.body).retryable).toBe(true)
    await expect
      .poll(() => chain(1)?.endpoints, { timeout: 30_000 })
      .toMatchObject([{ state: 'behind', healthy: true }])
    const minedThen = async (answer: () => Promise<Answer>) => {
      await callRpc({ rpc: node, method: 'anvil_mine', params: ['0x1'], timeoutMs: 20_000 })
      return (await answer()).success
    }
    const executed = () => submit('old-execute')
    for (const answer of [simulated, executed])
      await expect.poll(() => minedThen(answer), { timeout: 30_000, interval: 500 }).toBe(true)
  })

  it('is dead is unavailable soon, says why, and is ready soon after the node is back', async () => {
    const { submit, ready, chain, statuses } = await start()
    const { host } = new URL(proxy.url)
    proxy.interfere = () => ({ kind: 'drop' })
    expect(code(await submit('dead-1'))).toBe('NODE_UNAVAILABLE')
    await expect.poll(() => chain(1)?.state, { timeout: 20_000 }).toBe('unavailable')
    const reason = `No RPC endpoint of Ethereum is well. ${host}: It closed the connection before it answered.`
    expect(chain(1)).toMatchObject({ reason, executor: { deployed: false }, head: expect.any(Number) })
    expect(JSON.parse((await submit('dead-2')).body)).toMatchObject({
      code: 'CHAIN_UNAVAILABLE',
      error: reason,
    })
    expect(await submit('dead-3', { chainId: 10 })).toMatchObject({ success: true })

    // Over several probes that fail the words stay the same: whoever logs changes logs one.
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    const told = statuses.filter(({ chainId, state }) => chainId === 1 && state === 'unavailable')
    expect(told.length).toBeGreaterThan(1)
    expect(new Set(told.map((status) => status.reason)).size).toBe(1)

    proxy.interfere = null
    const backAtMs = performance.now()
    await ready(1)
    expect(performance.now() - backAtMs).toBeLessThan(30_000)
    expect(await submit('dead-1')).toMatchObject({ success: true, replayed: false })
  })

  it('loses a poll just before it reports is ready all the same', async () => {
    const { submit, statuses } = await start()
    statuses.length = 0
    const ofEthereum = () => statuses.filter(({ chainId }) => chainId === 1)
    const isIll = () => ofEthereum().some(({ endpoints }) => endpoints[0]?.healthy === false)
    proxy.interfere = ({ methods }) =>
      methods.includes('eth_getBlockByNumber') && !isIll() ? { kind: 'drop' } : null
    await expect.poll(isIll, { timeout: 20_000 }).toBe(true)
    await expect.poll(() => ofEthereum().at(-1)?.endpoints[0]?.healthy, { timeout: 20_000 }).toBe(true)
    expect(new Set(ofEthereum().map(({ state }) => state))).toEqual(new Set(['ready']))
    expect(await submit('through-1')).toMatchObject({ success: true })
  })

  it('comes back with another chain is unavailable and says so', async () => {
    const { submit, ready, chain } = await start()
    proxy.interfere = () => ({ kind: 'drop' })
    expect(code(await submit('other-chain-1'))).toBe('NODE_UNAVAILABLE')
    proxy.interfere = rewriteEach((reply, { method }) =>
      method === 'eth_chainId' ? { ...reply, result: '0xa' } : null,
    )
    await expect
      .poll(() => chain(1)?.reason, { timeout: 20_000 })
      .toContain('It serves chain 10, not chain 1.')
    expect(chain(1)?.state).toBe('unavailable')
    proxy.interfere = null
    await ready(1)
    expect(await submit('other-chain-1')).toMatchObject({ success: true })
  })

  it('hangs from the start holds up its own chain only', async () => {
    proxy.interfere = () => ({ kind: 'hang' })
    const { submit, chain } = await start({ rpcTimeoutMs: 120_000 })
    expect([chain(1)?.state, chain(10)?.state]).toEqual(['starting', 'ready'])
    expect(code(await submit('early-1'))).toBe('CHAIN_UNAVAILABLE')
    expect(await submit('early-2', { chainId: 10 })).toMatchObject({ success: true })
  })

  it('is well tells how much its thread was held up', async () => {
    const { loopDelays } = await start()
    await expect
      .poll(() => [...loopDelays.keys()].toSorted((a, b) => a - b), { timeout: 30_000 })
      .toEqual([1, 10])
    for (const seconds of loopDelays.values()) expect(seconds).toBeGreaterThan(0)
  })
})

describe('answers', () => {
  it('leave as soon as each is ready: a slow signal delays neither its chain nor another', async () => {
    const { submit } = await start()
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const slowAmount = BigInt(1_234_567_890).toString(16).padStart(64, '0')
    proxy.interfere = ({ body }) => (body.includes(slowAmount) ? { kind: 'hold', until: held } : null)
    const order: string[] = []
    const slow = submit('slow-1', { amount: '1234567890' }).then((answer) => {
      order.push('slow')
      return answer
    })
    await Promise.all([
      submit('quick-1').then(() => order.push('same chain')),
      submit('quick-2', { chainId: 10 }).then(() => order.push('other chain')),
    ])
    expect(order).not.toContain('slow')
    release()
    expect((await slow).success).toBe(true)
    expect(order.at(-1)).toBe('slow')
  })

  it('to signals above the queue limit are refusals at once, and the accepted ones are all answered', async () => {
    const { submit } = await start({ queueMax: 5 })
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => submit(`many-${index}`, {}, 'simulate')),
    )
    expect(answers.map((answer) => (answer.success ? 'ok' : code(answer)))).toEqual([
      ...Array(5).fill('ok'),
      ...Array(7).fill('OVERLOADED'),
    ])
    expect(answers[11]?.httpStatus).toBe(503)
    expect((await submit('after-1')).success).toBe(true)
  })

  it('to an unconfigured chain begin with the documented words', async () => {
    const { submit } = await start()
    const answer = await submit('nowhere-1', { chainId: 137 })
    expect([answer.httpStatus, JSON.parse(answer.body).error]).toEqual([
      422,
      'Chain 137 not configured: Polygon has no RPC endpoint.',
    ])
  })
})

describe('an id', () => {
  it('belongs to the chain that has it in flight or executed it', async () => {
    const { submit } = await start()
    const [first, elsewhere] = await Promise.all([submit('mine-1'), submit('mine-1', { chainId: 10 })])
    expect(first.success).toBe(true)
    expect(code(elsewhere)).toBe('SIGNAL_ID_CONFLICT')
    expect(code(await submit('mine-1', { chainId: 10 }))).toBe('SIGNAL_ID_CONFLICT')
  })

  it('stays with its chain while one of two signals that have it is in flight', async () => {
    const { submit } = await start()
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    proxy.interfere = ({ methods }) => (methods.includes('eth_call') ? { kind: 'hold', until: held } : null)
    const first = submit('twice-1')
    expect(code(await submit('twice-1'))).toBe('IN_FLIGHT')
    expect(code(await submit('twice-1', { chainId: 10 }))).toBe('SIGNAL_ID_CONFLICT')
    release()
    expect(await first).toMatchObject({ success: true })
  })

  it('of a signal whose node does not answer may be sent again', async () => {
    const { submit, events } = await start()
    proxy.interfere = ({ methods }) =>
      methods.includes('eth_call') ? { kind: 'answer', status: 502, body: 'bad gateway' } : null
    const failed = await submit('again-1')
    expect([code(failed), failed.httpStatus]).toEqual(['NODE_UNAVAILABLE', 502])
    expect(events.filter(({ signalId }) => signalId === 'again-1')).toEqual([])
    proxy.interfere = null
    await expect.poll(async () => (await submit('again-1')).success, { timeout: 30_000 }).toBe(true)
    await expect.poll(() => events.filter(({ signalId }) => signalId === 'again-1')).toHaveLength(1)
  })
})

describe('an event log', () => {
  it('that cannot keep up stops signals before memory grows, and heals with nothing lost (1.22)', async () => {
    const { submit, ready, dispatcher, log, dataDir, events } = await start({
      logOptions: { unstoredBytesMax: 500 },
    })
    await ready(1)
    await expect.poll(() => dispatcher.unheard()).toEqual([])
    const db = new DatabaseSync(join(dataDir, 'events.sqlite'))
    db.exec(
      `CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`,
    )
    expect((await submit('kept-1')).success).toBe(true)
    const refused = await submit('refused-1')
    expect([code(refused), refused.httpStatus]).toEqual(['JOURNAL_UNAVAILABLE', 503])
    expect(JSON.parse(refused.body).error).toMatch(/events wait to be written, as many as the server keeps/)
    expect((await submit('asked-1', {}, 'simulate')).success).toBe(true)
    db.exec('DROP TRIGGER full')
    db.close()
    await expect.poll(() => log.full(), { timeout: 20_000 }).toBeNull()
    expect((await submit('next-1')).success).toBe(true)
    await expect.poll(() => events.map(({ signalId }) => signalId)).toEqual(['kept-1', 'next-1'])
  })

  it('whose thread is away cannot tell whose an id is: that id waits, and new ones go on', async () => {
    const { submit, dispatcher, log } = await start({
      logOptions: { threadFile: threadFile('../support/crashingLogThread.ts') },
    })
    await expect.poll(() => dispatcher.unheard()).toEqual([])
    const done = await submit('done-1')
    await submit('crash-before')
    await expect.poll(() => log.failing(), { timeout: 20_000 }).toMatch(/is being started again/)
    const asked = await submit('done-1', { chainId: 10 })
    expect([code(asked), JSON.parse(asked.body).retryable]).toEqual(['JOURNAL_UNAVAILABLE', true])
    expect((await submit('new-1')).success).toBe(true)
    expect(done.success).toBe(true)
  })
})
