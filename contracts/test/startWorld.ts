import {
  type Abi,
  type Address,
  BaseError,
  createTestClient,
  decodeErrorResult,
  encodeFunctionData,
  erc20Abi,
  getAddress,
  type Hex,
  http,
  parseAbi,
  parseEventLogs,
  publicActions,
  type TransactionReceipt,
  toHex,
  walletActions,
} from 'viem'
import { type DevnetChain, startDevnet } from '../../devnet/startDevnet.ts'
import { addresses } from './addresses.ts'
import { encodeRoute, type Hop, type RouteOptions } from './encodeRoute.ts'
import { readArtifact } from './readArtifact.ts'

export const executorArtifact = readArtifact('OmniArbExecutor')

const executorEvents = parseAbi([
  'event ArbitrageExecuted(bytes32 indexed signalId, address indexed lane, address indexed token, uint256 amount, uint256 profit)',
  'event Leftover(bytes32 indexed signalId, uint256 hop, address indexed token, uint256 amount)',
])

/** What a call to `execute` needs; `routeData` replaces the hops and their options. */
export interface Candidate extends RouteOptions {
  flashSource: number
  loanToken: Address
  loanAmount: bigint
  hops?: readonly Hop[]
  routeData?: Hex
}

/** The error a refused call ended in. */
export interface Refusal {
  error: string
  args: readonly unknown[]
}

export type World = Awaited<ReturnType<typeof startWorld>>

/** Calldata of `execute`. */
export function encodeExecute({
  flashSource,
  loanToken,
  loanAmount,
  hops,
  routeData,
  ...options
}: Candidate): Hex {
  return encodeFunctionData({
    abi: executorArtifact.abi,
    functionName: 'execute',
    args: [flashSource, loanToken, loanAmount, routeData ?? encodeRoute({ hops: hops ?? [], ...options })],
  })
}

