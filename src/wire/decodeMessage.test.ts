import { describe, expect, test } from 'vitest'
import { decodeBatch } from './decodeBatch.ts'
import { decodeMessage } from './decodeMessage.ts'

describe('decodeMessage', () => {
  test.each<[object, object]>([
    [
      {
        type: 'subscribe',
        id: 7,
        channels: ['trades', 'updates', 'heads'],
        filter: { chain: [137, 1] },
        from_seq: 1043,
      },
      {
        type: 'subscribe',
        id: 7,
        channels: ['trades', 'updates', 'heads'],
        chainIds: [137, 1],
        fromSeq: 1043,
      },
    ],
    [
      { type: 'subscribe' },
      { type: 'subscribe', id: null, channels: ['trades'], chainIds: null, fromSeq: null },
    ],
    [
      { type: 'execute', id: 'a1', signal: { any: 3 } },
      { type: 'execute', id: 'a1', signal: { any: 3 } },
    ],
    [
      { type: 'simulate', signal: null },
      { type: 'simulate', id: null, signal: null },
    ],
    [
      { type: 'ping', id: 1 },
      { type: 'ping', id: 1 },
    ],
  ])('%o is understood', (json, value) => {
    expect(decodeMessage(json)).toEqual({ ok: true, value })
  })

  test.each<[unknown, string, object]>([
    [
      { type: 'shout', id: 3 },
      'A message needs a "type" of "subscribe", "execute", "simulate" or "ping", found "shout".',
      { id: 3 },
    ],
    [{ id: 'x' }, 'found an object without one', { id: 'x' }],
    [[], 'found an empty list without one', {}],
    [null, 'found null without one', {}],
    [{ type: 'ping', id: [1] }, 'id must be a string or a number, found a list.', { field: 'id' }],
    [
      { type: 'subscribe', id: 4, from_seq: '9' },
      'from_seq must be a sequence number, an integer, found "9".',
      { id: 4 },
    ],
    [
      { type: 'subscribe', filter: { chain: [0] } },
      'filter.chain[0] must be a chain id, a positive integer, found 0.',
      {},
    ],
    [{ type: 'subscribe', channels: new Array(100_000).fill(7) }, 'too long', {}],
  ])('%o is refused', (json, sentence, facts) => {
    expect(decodeMessage(json)).toMatchObject({
      ok: false,
      failure: { code: 'INVALID_MESSAGE', sentence: expect.stringContaining(sentence), facts },
    })
  })

  test('an unknown channel is named, with those there are', () => {
    expect(decodeMessage({ type: 'subscribe', id: 8, channels: ['trades', 'gossip'] })).toMatchObject({
      failure: {
        code: 'UNKNOWN_CHANNEL',
        sentence: 'There is no channel "gossip"; the channels are trades, updates, heads, control.',
        facts: { id: 8 },
      },
    })
  })
})

describe('decodeBatch', () => {
  test('hands on the signals unchecked', () => {
    expect(decodeBatch({ signals: [{ a: 1 }, 'bad'] })).toEqual({ ok: true, value: [{ a: 1 }, 'bad'] })
    expect(decodeBatch({ signals: Array(1_000).fill(0) }).ok).toBe(true)
  })
  test.each<[unknown, string]>([
    [[{}], 'INVALID_BATCH'],
    [null, 'INVALID_BATCH'],
    ['x', 'INVALID_BATCH'],
    [{}, 'INVALID_BATCH'],
    [{ signals: {} }, 'INVALID_BATCH'],
    [{ signals: [] }, 'INVALID_BATCH'],
    [{ signals: Array(1_001).fill(0) }, 'TOO_LARGE'],
  ])('%o is refused', (json, code) => {
    expect(decodeBatch(json)).toMatchObject({
      ok: false,
      failure: { code, sentence: expect.stringMatching(/\.$/) },
    })
  })
})
