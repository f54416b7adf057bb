import { describe, expect, it } from 'vitest'
import type { Address } from '../domain/signal.ts'
import { failure } from '../errors/failure.ts'
import type { RpcOutcome } from '../nodes/rpc.ts'
import { createLaneBalances } from './laneBalances.ts'

const ONE: Address = `0x${'11'.repeat(20)}`
const TWO: Address = `0x${'22'.repeat(20)}`
const DOWN: RpcOutcome = {
  ok: false,
  kind: 'transport',
  failure: failure('NODE_UNAVAILABLE', 'No endpoint answers.'),
}

function setUp() {
  const node = { answers: new Map<string, RpcOutcome>(), asked: [] as string[], nowMs: 0 }
  const balances = createLaneBalances({
    rpc: {
      async call(method, params) {
        const [lane, block] = params as [string, string]
        node.asked.push(`${method} ${lane} ${block}`)
        return node.answers.get(lane) ?? DOWN
      },
    },
    now: () => node.nowMs,
  })
  const holds = (lane: Address, result: unknown) => node.answers.set(lane, { ok: true, result })
  return { node, balances, holds }
}

describe('createLaneBalances', () => {
  it('tells each account by itself, to the wei', async () => {
    const { node, balances, holds } = setUp()
    holds(ONE, '0x20000000000001')
    holds(TWO, '0x0')
    expect(await balances.balance(ONE)).toBe(9_007_199_254_740_993n)
    expect(await balances.balance(TWO)).toBe(0n)
    expect(node.asked).toEqual([`eth_getBalance ${ONE} latest`, `eth_getBalance ${TWO} latest`])
  })

  it('asks once for many who ask at once, and again only when the value is old', async () => {
    const { node, balances, holds } = setUp()
    holds(ONE, '0x11')
    expect(await Promise.all([1, 2, 3].map(() => balances.balance(ONE)))).toEqual([17n, 17n, 17n])
    node.nowMs = 1_999
    await balances.balance(ONE)
    expect(node.asked).toHaveLength(1)
    holds(ONE, '0x2b')
    node.nowMs = 2_000
    await balances.balance(ONE)
    expect(node.asked).toHaveLength(2)
    expect(await balances.balance(ONE)).toBe(43n)
  })

  it('has nothing to tell once no endpoint has answered for long', async () => {
    const { node, balances, holds } = setUp()
    holds(ONE, '0x11')
    await balances.balance(ONE)
    node.answers.clear()
    node.nowMs = 4_999
    expect(await balances.balance(ONE)).toBe(17n)
    node.nowMs = 5_000
    expect(await balances.balance(ONE)).toBeNull()
  })

  it.each(['', '0x', '0xzz', '12', 12, null, `0x${'1'.repeat(65)}`])(
    'takes %j for no answer, and asks again',
    async (result) => {
      const { balances, holds } = setUp()
      holds(ONE, result)
      expect(await balances.balance(ONE)).toBeNull()
      holds(ONE, '0x5')
      expect(await balances.balance(ONE)).toBe(5n)
    },
  )
})
