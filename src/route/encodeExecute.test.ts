import { readFileSync } from 'node:fs'
import { AbiCoder, Interface, id } from 'ethers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Hex, ProtocolId, Signal } from '../domain/signal.ts'
import { EXECUTE_SELECTOR, encodeExecute } from './encodeExecute.ts'

const hexBytes = (min: number, max: number) =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((b): Hex => `0x${Buffer.from(b).toString('hex')}`)
const address = hexBytes(20, 20)
const uint256 = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n })
const hop = fc.record({
  protocol: fc.constantFrom<ProtocolId>(0, 1, 2),
  router: address,
  tokenIn: address,
  tokenOut: address,
  extra: hexBytes(0, 97),
})
const signal = fc.record({
  signalId: fc.constant('s-1'),
  chainId: fc.constant(137),
  flashSource: fc.constantFrom<1 | 2>(1, 2),
  loanToken: address,
  loanAmount: uint256,
  hops: fc.array(hop, { minLength: 1, maxLength: 8 }),
  expectedProfitUsd: fc.constant(0),
  minProfit: fc.oneof(fc.constant(0n), uint256),
  validUntilMs: fc.constant(null),
  maxBlock: fc.constant(null),
  relay: fc.constant<Signal['relay']>('public'),
  wait: fc.constant<Signal['wait']>('none'),
})
const options = fc.record({
  deadlineSeconds: fc.option(fc.nat()),
  consumedId: fc.option(hexBytes(32, 32)),
  minProfit: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 10n ** 20n }), uint256),
})

const coder = AbiCoder.defaultAbiCoder()

const higher = (a: bigint, b: bigint): bigint => (a > b ? a : b)

/** The same calldata by an ABI library. */
function byLibrary(signal: Signal, trailing: readonly (readonly [string, unknown])[]): string {
  const { hops } = signal
  const lists = [
    ['uint8[]', hops.map((h) => h.protocol)],
    ['address[]', hops.map((h) => h.router)],
    ['address[]', hops.map((h) => h.tokenOut)],
    ['bytes[]', hops.map((h) => h.extra)],
  ] as const
  const fields = [...lists, ...trailing]
  const routeData = coder.encode(
    fields.map(([type]) => type),
    fields.map(([, value]) => value),
  )
  const args = [signal.flashSource, signal.loanToken, signal.loanAmount, routeData]
  const encoded = coder.encode(['uint8', 'address', 'uint256', 'bytes'], args)
  return id('execute(uint8,address,uint256,bytes)').slice(0, 10) + encoded.slice(2)
}

test('lays out any signal as an ABI library does', () => {
  fc.assert(
    fc.property(signal, (s) => {
      const trailing = s.minProfit > 0n ? [['uint256', s.minProfit] as const] : []
      expect(encodeExecute(s)).toBe(byLibrary(s, trailing))
    }),
    { numRuns: 300 },
  )
})

test('appends the optional words as an ABI library does, zero standing for one not given', () => {
  fc.assert(
    fc.property(signal, options, (s, o) => {
      const minProfit = higher(s.minProfit, o.minProfit)
      const words = [
        ['uint256', minProfit],
        ['uint256', o.deadlineSeconds ?? 0],
        ['bytes32', o.consumedId],
      ] as const
      const given = [minProfit > 0n, o.deadlineSeconds !== null, o.consumedId !== null]
      expect(encodeExecute(s, o)).toBe(byLibrary(s, words.slice(0, given.lastIndexOf(true) + 1)))
    }),
    { numRuns: 300 },
  )
})

test('calls the function the compiled contract has', () => {
  const artifact = new URL('../../contracts/artifacts/OmniArbExecutor.json', import.meta.url)
  const { abi } = JSON.parse(readFileSync(artifact, 'utf8'))
  expect(new Interface(abi).getFunction('execute')?.selector).toBe(EXECUTE_SELECTOR)
})