/** A devnet of one chain with an executor of the first account, configured with both lenders. */
export async function startWorld() {
  const devnet = await startDevnet({ chainIds: [1] })
  const { rpc } = devnet.chains[0] as DevnetChain
  const client = createTestClient({
    mode: 'anvil',
    transport: http(rpc, { timeout: 60_000, retryCount: 0 }),
    pollingInterval: 20,
    cacheTime: 0,
  })
    .extend(publicActions)
    .extend(walletActions)
  const [owner, lane, stranger, treasury] = (await client.getAddresses()) as [
    Address,
    Address,
    Address,
    Address,
  ]

  /** Waits for the receipt; throws when the transaction reverted. */
  async function send({ from, to, data, value }: { from: Address; to?: Address; data: Hex; value?: bigint }) {
    const hash = await client.sendTransaction({
      account: from,
      chain: null,
      to: to ?? null,
      data,
      gas: 12_000_000n,
      value: value ?? 0n,
    })
    const receipt = await client.waitForTransactionReceipt({ hash, timeout: 60_000 })
    if (receipt.status !== 'success') throw new Error(`transaction ${hash} reverted`)
    return receipt
  }

  async function deploy({ bytecode, from }: { bytecode: Hex; from?: Address }): Promise<Address> {
    const receipt = await send({ from: from ?? owner, data: bytecode })
    return getAddress(receipt.contractAddress as Address)
  }

  const executor = await deploy({
    bytecode: `${executorArtifact.bytecode}${owner.slice(2).padStart(64, '0')}`,
  })

  /** A raw eth_call; overrides as the JSON-RPC takes them. */
  function call(options: {
    from: Address
    to: Address
    data: Hex
    overrides?: object
    blockOverrides?: object
  }): Promise<Hex> {
    const { from, to, data, overrides = {}, blockOverrides = {} } = options
    return client.request({
      method: 'eth_call',
      params: [{ from, to, data, gas: toHex(25_000_000n) }, 'latest', overrides, blockOverrides],
    } as never)
  }

  /** The error `attempt` reverts with, read by the executor's ABI; fails when it does not revert. */
  async function refusalOf(attempt: Promise<unknown>, abi: Abi = executorArtifact.abi): Promise<Refusal> {
    try {
      await attempt
    } catch (error) {
      const data =
        error instanceof BaseError
          ? (error.walk((cause) => 'data' in (cause as object)) as { data?: unknown })
          : null
      if (typeof data?.data !== 'string') throw error
      const { errorName, args } = decodeErrorResult({ abi, data: data.data as Hex })
      return { error: errorName, args: args ?? [] }
    }
    throw new Error('the call was not refused')
  }

  const read = (functionName: string, args: readonly unknown[] = []): Promise<unknown> =>
    client.readContract({ address: executor, abi: executorArtifact.abi, functionName, args })
  const write = (functionName: string, args: readonly unknown[], from: Address = owner) =>
    send({ from, to: executor, data: encodeFunctionData({ abi: executorArtifact.abi, functionName, args }) })
  const tryWrite = (functionName: string, args: readonly unknown[], from: Address = owner) =>
    call({ from, to: executor, data: encodeFunctionData({ abi: executorArtifact.abi, functionName, args }) })

  const ownLogs = (receipt: TransactionReceipt) =>
    receipt.logs.filter((log) => log.address.toLowerCase() === executor.toLowerCase())

  await write('configure', [addresses.balancerVault, addresses.aavePool])

  return {
    rpc,
    client,
    owner,
    lane,
    stranger,
    treasury,
    executor,
    send,
    deploy,
    call,
    read,
    write,
    tryWrite,
    refusalOf,

    /** `execute` by eth_call; the profit, or a rejection with the revert data. */
    async profitOf(candidate: Candidate, { from = owner }: { from?: Address } = {}): Promise<bigint> {
      return BigInt(await call({ from, to: executor, data: encodeExecute(candidate) }))
    },

    /** `execute` as a transaction. */
    execute(candidate: Candidate, { from = owner }: { from?: Address } = {}): Promise<TransactionReceipt> {
      return send({ from, to: executor, data: encodeExecute(candidate) })
    },

    /** Why `execute` is refused. */
    refusalOfExecute(candidate: Candidate, { from = owner }: { from?: Address } = {}): Promise<Refusal> {
      return refusalOf(call({ from, to: executor, data: encodeExecute(candidate) }))
    },

    /** The executor's `ArbitrageExecuted` events in a receipt. */
    tradesIn(receipt: TransactionReceipt) {
      return parseEventLogs({
        abi: executorEvents,
        logs: ownLogs(receipt),
        eventName: 'ArbitrageExecuted',
      }).map((event) => event.args)
    },

    /** The executor's `Leftover` events in a receipt. */
    leftoversIn(receipt: TransactionReceipt) {
      return parseEventLogs({ abi: executorEvents, logs: ownLogs(receipt), eventName: 'Leftover' }).map(
        (event) => event.args,
      )
    },

    /** Sends some of the owner's tokens. */
    give(token: Address, to: Address, amount: bigint): Promise<TransactionReceipt> {
      const data = encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [to, amount] })
      return send({ from: owner, to: token, data })
    },

    balanceOf(token: Address, account: Address): Promise<bigint> {
      return client.readContract({
        address: token,
        abi: erc20Abi,
        functionName: 'balanceOf',
        args: [account],
      })
    },

    allowance(token: Address, spender: Address): Promise<bigint> {
      return client.readContract({
        address: token,
        abi: erc20Abi,
        functionName: 'allowance',
        args: [executor, spender],
      })
    },

    /** Runs `steps` and takes back what they did. */
    async undone<T>(steps: () => Promise<T>): Promise<T> {
      const id = await client.snapshot()
      try {
        return await steps()
      } finally {
        await client.revert({ id })
      }
    },

    stop: () => devnet.stop(),
  }
}
