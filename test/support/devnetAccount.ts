import artifact from '../../contracts/artifacts/OmniArbExecutor.json' with { type: 'json' }
import { addressBook } from '../../devnet/addressBook.ts'
import { callRpc } from '../../devnet/callRpc.ts'
import type { Address, Hex } from '../../src/domain/signal.ts'
import { executorInterface } from './devnetTrades.ts'

export interface Receipt {
  readonly status: Hex
  readonly gasUsed: Hex
  readonly blockNumber: Hex
  readonly contractAddress: Address | null
  readonly logs: readonly { readonly address: Address; readonly topics: readonly Hex[]; readonly data: Hex }[]
}

/** An account anvil signs for, to do on the devnet what the product under test only simulates. */
export interface DevnetAccount {
  readonly address: Address
  ask<T>(method: string, ...params: unknown[]): Promise<T>
  /** Sends, waits for the receipt; does not throw when the transaction reverts. */
  send(transaction: { to?: Address; data: Hex; gas?: bigint }): Promise<Receipt>
  /** Deploys the executor and configures it with the world's lenders, or those given. */
  deployExecutor(lenders?: { balancerVault: string; aavePool: string }): Promise<Address>
}

export async function createDevnetAccount({ rpc }: { rpc: string }): Promise<DevnetAccount> {
  const ask = async <T>(method: string, ...params: unknown[]) =>
    (await callRpc({ rpc, method, params, timeoutMs: 30_000 })) as T
  const accounts = await ask<Address[]>('eth_accounts')
  const address = accounts[5] as Address

  async function send({ gas = 8_000_000n, ...transaction }: { to?: Address; data: Hex; gas?: bigint }) {
    const request = { from: address, gas: `0x${gas.toString(16)}`, ...transaction }
    const hash = await ask<Hex>('eth_sendTransaction', request)
    for (;;) {
      const receipt = await ask<Receipt | null>('eth_getTransactionReceipt', hash)
      if (receipt) return receipt
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  return {
    address,
    ask,
    send,
    async deployExecutor(
      lenders = { balancerVault: addressBook.balancer.vault, aavePool: addressBook.aave.pool },
    ) {
      const constructorData = executorInterface.encodeDeploy([address]).slice(2)
      const { contractAddress } = await send({ data: `${artifact.bytecode}${constructorData}` as Hex })
      const data = executorInterface.encodeFunctionData('configure', [
        lenders.balancerVault,
        lenders.aavePool,
      ])
      await send({ to: contractAddress as Address, data: data as Hex })
      return contractAddress as Address
    },
  }
}
