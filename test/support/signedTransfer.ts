import { keccak256 } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { callRpc } from '../../devnet/callRpc.ts'
import type { Hex } from '../../src/domain/signal.ts'

export interface SignedTransfer {
  readonly raw: Hex
  readonly hash: Hex
}

/** A new account; with a balance when a node is given. */
export async function newAccount(fundedBy: string | null): Promise<PrivateKeyAccount> {
  const account = privateKeyToAccount(generatePrivateKey())
  if (fundedBy !== null) {
    const params = [account.address, '0x56bc75e2d63100000']
    await callRpc({ rpc: fundedBy, method: 'anvil_setBalance', params, timeoutMs: 20_000 })
  }
  return account
}

/** A signed transfer of 17 wei to the zero address. */
export async function signedTransfer({
  account,
  chainId,
  nonce,
  gwei = 30n,
  gas = 21_000n,
}: {
  account: PrivateKeyAccount
  chainId: number
  nonce: number
  gwei?: bigint
  gas?: bigint
}): Promise<SignedTransfer> {
  const raw = await account.signTransaction({
    type: 'eip1559',
    chainId,
    nonce,
    gas,
    maxFeePerGas: gwei * 1_000_000_000n,
    maxPriorityFeePerGas: gwei === 0n ? 0n : 1_000_000_000n,
    to: '0x0000000000000000000000000000000000000000',
    value: 17n,
  })
  return { raw, hash: keccak256(raw) }
}
