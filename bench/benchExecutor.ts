import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Abi,
  encodeAbiParameters,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  parseAbiParameters,
} from 'viem'
import { addressBook } from '../devnet/addressBook.ts'
import { callRpc } from '../devnet/callRpc.ts'
import { packageRoot } from '../devnet/packageRoot.ts'
import type { WireSignal } from './tradeSource.ts'

/** An executor contract that has been deployed on the devnet for the run. */
export interface BenchExecutor {
  readonly address: Hex
  readonly owner: Hex
  /** The profit the chain itself gives for a signal, base units of its token. */
  profitOf(signal: WireSignal): Promise<bigint>
}

const rpcTimeoutMs = 30_000
const receiptPollMs = 20
const receiptTriesMax = 1_000

interface Receipt {
  readonly status: Hex
  readonly contractAddress: Hex | null
}

/** Reads a contract's artifact. */
export async function readContract(
  name: string,
): Promise<{ abi: Abi; bytecode: Hex; deployedBytecode: Hex }> {
  return JSON.parse(await readFile(join(packageRoot(), 'contracts', 'artifacts', `${name}.json`), 'utf8'))
}

/** Deploys and configures the executor with the devnet's first account. */
export async function deployBenchExecutor({ rpc }: { rpc: string }): Promise<BenchExecutor> {
  const { abi, bytecode } = await readContract('OmniArbExecutor')
  const call = (method: string, params: readonly unknown[]) =>
    callRpc({ rpc, method, params, timeoutMs: rpcTimeoutMs })
  const [owner] = (await call('eth_accounts', [])) as [Hex]

  async function send(transaction: { to?: Hex; data: Hex }): Promise<Hex | null> {
    const hash = await call('eth_sendTransaction', [{ from: owner, gas: '0xb71b00', ...transaction }])
    for (let tries = 0; tries < receiptTriesMax; tries++) {
      const receipt = (await call('eth_getTransactionReceipt', [hash])) as Receipt | null
      if (receipt?.status === '0x1') return receipt.contractAddress
      if (receipt !== null)
        throw new Error(`The devnet did not accept the executor: transaction ${hash} failed.`)
      await sleep(receiptPollMs)
    }
    throw new Error(`The devnet did not mine transaction ${hash}.`)
  }

  const address = (await send({ data: encodeDeployData({ abi, bytecode, args: [owner] }) })) as Hex
  const lenders = [addressBook.balancer.vault, addressBook.aave.pool]
  await send({ to: address, data: encodeFunctionData({ abi, functionName: 'configure', args: lenders }) })

  return {
    address,
    owner,
    profitOf: async (signal) =>
      BigInt(
        (await call('eth_call', [
          { from: owner, to: address, data: encodeExecute({ abi, signal }) },
          'latest',
        ])) as Hex,
      ),
  }
}

/** Calldata of `execute`, by viem: Titan's own encoder is not trusted here. */
export function encodeExecute({ abi, signal }: { abi: Abi; signal: WireSignal }): Hex {
  const routeData = encodeAbiParameters(parseAbiParameters('uint8[], address[], address[], bytes[]'), [
    signal.protocols,
    signal.routers as readonly Hex[],
    signal.path as readonly Hex[],
    signal.extras as readonly Hex[],
  ])
  const args = [signal.flashSource, signal.token, BigInt(signal.amount), routeData]
  return encodeFunctionData({ abi, functionName: 'execute', args })
}
