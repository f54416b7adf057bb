import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import {
  type Abi,
  type Address,
  checksumAddress,
  decodeEventLog,
  decodeFunctionResult,
  encodeAbiParameters,
  encodeDeployData,
  encodeFunctionData,
  getAddress,
  getContractAddress,
  type Hex,
  hexToBytes,
  parseAbi,
  parseAbiParameters,
} from 'viem'
import { beforeAll, describe, expect, test } from 'vitest'
import { addressBook } from './addressBook.ts'
import { callRpc } from './callRpc.ts'
import { devnetMarker } from './devnetMarker.ts'
import { startDevnet } from './startDevnet.ts'

const folder = import.meta.dirname
const readJson = (path: string) => JSON.parse(readFileSync(join(folder, path), 'utf8'))
const genesis = JSON.parse(gunzipSync(readFileSync(join(folder, 'world/genesis.json.gz'))).toString()) as {
  alloc: Record<Hex, { code?: Hex; nonce: Hex; balance: Hex }>
}
const digests = readJson('world/digests.json') as Record<
  Address,
  { name: string; from: string; sha256: string }
>
const { tokens, uniswapV2, sushi, uniswapV3, curve, aave, balancer, accounts } = addressBook
const { weth, dai, usdc } = tokens

test('the code at every address of the genesis has the recorded digest and origin', () => {
  const found = Object.entries(genesis.alloc).flatMap(([address, { code }]) =>
    code ? [[getAddress(address), createHash('sha256').update(hexToBytes(code)).digest('hex')]] : [],
  )
  const recorded = Object.entries(digests).map(([address, { sha256 }]) => [address, sha256])
  expect(found).toEqual(recorded)
  expect(found.length).toBeGreaterThan(70)
  for (const { name, from } of Object.values(digests)) {
    expect(name).not.toBe('')
    expect(from).toMatch(/@\d+\.\d+\.\d+|^devnet\//)
  }
})

test('every address of the book is checksummed and has code, accounts apart', () => {
  const found = [...JSON.stringify(addressBook).matchAll(/"(0x[0-9a-fA-F]+)"/g)].map(
    (match) => match[1] as Address,
  )
  expect(found.length).toBeGreaterThan(35)
  for (const address of found) {
    expect(address === addressBook.marker || address === checksumAddress(address), address).toBe(true)
    const isAccount = Object.values(accounts).includes(address)
    expect(Boolean(genesis.alloc[address.toLowerCase() as Hex]?.code), address).toBe(!isAccount)
  }
})

test('contracts are where Ethereum has them, also those that the factories placed', () => {
  expect(uniswapV2.pairs['weth/usdc']).toBe('0xB4e16d0168e52d35CaCD2c6185b44281Ec28C9Dc')
  expect(uniswapV2.pairs['weth/dai']).toBe('0xA478c2975Ab1Ea89e8196811F51A7B7Ade33eB11')
  const pools = uniswapV3.pools.map(({ address }) => address)
  expect(pools).toContain('0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640')
  expect(pools).toContain('0x8ad599c3A0ff1De082011EFDDc58f1908eb6e6D8')
  expect(weth.address).toBe('0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2')
  expect(dai.address).toBe('0x6B175474E89094C44Da98b954EedeAC495271d0F')
  expect(usdc.address).toBe('0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48')
  expect(uniswapV2.router).toBe('0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D')
  expect(sushi.router).toBe('0xd9e1cE17f2641f24aE83637ab66a2cca9C378B9F')
  expect(uniswapV3.router).toBe('0xE592427A0AEce92De3Edee1F18E0157C05861564')
  expect(curve.susdPool).toBe('0xA5407eAE9Ba41422680e2e00537571bcC53efBfD')
  expect(aave.poolAddressesProvider).toBe('0x2f39d218133AFaB8F2B819B1066c7E434Ad94E9e')
  expect(aave.pool).toBe('0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2')
  expect(balancer.vault).toBe('0xbA1333333333a1BA1108E8412f11850A5C319bA9')
})

test('no contract that an account can still create falls on one of the world', () => {
  const { nonce } = genesis.alloc[accounts.deployer.toLowerCase() as Hex] as { nonce: Hex }
  const next = Array.from({ length: 1_000 }, (_, offset) =>
    getContractAddress({ from: accounts.deployer, nonce: BigInt(nonce) + BigInt(offset) }).toLowerCase(),
  )
  expect(next.filter((address) => address in genesis.alloc)).toEqual([])
})

test('the packages that the build shares with the product have the same versions in both', () => {
  const product = readJson('../package.json')
  const wanted = { ...product.dependencies, ...product.devDependencies, ...product.optionalDependencies }
  const ours = readJson('package.json').dependencies as Record<string, string>
  for (const name of ['viem', 'ethers', '@openzeppelin/contracts', '@foundry-rs/anvil-linux-amd64']) {
    expect(ours[name], name).toBe(wanted[name])
  }
})

describe('on a running node', () => {
  const executor = readJson('../contracts/artifacts/OmniArbExecutor.json') as { abi: Abi; bytecode: Hex }
  const owner = accounts.deployer
  let rpc: string
  let contract: Address

  beforeAll(async () => {
    const devnet = await startDevnet({ chainIds: [1] })
    rpc = devnet.chains[0]?.rpc ?? ''
    const data = encodeDeployData({ ...executor, args: [owner] })
    contract = (await transact({ from: owner, data })).contractAddress as Address
    await transact({ from: owner, to: contract, data: encode('configure', [balancer.vault, aave.pool]) })
    return () => devnet.stop()
  })

  const call = (method: string, ...params: unknown[]) => callRpc({ rpc, method, params, timeoutMs: 30_000 })
  const encode = (functionName: string, args: readonly unknown[]) =>
    encodeFunctionData({ abi: executor.abi, functionName, args })

  async function transact(transaction: { from: Address; to?: Address; data: Hex }) {
    const hash = await call('eth_sendTransaction', { ...transaction, gas: '0x7a1200' })
    for (;;) {
      const receipt = (await call('eth_getTransactionReceipt', hash)) as {
        status: Hex
        gasUsed: Hex
        contractAddress: Address | null
        logs: { address: Address; topics: [Hex, ...Hex[]]; data: Hex }[]
      } | null
      if (receipt) return receipt
    }
  }

  async function read<T>(to: Address, signature: string, args: readonly unknown[] = []): Promise<T> {
    const abi = parseAbi([signature]) as Abi
    const data = (await call('eth_call', { to, data: encodeFunctionData({ abi, args }) }, 'latest')) as Hex
    return decodeFunctionResult({ abi, data }) as T
  }

  const balanceOf = (token: Address) =>
    read<bigint>(token, 'function balanceOf(address) view returns (uint256)', [contract])

  const v3 = (fee: number) => encodeAbiParameters(parseAbiParameters('uint24'), [fee])
  const daiToUsdc = encodeAbiParameters(parseAbiParameters('int128, int128'), [0n, 1n])

  /** The trades whose profits are known to the base unit; the last is the first example of the interface. */
  const trades = [
    {
      name: 'Balancer V3, 4,000 DAI, V2 to V3',
      flashSource: 1,
      token: dai,
      amount: 4_000n * 10n ** 18n,
      hops: [
        [0, uniswapV2.router, weth.address, '0x'],
        [1, uniswapV3.router, dai.address, v3(3000)],
      ],
      profit: 71_004916508463955885n,
    },
    {
      name: 'Aave V3, 2,000 DAI, V2 to V2',
      flashSource: 2,
      token: dai,
      amount: 2_000n * 10n ** 18n,
      hops: [
        [0, uniswapV2.router, weth.address, '0x'],
        [0, sushi.router, dai.address, '0x'],
      ],
      profit: 19_628885561663883731n,
    },
    {
      name: 'Aave V3, 1,500 USDC, V2 to V3 0.05 %',
      flashSource: 2,
      token: usdc,
      amount: 1_500n * 10n ** 6n,
      hops: [
        [0, uniswapV2.router, weth.address, '0x'],
        [1, uniswapV3.router, usdc.address, v3(500)],
      ],
      profit: 6_508295n,
    },
    {
      name: 'Aave V3, 2 WETH, V3 to Curve to V2',
      flashSource: 2,
      token: weth,
      amount: 2n * 10n ** 18n,
      hops: [
        [1, uniswapV3.router, dai.address, v3(3000)],
        [2, curve.susdPool, usdc.address, daiToUsdc],
        [0, uniswapV2.router, weth.address, '0x'],
      ],
      profit: 10534283137362877n,
    },
    {
      name: 'Balancer V3, 1,000 USDC, V2 to V3 0.3 %',
      flashSource: 1,
      token: usdc,
      amount: 1_000n * 10n ** 6n,
      hops: [
        [0, uniswapV2.router, weth.address, '0x'],
        [1, uniswapV3.router, usdc.address, v3(3000)],
      ],
      profit: 26_982458n,
    },
  ] as const

  test.each(trades)('$name pays, also after gas; call, event and balance agree', async (trade) => {
    const snapshot = await call('evm_snapshot')
    const columns = [0, 1, 2, 3].map((column) => trade.hops.map((hop) => hop[column]))
    const route = encodeAbiParameters(
      parseAbiParameters('uint8[], address[], address[], bytes[]'),
      columns as never,
    )
    const data = encode('execute', [trade.flashSource, trade.token.address, trade.amount, route])
    const transaction = { from: owner, to: contract, data }
    const result = (await call('eth_call', transaction, 'latest')) as Hex
    expect(decodeFunctionResult({ abi: executor.abi, functionName: 'execute', data: result })).toBe(
      trade.profit,
    )

    const before = await balanceOf(trade.token.address)
    const receipt = await transact(transaction)
    expect(receipt.status).toBe('0x1')
    expect((await balanceOf(trade.token.address)) - before).toBe(trade.profit)
    const events = receipt.logs
      .filter((log) => getAddress(log.address) === getAddress(contract))
      .map((log) => decodeEventLog({ abi: executor.abi, topics: log.topics, data: log.data }))
    const arbitrage = events.find((event) => event.eventName === 'ArbitrageExecuted')
    expect(arbitrage?.args).toMatchObject({
      token: trade.token.address,
      amount: trade.amount,
      profit: trade.profit,
    })
    const usdOf = (token: { address: Address; decimals: number }, amount: bigint) =>
      (Number(amount) / 10 ** token.decimals) * (token === weth ? 3_000 : 1)
    const gasWei = BigInt(receipt.gasUsed) * 3n * 10n ** 9n // at 3 gwei
    expect(usdOf(trade.token, trade.profit) - usdOf(weth, gasWei)).toBeGreaterThan(2)
    await call('evm_revert', snapshot)
  })

  test('the Aave oracle, found through the provider, prices every token', async () => {
    const provider = aave.poolAddressesProvider
    const oracle = await read<Address>(provider, 'function getPriceOracle() view returns (address)')
    expect(oracle).toBe(aave.oracle)
    const price = (token: Address) =>
      read<bigint>(oracle, 'function getAssetPrice(address) view returns (uint256)', [token])
    expect(await price(weth.address)).toBe(3_000n * 10n ** 8n)
    for (const { address } of [dai, usdc, tokens.usdt, tokens.susd])
      expect(await price(address)).toBe(10n ** 8n)
  })

  test('tokens say who they are', async () => {
    for (const { address, symbol, decimals } of Object.values(tokens)) {
      expect(await read(address, 'function symbol() view returns (string)')).toBe(symbol)
      expect(await read(address, 'function decimals() view returns (uint8)')).toBe(decimals)
    }
  })

  test('the marker is there and cannot be called', async () => {
    expect(await call('eth_getCode', devnetMarker.address, 'latest')).toBe(devnetMarker.code)
    expect(Buffer.from(devnetMarker.code.slice(4), 'hex').toString()).toBe('titan-devnet-1')
    await expect(call('eth_call', { to: devnetMarker.address, data: '0x' }, 'latest')).rejects.toThrow(
      /InvalidFEOpcode/,
    )
  })

  test('the CREATE2 deployer is there', async () => {
    const code = await call('eth_getCode', '0x4e59b44847b379578588920cA78FbF26c0B4956C', 'latest')
    expect(String(code)).toHaveLength(2 + 69 * 2)
  })
})
