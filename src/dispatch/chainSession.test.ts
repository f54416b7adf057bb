import { expect, test } from 'vitest'
import type { Mode } from '../domain/mode.ts'
import type { Signal } from '../domain/signal.ts'
import { refusal } from '../wire/encodeFailure.ts'
import { createChainSession } from './chainSession.ts'
import type { RequestKind } from './protocol.ts'
import type { Trader } from './trader.ts'

async function answer({
  mode = 'LIVE',
  kind = 'execute',
  trader = null,
}: {
  mode?: Mode
  kind?: RequestKind
  trader?: Trader | null
}) {
  const bodies: { code: string; sent?: string }[] = []
  const session = createChainSession({
    chainName: 'Polygon',
    mode,
    trader: () => trader,
    unavailable: () => null,
    paused: () => null,
    isKnown: (signalId) => signalId === 'known',
    channel: { settled: ({ answer }) => void bodies.push(JSON.parse(answer.body)) },
    refuse: (failure, { signalId }) => refusal({ failure, mode, signalId }),
    log: { error() {} },
  })
  session.take(
    ['known', 'new'].map((signalId, key) => ({ key, kind, signal: { signalId, chainId: 137 } as Signal })),
  )
  await session.settled()
  return bodies.map(({ code, sent }) => [code, sent])
}

test('a chain that is away cannot say of an id in its journal that nothing was sent', async () => {
  expect(await answer({})).toEqual([
    ['CHAIN_UNAVAILABLE', 'unknown'],
    ['CHAIN_UNAVAILABLE', 'no'],
  ])
  expect(await answer({ kind: 'simulate' })).toEqual([
    ['CHAIN_UNAVAILABLE', 'no'],
    ['CHAIN_UNAVAILABLE', 'no'],
  ])
})

test('after a bug it is not known whether anything was sent', async () => {
  const trader = { execute: () => Promise.reject(new Error('a bug')) } as unknown as Trader
  expect(await answer({ trader })).toEqual([
    ['INTERNAL', 'unknown'],
    ['INTERNAL', 'unknown'],
  ])
  expect(await answer({ trader, mode: 'PAPER' })).toEqual([
    ['INTERNAL', undefined],
    ['INTERNAL', undefined],
  ])
})
