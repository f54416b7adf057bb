import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Abi,
  type Address,
  decodeFunctionResult,
  encodeDeployData,
  encodeFunctionData,
  getAddress,
  type Hex,
  toHex,
} from 'viem'
import { callRpc } from '../callRpc.ts'
import type { Artifact } from './artifact.ts'

/** Where the code of an account came from. */
export interface Origin {
  readonly name: string
  /** Package, version and file. */
  readonly from: string
}

interface Receipt {
  readonly status: Hex
  readonly contractAddress: Address | null
  readonly logs: readonly { address: Address; topics: readonly Hex[]; data: Hex }[]
}

const gas = toHex(28_000_000)

/**
 * Puts contracts on an anvil, at addresses of our choice where wanted, and notes the origin of every code.
 *
 * Everything happens one after another, a block per transaction, so the same calls give the same state.
 */
export class Deployer {
  readonly account: Address
  readonly origins = new Map<Address, Origin>()
  readonly #rpc: string

  /** @param options.account an account that the node itself can sign for */
  constructor(options: { rpc: string; account: Address }) {
    this.#rpc = options.rpc
    this.account = options.account
  }

  /**
   * Deploys a contract.
   *
   * With `at`, the constructor runs *at that address*: the creation code stands there as code, a call without effects
   * gives the runtime code, a transaction lets the constructor write its storage, then the runtime code takes its place.
   */
  async deploy(options: {
    name: string
    artifact: Artifact
    args?: readonly unknown[]
    libraries?: Readonly<Record<string, Address>>
    at?: Address
  }): Promise<Address> {
    const { name, artifact, args = [], at } = options
    const bytecode = link({ artifact, libraries: options.libraries ?? {} })
    const data = args.length > 0 ? encodeDeployData({ abi: artifact.abi, bytecode, args }) : bytecode
    let address: Address
    if (at === undefined) {
      const receipt = await this.#transact({ what: `deploy ${name}`, data })
      if (receipt.contractAddress === null) throw new Error(`deploy ${name}: no address in the receipt.`)
      address = getAddress(receipt.contractAddress)
    } else {
      address = at
      await this.#call('anvil_setCode', [at, data])
      const runtime = await this.#call('eth_call', [{ from: this.account, to: at, gas }, 'latest'])
      await this.#transact({ what: `construct ${name}`, to: at })
      await this.#call('anvil_setCode', [at, runtime])
      await this.#call('anvil_setNonce', [at, '0x1'])
    }
    this.origins.set(address, { name, from: artifact.from })
    return address
  }

  /** Notes the origin of a contract that another contract has created. */
  adopt(options: { name: string; address: Address; from: string }): void {
    this.origins.set(getAddress(options.address), { name: options.name, from: options.from })
  }

  /** Puts runtime code at an address as it is. */
  async place(options: { name: string; address: Address; code: Hex; from: string }): Promise<void> {
    await this.#call('anvil_setCode', [options.address, options.code])
    this.origins.set(options.address, { name: options.name, from: options.from })
  }

  /** Sends a transaction and waits until it is in a block. Throws with the reason when it reverts. */
  send(options: {
    to: Address
    abi: Abi
    name: string
    args?: readonly unknown[]
    value?: bigint
  }): Promise<Receipt> {
    const data = encodeFunctionData({
      abi: options.abi,
      functionName: options.name,
      args: options.args ?? [],
    })
    return this.#transact({ what: options.name, to: options.to, data, value: toHex(options.value ?? 0n) })
  }

  /** Calls a view function. The caller states the type of what the ABI says comes back. */
  async read<T>(options: { from: Address; abi: Abi; name: string; args?: readonly unknown[] }): Promise<T> {
    const data = encodeFunctionData({
      abi: options.abi,
      functionName: options.name,
      args: options.args ?? [],
    })
    const result = (await this.#call('eth_call', [{ to: options.from, data }, 'latest'])) as Hex
    return decodeFunctionResult({ abi: options.abi, functionName: options.name, data: result }) as T
  }

  async #transact(options: { what: string; to?: Address; data?: Hex; value?: Hex }): Promise<Receipt> {
    const { what, ...rest } = options
    const transaction = { from: this.account, gas, ...rest }
    const hash = await this.#call('eth_sendTransaction', [transaction])
    let receipt: Receipt | null = null
    while (receipt === null) {
      receipt = (await this.#call('eth_getTransactionReceipt', [hash])) as Receipt | null
      if (receipt === null) await sleep(2)
    }
    if (receipt.status !== '0x1') {
      await this.#call('eth_call', [transaction, 'latest']) // throws with the reason
      throw new Error(`${what} reverted.`)
    }
    return receipt
  }

  #call(method: string, params: readonly unknown[]): Promise<unknown> {
    return callRpc({ rpc: this.#rpc, method, params, timeoutMs: 60_000 })
  }
}

function link(options: { artifact: Artifact; libraries: Readonly<Record<string, Address>> }): Hex {
  let code: string = options.artifact.bytecode
  for (const references of Object.values(options.artifact.linkReferences)) {
    for (const [library, places] of Object.entries(references)) {
      const address = options.libraries[library]
      if (address === undefined) throw new Error(`${options.artifact.from} needs the library ${library}.`)
      for (const { start } of places) {
        const at = 2 + start * 2
        code = code.slice(0, at) + address.slice(2).toLowerCase() + code.slice(at + 40)
      }
    }
  }
  return code as Hex
}
