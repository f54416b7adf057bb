import { expect, test } from 'vitest'
import type { Dispatcher } from '../dispatch/dispatcher.ts'
import type { RequestKind } from '../dispatch/protocol.ts'
import type { Metrics } from '../observability/metrics.ts'
import { createIntake } from './intake.ts'

test.each([
  ['execute', { signal_id: 'known' }, null, 'unknown'],
  ['execute', {}, 'known', 'unknown'],
  ['execute', { signal_id: 'new' }, null, 'no'],
  ['execute', {}, null, 'no'],
  ['simulate', { signal_id: 'known' }, null, 'no'],
] as const)(
  'a server that stops tells of %s %j with key %s: sent %s',
  (kind: RequestKind, json, key, sent) => {
    const dispatcher = { chainOf: (id: string) => (id === 'known' ? 137 : null) } as Dispatcher
    const intake = createIntake({
      mode: 'LIVE',
      chainIds: [137],
      dispatcher,
      metrics: {} as Metrics,
      onBug() {},
    })
    intake.refuseNew()
    let body = ''
    intake.take(kind, json, key, (answer) => {
      body = answer.body
    })
    expect(JSON.parse(body)).toMatchObject({ code: 'DRAINING', sent })
  },
)
