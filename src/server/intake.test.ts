import { expect, test } from 'vitest'
import { sampleRequest } from '../../test/support/sampleSignal.ts'
import type { Dispatcher } from '../dispatch/dispatcher.ts'
import type { RequestKind } from '../dispatch/protocol.ts'
import type { Metrics } from '../observability/metrics.ts'
import { NO_SIGNAL_HEADERS } from '../wire/decodeSignal.ts'
import { createIntake } from './intake.ts'

const SILENT = { isLevelEnabled: () => false, debug: () => undefined }

test.each([
  ['execute', { signal_id: 'known' }, null, 'unknown'],
  ['execute', {}, 'known', 'unknown'],
  ['execute', { signal_id: 'new' }, null, 'no'],
  ['execute', {}, null, 'no'],
  ['simulate', { signal_id: 'known' }, null, 'no'],
] as const)(
  'a server that stops tells of %s %j with key %s: sent %s',
  (kind: RequestKind, json, key, sent) => {
    const dispatcher = { mayKnow: (id: string): boolean => id === 'known' } as Dispatcher
    const intake = createIntake({
      mode: 'LIVE',
      chainIds: [137],
      dispatcher,
      counts: { count: () => undefined },
      metrics: {} as Metrics,
      logger: SILENT,
      onBug() {},
    })
    intake.refuseNew()
    let body = ''
    intake.take(kind, json, { idempotencyKey: key, executionMode: null }, (answer) => {
      body = answer.body
    })
    expect(JSON.parse(body)).toMatchObject({ code: 'DRAINING', sent })
  },
)

test('a refusal of a LIVE id that is known never says that nothing of it was sent, whatever the reason', () => {
  const intake = createIntake({
    mode: 'LIVE',
    chainIds: [137],
    dispatcher: { mayKnow: (id: string): boolean => id === 'known' } as Dispatcher,
    counts: { count: () => undefined },
    metrics: { signalReceived: () => undefined } as Partial<Metrics> as Metrics,
    logger: SILENT,
    onBug() {},
  })
  const told = (json: unknown) => {
    let body = ''
    intake.take('execute', json, NO_SIGNAL_HEADERS, (answer) => {
      body = answer.body
    })
    const { code, sent } = JSON.parse(body)
    return [code, sent]
  }
  const paper = { ...sampleRequest, mode: 'PAPER' }
  expect(told({ ...paper, signal_id: 'new' })).toEqual(['MODE_MISMATCH', 'no'])
  expect(told({ ...paper, signal_id: 'known' })).toEqual(['MODE_MISMATCH', 'unknown'])
  expect(told({ ...sampleRequest, amount: '0', signal_id: 'known' })).toEqual(['INVALID_AMOUNT', 'unknown'])
})

test('after a bug it is not known what of a LIVE signal was sent', () => {
  const intake = createIntake({
    mode: 'LIVE',
    chainIds: [1],
    dispatcher: {
      submit(): void {
        throw new Error('after it was handed on')
      },
    } as Partial<Dispatcher> as Dispatcher,
    counts: { count: () => undefined },
    metrics: { signalReceived: () => undefined } as Partial<Metrics> as Metrics,
    logger: SILENT,
    onBug() {},
  })
  let body = ''
  intake.take('execute', sampleRequest, NO_SIGNAL_HEADERS, (answer) => {
    body = answer.body
  })
  expect(JSON.parse(body)).toMatchObject({ code: 'INTERNAL', sent: 'unknown' })
})
