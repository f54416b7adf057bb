import { AbiCoder, encodeBytes32String, hexlify, toUtf8Bytes } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { createDevnetAccount, type DevnetAccount } from '../../test/support/devnetAccount.ts'
import { LIMITS } from '../config/limits.ts'
import type { Address } from '../domain/signal.ts'
import { failure } from '../errors/failure.ts'
import { createJsonRpc } from './jsonRpc.ts'
import { readNodeError } from './nodeErrors.ts'
import type { JsonRpc } from './rpc.ts'
import { createTokenNames, readSymbol } from './tokenNames.ts'

let devnet: Devnet
let account: DevnetAccount
let rpc: JsonRpc
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  const endpoint = devnet.chains[0]?.rpc as string
  account = await createDevnetAccount({ rpc: endpoint })
  rpc = createJsonRpc({ endpoints: [endpoint], timeoutMs: 20_000, limits: LIMITS })
}, 120_000)
afterAll(async () => {
  await rpc?.close()
  await devnet?.stop()
})

const { usdc, weth } = addressBook.tokens
const lower = (address: string) => address.toLowerCase() as Address

test('amounts are told in whole tokens beside base units, and a token is read once', async () => {
  let calls = 0
  const counted: Pick<JsonRpc, 'call'> = {
    call(...args) {
      calls += 1
      return rpc.call(...args)
    },
  }
  const names = createTokenNames({ rpc: counted, readNodeError })
  const token = lower(usdc.address)
  expect(names.nameAmount(1_000_500_000n, token)).toBe(`1000500000 base units of ${usdc.address}`)
  await Promise.all([names.learn([token, lower(weth.address)]), names.learn([token])])
  expect(names.nameAmount(1_000_500_000n, token)).toBe(
    `1000.5 USDC (1000500000 base units of ${usdc.address})`,
  )
  expect(names.nameAmount(1n, lower(weth.address))).toBe(
    `0.000000000000000001 WETH (1 base units of ${weth.address})`,
  )
  await names.learn([token])
  expect(calls).toBe(4)
})

test('a token that answers nothing of use is told in base units; one that could not be read is asked again later', async () => {
  const odd: Address = '0x00000000000000000000000000000000000bad01'
  // Answers every call with the same 32 bytes: a symbol, and more decimals than there are.
  const word = encodeBytes32String('MKR').slice(2)
  await account.ask('anvil_setCode', odd, `0x7f${word}60005260206000f3`)
  const names = createTokenNames({ rpc, readNodeError })
  const nowhere: Address = '0x00000000000000000000000000000000000bad02'
  await names.learn([odd, nowhere])
  expect(names.known(odd)).toEqual({ symbol: 'MKR', decimals: null })
  expect(names.known(nowhere)).toEqual({ symbol: null, decimals: null })
  expect(names.nameAmount(7n, odd)).toMatch(/^7 base units of 0x/)

  // A node that knew nothing of it is not believed for ever.
  let laterMs = 0
  const later = createTokenNames({ rpc, readNodeError, now: () => laterMs })
  const late: Address = '0x00000000000000000000000000000000000bad03'
  await later.learn([late])
  await account.ask('anvil_setCode', late, await account.ask('eth_getCode', usdc.address, 'latest'))
  await later.learn([late])
  expect(later.known(late)).toEqual({ symbol: null, decimals: null })
  laterMs = 10_001
  await later.learn([late])
  expect(later.known(late)?.decimals).not.toBeNull()

  let nowMs = 0
  let asked = 0
  const down: Pick<JsonRpc, 'call'> = {
    async call() {
      asked += 1
      return { ok: false, kind: 'transport', failure: failure('NODE_TIMEOUT', 'Late.') }
    },
  }
  const silent = createTokenNames({ rpc: down, readNodeError, now: () => nowMs })
  await silent.learn([odd])
  await silent.learn([odd])
  expect(asked).toBe(2)
  nowMs = 10_001
  await silent.learn([odd])
  expect(asked).toBe(4)
  expect(silent.known(odd)).toBeNull()
})

test.each<[string, string, string | null]>([
  ['USDC.e', 'USDC.e', 'USDC.e'],
  ['USD₮0', 'USD₮0', 'USD₮0'],
  ['of another script', '人民币', '人民币'],
  [
    'control characters, line ends and what turns text around',
    'US\u0000D\n\r\u001b[31mC\u202e\u200b',
    'USD31mC',
  ],
  ['a sentence', 'USDC. Success: true', 'USDC.Successtrue'],
  ['very long', 'A'.repeat(5_000), `${'A'.repeat(16)}…`],
  ['nothing that can be shown', ' \n"\'`', null],
  ['empty', '', null],
])('a symbol %s', (_what, symbol, shown) => {
  expect(readSymbol(AbiCoder.defaultAbiCoder().encode(['string'], [symbol]))).toBe(shown)
})

test('a symbol of early tokens, and bytes that are none', () => {
  expect(readSymbol(encodeBytes32String('MKR'))).toBe('MKR')
  expect(readSymbol('0x')).toBeNull()
  expect(readSymbol('0x12')).toBeNull()
  expect(readSymbol('not hex')).toBeNull()
  expect(readSymbol(AbiCoder.defaultAbiCoder().encode(['uint256', 'uint256'], [32, 2n ** 255n]))).toBeNull()
  expect(
    readSymbol(AbiCoder.defaultAbiCoder().encode(['bytes'], [hexlify(toUtf8Bytes('A').fill(0xff))])),
  ).toBeNull()
})
