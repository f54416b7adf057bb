import { AbiCoder, sha256, toUtf8Bytes } from 'ethers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { createDevnetAccount } from '../../test/support/devnetAccount.ts'
import { executorInterface, PAYING_TRADES } from '../../test/support/devnetTrades.ts'
import type { Address, Hex, Signal } from '../domain/signal.ts'
import { consumedId } from './consumedId.ts'
import { encodeExecute } from './encodeExecute.ts'

const IDS = ['a', 'signal-1733700000123-7', 'Übergröße ✓', 'x'.repeat(128)]

describe('consumedId', () => {
  it.each(IDS)('is the SHA-256 of %s in UTF-8', (signalId) => {
    expect(consumedId(signalId)).toBe(sha256(toUtf8Bytes(signalId)))
  })
})

describe('the executor', () => {
  let devnet: Devnet
  beforeAll(async () => {
    devnet = await startDevnet({ chainIds: [1] })
  })
  afterAll(() => devnet.stop())

  it('consumes exactly that word, which stands third behind the route offsets', async () => {
    const account = await createDevnetAccount({ rpc: devnet.chains[0]?.rpc ?? '' })
    const executor = await account.deployExecutor()
    const signal = {
      ...(PAYING_TRADES[0]?.signal as Signal),
      signalId: 'once and never again',
      minProfit: 3n,
    }
    const word = consumedId(signal.signalId)
    const data = encodeExecute(signal, { deadlineSeconds: 4_102_444_800, consumedId: word })

    const routeData = String(executorInterface.decodeFunctionData('execute', data)[3])
    const head = AbiCoder.defaultAbiCoder().decode(
      ['uint256', 'uint256', 'uint256', 'uint256', 'uint256', 'uint256', 'bytes32'],
      routeData,
    )
    expect(head.toArray().slice(4)).toEqual([3n, 4_102_444_800n, word])

    expect(await isConsumed(word)).toBe(false)
    expect((await account.send({ to: executor, data })).status).toBe('0x1')
    expect(await isConsumed(word)).toBe(true)
    expect(await isConsumed(consumedId(`${signal.signalId} `))).toBe(false)

    // The same trade once more, at whatever nonce, has no effect.
    const again = await account
      .ask<Hex>('eth_call', { from: account.address, to: executor, data })
      .catch((error: { data?: Hex }) => error.data)
    expect(executorInterface.parseError(again ?? '0x')?.name).toBe('SignalConsumed')
    expect(executorInterface.parseError(again ?? '0x')?.args[0]).toBe(word)

    async function isConsumed(id: Hex): Promise<boolean> {
      const call = executorInterface.encodeFunctionData('consumed', [id])
      return (
        BigInt(await account.ask<Hex>('eth_call', { to: executor as Address, data: call }, 'latest')) === 1n
      )
    }
  })
})
