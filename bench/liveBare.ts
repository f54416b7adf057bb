import { setTimeout as sleep } from 'node:timers/promises'
import { Wallet } from 'ethers'
import { Pool } from 'undici'
import type { Hex } from 'viem'
import { createBareCalls } from './bareCalls.ts'
import { encodeExecute, readContract } from './benchExecutor.ts'
import type { LiveSignal } from './liveLoad.ts'

const GAS = 800_000
const FEE_WEI = 10n ** 10n

/**
 * What a trade takes at least: one `eth_call` that simulates it, then one `eth_sendRawTransaction` of bytes
 * that were signed beforehand, over one kept-alive connection. Milliseconds of each pair.
 *
 * @param options.key of an account that the executor obeys and nobody else uses
 */
export async function measureBareSends({
  rpc,
  chainId,
  executor,
  key,
  signals,
  pauseMs,
}: {
  rpc: string
  chainId: number
  executor: Hex
  key: Hex
  signals: readonly LiveSignal[]
  /** After each pair: as long as a client of the servers waits, so that both find the machine as cold. */
  pauseMs: number
}): Promise<number[]> {
  const pool = new Pool(rpc, { connections: 1, pipelining: 1 })
  const post = async (body: string) => {
    const response = await pool.request({
      path: '/',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    return await response.body.text()
  }
  const ask = async (method: string, params: readonly unknown[]) =>
    JSON.parse(await post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })))
  try {
    const wallet = new Wallet(key)
    const { abi } = await readContract('OmniArbExecutor')
    const calls = await createBareCalls({ executor, owner: wallet.address.toLowerCase() as Hex })
    const first = Number((await ask('eth_getTransactionCount', [wallet.address, 'latest'])).result)
    const pairs: { simulate: string; read: (text: string) => string | null; send: string }[] = []
    for (const [index, live] of signals.entries()) {
      const signal = { ...live, expected_profit: 0 }
      const raw = await wallet.signTransaction({
        type: 2,
        chainId,
        nonce: first + index,
        to: executor,
        data: encodeExecute({ abi, signal }),
        gasLimit: GAS,
        maxFeePerGas: FEE_WEI,
        maxPriorityFeePerGas: 1n,
      })
      pairs.push({
        simulate: calls.encode([signal]),
        read(text) {
          const [verdict] = calls.read({ signals: [signal], text })
          return verdict?.ok ? null : JSON.stringify(verdict)
        },
        send: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransaction', params: [raw] }),
      })
    }
    const tookMs: number[] = []
    for (const { simulate, read, send } of pairs) {
      const startedMs = performance.now()
      const wrong = read(await post(simulate))
      const sent = JSON.parse(await post(send))
      tookMs.push(performance.now() - startedMs)
      if (wrong !== null || sent.result === undefined)
        throw new Error(`A bare trade failed: ${wrong ?? JSON.stringify(sent)}`)
      await sleep(pauseMs)
    }
    return tookMs
  } finally {
    await pool.close()
  }
}
