import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { newAccount } from '../../test/support/signedTransfer.ts'
import { LIMITS } from '../config/limits.ts'
import type { Address } from '../domain/signal.ts'
import { failure } from '../errors/failure.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import type { JsonRpc, RpcOutcome } from '../nodes/rpc.ts'
import { createNodeGas } from './nodeGas.ts'

let devnet: Devnet
let rpc: JsonRpc
let account: Address
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  const url = devnet.chains[0]?.rpc ?? ''
  rpc = createJsonRpc({ endpoints: [url], timeoutMs: 10_000, limits: LIMITS })
  account = (await newAccount(url)).address.toLowerCase() as Address
})
afterAll(async () => {
  await rpc?.close()
  await devnet?.stop()
})

const EVM = { l1FeeModel: 'none', gasBy: 'simulation' } as const
const ARBITRUM = { l1FeeModel: 'arbitrum', gasBy: 'simulation' } as const
const ZKSYNC = { l1FeeModel: 'none', gasBy: 'node' } as const

/** A node with a scripted answer, on a clock moved by hand. */
function scripted(chain: Parameters<typeof createNodeGas>[0]['chain'] = ARBITRUM) {
  const node = { answer: '0x5208' as unknown, calls: 0, nowMs: 0 }
  const gas = createNodeGas({
    rpc: {
      async call(): Promise<RpcOutcome> {
        node.calls++
        if (node.answer === null)
          return {
            ok: false,
            kind: 'transport',
            failure: failure('NODE_TIMEOUT', 'The node did not answer.'),
          }
        return { ok: true, result: node.answer }
      },
    },
    chain,
    now: () => node.nowMs,
  })
  return { node, gas }
}

it('estimates a transfer and a call as the node would run them, with half as much again', async () => {
  const gas = createNodeGas({ rpc, chain: EVM })
  expect(await gas.transfer(account)).toBe(31_500n)
  const called = await gas.call({ from: account, to: account, data: '0x' })
  expect(called).toEqual({ ok: true, value: 31_500n })
})

it('tells why a call that would revert has no estimate', async () => {
  const gas = createNodeGas({ rpc, chain: EVM })
  // WETH's transferFrom of more than the account holds.
  const data =
    `0x23b872dd${'01'.padStart(64, '0')}${'02'.padStart(64, '0')}${'ff'.padStart(64, '0')}` as const
  const to: Address = '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2'
  const outcome = await gas.call({ from: account, to, data })
  expect(outcome.ok ? null : outcome.failure.code).toBe('SIMULATION_FAILED')
})

it('asks about an account once a minute, and serves the old figure while it asks', async () => {
  const { node, gas } = scripted()
  node.answer = '0x61a80'
  expect(await gas.transfer(account)).toBe(600_000n)
  node.nowMs = 59_000
  expect(await gas.transfer(account)).toBe(600_000n)
  expect(node.calls).toBe(1)
  node.nowMs = 61_000
  node.answer = '0xc3500'
  expect(await gas.transfer(account)).toBe(600_000n)
  await new Promise(setImmediate)
  expect(await gas.transfer(account)).toBe(1_200_000n)
  expect(node.calls).toBe(2)
})

it('goes on with what it knew while the node does not tell', async () => {
  const { node, gas } = scripted()
  node.answer = '0x61a80'
  await gas.transfer(account)
  node.answer = null
  node.nowMs = 600_000
  expect(await gas.transfer(account)).toBe(600_000n)
})

it.each([
  ['an L1', EVM, 90_000n],
  ['Arbitrum', ARBITRUM, 1_000_000n],
  ['zkSync Era', ZKSYNC, 1_000_000n],
])(
  'takes a constant on a chain like %s when the node never told, or told nonsense',
  async (_, chain, constant) => {
    for (const answer of [null, '0x', '0x1', 'much', '0xffffffffff', {}]) {
      const { node, gas } = scripted(chain)
      node.answer = answer
      expect(await gas.transfer(account)).toBe(constant)
      expect((await gas.call({ from: account, to: account, data: '0x' })).ok).toBe(false)
    }
  },
)
