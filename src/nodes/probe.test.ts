import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import { findFreePort } from '../../devnet/findFreePort.ts'
import { locateAnvil } from '../../devnet/locateAnvil.ts'
import { type Anvil, startAnvil } from '../../devnet/startAnvil.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { createDevnetAccount, type DevnetAccount } from '../../test/support/devnetAccount.ts'
import { deployForeign } from '../../test/support/foreign/foreignContract.ts'
import { chainConfig, DEVNET_BOOK } from '../../test/support/probedChain.ts'
import { type RpcProxy, rewriteEach, startRpcProxy } from '../../test/support/rpcProxy.ts'
import type { ChainConfig } from '../config/chainConfig.ts'
import { LIMITS } from '../config/limits.ts'
import type { Address } from '../domain/signal.ts'
import { type ChainFacts, sameFacts } from './chainFacts.ts'
import { createJsonRpc } from './jsonRpc.ts'
import { PAPER_CALLER, PAPER_EXECUTOR } from './paperAccounts.ts'
import { probeChain } from './probe.ts'

const VAULT = addressBook.balancer.vault.toLowerCase()
const POOL = addressBook.aave.pool.toLowerCase()

let devnet: Devnet
/** A node of chain 10 that carries no world at all. */
let empty: Anvil
let account: DevnetAccount
let proxy: RpcProxy

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [324, 1] })
  empty = await startAnvil({
    binary: locateAnvil(),
    chainId: 10,
    host: '127.0.0.1',
    port: await findFreePort({ host: '127.0.0.1', port: 0 }),
    args: [],
    startTimeoutMs: 60_000,
  })
  account = await createDevnetAccount({ rpc: devnet.chains[1]?.rpc as string })
}, 120_000)
afterAll(async () => {
  await devnet?.stop()
  await empty?.stop()
})
beforeEach(async () => {
  proxy = await startRpcProxy({ target: devnet.chains[1]?.rpc as string })
})
afterEach(() => proxy.stop())

async function probe(chain: ChainConfig, now = Date.now) {
  const rpc = createJsonRpc({ endpoints: chain.endpoints, timeoutMs: 20_000, limits: LIMITS })
  const outcome = await probeChain({ rpc, chain, devnetBook: DEVNET_BOOK, now })
  await rpc.close()
  return outcome.ok ? { ...outcome.value, failure: null } : { failure: outcome.failure }
}
/** Where the pool's proxy has its code, as bytes. */
const poolCode = async () => {
  const slot = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc'
  return (await account.ask<string>('eth_getStorageAt', POOL, slot, 'latest')).slice(-40)
}
const ethereum = (change: Partial<ChainConfig> = {}) => ({
  ...chainConfig({ chainId: 1, endpoint: proxy.url }),
  ...change,
})
describe('a devnet chain', () => {
  test('has the world, whatever the profile of its chain id says', async () => {
    // Of zkSync Era, where there is no Balancer.
    const facts = await probe(chainConfig({ chainId: 324, endpoint: devnet.chains[0]?.rpc as string }))
    expect(facts).toMatchObject({
      failure: null,
      chainId: 324,
      devnet: true,
      head: 0,
      clientVersion: expect.stringMatching(/^anvil/),
      executor: { address: PAPER_EXECUTOR, deployed: false, caller: PAPER_CALLER },
      lenders: { 1: VAULT, 2: POOL },
      features: { stateOverride: true, blockOverrideTime: true },
      l1FeeModel: 'none',
      oracle: addressBook.aave.oracle.toLowerCase(),
      wrappedNative: addressBook.tokens.weth.address.toLowerCase(),
      notes: [],
    })
  })

  test('a deployed executor is called as its owner, with the lenders it has', async () => {
    const executor = await account.deployExecutor()
    expect(await probe(ethereum({ executor }))).toMatchObject({
      executor: { address: executor, deployed: true, caller: account.address },
      lenders: { 1: VAULT, 2: POOL },
      notes: [],
    })
  })

  test('an executor configured otherwise than the chain is noted', async () => {
    // A second pool: the code and storage of the first behind another proxy.
    const other = '0x00000000000000000000000000000000000aa7e2'
    await account.ask(
      'anvil_setCode',
      other,
      `0x363d3d373d3d3d363d73${await poolCode()}5af43d82803e903d91602b57fd5bf3`,
    )
    const executor = await account.deployExecutor({ balancerVault: `0x${'0'.repeat(40)}`, aavePool: other })
    expect(await probe(ethereum({ executor }))).toMatchObject({
      lenders: { 1: null, 2: other },
      notes: [
        'The executor is configured with no Balancer V3 vault, so flash_source 1 cannot be used.',
        `The executor is configured with the Aave V3 pool ${other}; this chain's is ${POOL}.`,
      ],
    })
  })

  test.each<[string, () => Promise<string>, string]>([
    [
      'a Balancer V2 vault',
      () => deployForeign(account, 'balancerV2Vault'),
      ': by its code it is a Balancer V2 vault',
    ],
    ['an Aave pool', async () => addressBook.aave.pool, ': by its code it is an Aave V3 pool'],
    [
      'a router',
      async () => addressBook.uniswapV3.router,
      ': by its code it is a Uniswap V3 SwapRouter, whose parameters carry a deadline',
    ],
    ['a contract of no known kind', async () => addressBook.multicall3, ''],
  ])('%s in place of the Balancer V3 vault is no lender, and is named', async (_what, find, is) => {
    const balancerVault = (await find()).toLowerCase() as Address
    const executor = await account.deployExecutor({ balancerVault, aavePool: addressBook.aave.pool })
    expect(await probe(ethereum({ executor }))).toMatchObject({
      lenders: { 1: null, 2: POOL },
      notes: [
        `The contract at ${balancerVault} does not answer as the Balancer V3 vault${is}, so flash_source 1 cannot be used.`,
      ],
    })
  })

  test('a BALANCER_VAULT_… setting with the V2 vault is no lender', async () => {
    const balancerVault = await deployForeign(account, 'balancerV2Vault')
    // Without the devnet's marker the chain goes by its profile.
    proxy.interfere = rewriteEach(({ id }, { method, params }) =>
      method === 'eth_getCode' && params[0] === DEVNET_BOOK.marker ? { id, result: '0x' } : null,
    )
    const facts = await probe(ethereum({ balancerVault }))
    expect(facts).toMatchObject({ devnet: false, lenders: { 1: null } })
    expect(facts.failure === null && facts.notes).toContain(
      `The contract at ${balancerVault} does not answer as the Balancer V3 vault: by its code it is a Balancer V2 vault, so flash_source 1 cannot be used.`,
    )
  })

  test('the addresses provider in place of the Aave V3 pool is no lender, and is named', async () => {
    const aavePool = addressBook.aave.poolAddressesProvider.toLowerCase() as Address
    const executor = await account.deployExecutor({ balancerVault: VAULT, aavePool })
    expect(await probe(ethereum({ executor }))).toMatchObject({
      lenders: { 1: VAULT, 2: null },
      notes: [
        `The contract at ${aavePool} does not answer as the Aave V3 pool: by its code it is a pool addresses provider of Aave, so flash_source 2 cannot be used.`,
      ],
    })
  })

  test('a lender that the node does not let be asked is not taken for none: the chain is not ready', async () => {
    const error = { code: -32_602, message: 'invalid argument 0' }
    proxy.interfere = rewriteEach(({ id }, { method, params: [call] }) =>
      method === 'eth_call' && (call as { data?: string }).data === '0xb9a8effa' ? { id, error } : null,
    )
    expect((await probe(ethereum())).failure).toMatchObject({
      code: 'NODE_UNAVAILABLE',
      sentence: `The contract ${VAULT} could not be asked: invalid argument 0.`,
    })
  })

  test('an executor address without code gets its code injected, and a note', async () => {
    const executor: Address = '0x00000000000000000000000000000000000e3b77'
    expect(await probe(ethereum({ executor }))).toMatchObject({
      executor: { address: PAPER_EXECUTOR, deployed: false },
      notes: [expect.stringContaining(`no code at the configured executor ${executor}`)],
    })
  })

  test('an executor address with another contract is a failure, though it has an owner, or differs in one byte', async () => {
    const executor = await account.deployExecutor()
    const code = await account.ask<string>('eth_getCode', executor, 'latest')
    await account.ask('anvil_setCode', executor, `${code.slice(0, -2)}01`)
    const owned = addressBook.aave.poolAddressesProvider.toLowerCase() as Address
    for (const other of [addressBook.tokens.weth.address.toLowerCase() as Address, owned, executor]) {
      expect((await probe(ethereum({ executor: other }))).failure).toMatchObject({
        code: 'CHAIN_UNAVAILABLE',
        sentence: `The contract at ${other} on Ethereum (1) is not the executor of this version: its code is another. Set EXECUTOR_ADDRESS to one that "npx titan deploy --chain 1" has made.`,
      })
    }
  })
})

describe('a node without the world', () => {
  test('is probed by the profile, and what is missing is noted', async () => {
    const facts = await probe(chainConfig({ chainId: 10, endpoint: empty.rpc }))
    expect(facts).toMatchObject({
      devnet: false,
      lenders: { 1: null, 2: null },
      l1FeeModel: 'none',
      oracle: null,
    })
    expect(facts.failure === null && facts.notes).toEqual([
      'The node has no fee oracle of the kind op-stack, so no data fee is counted.',
      'There is no Aave V3 at 0xa97684ead0e402dc232d5a977953df7ecbab3cdb.',
      'There is no price oracle, so nothing has a price in USD.',
      `There is no code at the Balancer V3 vault ${VAULT}, so flash_source 1 cannot be used.`,
    ])
  })

  test('is asked what it can do, whatever the chain is known for', async () => {
    // As nodes of zkSync Era are, which run EVM code in an interpreter.
    const zksync = await startRpcProxy({ target: empty.rpc })
    zksync.interfere = rewriteEach(({ id }, { method }) =>
      method === 'eth_chainId' ? { id, result: '0x144' } : null,
    )
    expect(await probe(chainConfig({ chainId: 324, endpoint: zksync.url }))).toMatchObject({
      failure: null,
      chainId: 324,
      features: { stateOverride: true, blockOverrideTime: true },
    })
    await zksync.stop()
  })
})

describe('a node that will not do', () => {
  test('serves another chain', async () => {
    const { failure } = await probe({ ...chainConfig({ chainId: 8453, endpoint: proxy.url }) })
    expect(failure?.sentence).toBe('The node of Base (8453) serves chain 1, not chain 8453.')
  })

  test('takes no state override', async () => {
    const error = { code: -32602, message: 'too many arguments, want at most 2' }
    proxy.interfere = rewriteEach(({ id }, { method }) => (method === 'eth_call' ? { id, error } : null))
    expect((await probe(ethereum())).failure?.sentence).toBe(
      'The node of Ethereum (1) takes no state override in eth_call, which every simulation needs.',
    )
    proxy.interfere = rewriteEach(({ id }, { method }) =>
      method === 'eth_call' ? { id, result: '0x' } : null,
    )
    expect((await probe(ethereum())).failure?.sentence).toContain('takes no state override')
  })

  test('takes no block override: noted', async () => {
    const error = { code: -32602, message: 'too many arguments, want at most 3' }
    proxy.interfere = rewriteEach(({ id }, { params }) => (params.length > 3 ? { id, error } : null))
    expect(await probe(ethereum())).toMatchObject({
      failure: null,
      features: { stateOverride: true, blockOverrideTime: false },
      notes: [expect.stringContaining('takes no block override')],
    })
  })

  test('is hours behind, unless it only makes blocks on demand', async () => {
    const later = () => Date.now() + 3 * 3_600_000
    expect((await probe(ethereum(), later)).failure).toBeNull()

    // The same node without the devnet's marker, and by another name, is held for a real one.
    proxy.interfere = rewriteEach(({ id }, { method, params }) => {
      if (method === 'web3_clientVersion') return { id, result: 'Geth/v1.16.4' }
      return method === 'eth_getCode' && params[0] === DEVNET_BOOK.marker ? { id, result: '0x' } : null
    })
    const chain = ethereum()
    expect((await probe(chain, later)).failure?.sentence).toMatch(
      /is 1\d\d minutes old: the node is not in step/,
    )
    expect(await probe(chain, () => Date.now() + 1_200_000)).toMatchObject({
      failure: null,
      devnet: false,
      notes: [expect.stringMatching(/2\d minutes old, and simulations stand on it/)],
    })
  })

  test('dies in the middle', async () => {
    let left = 2
    proxy.interfere = () => (left-- > 0 ? null : { kind: 'drop' })
    expect((await probe(ethereum())).failure).toMatchObject({
      code: 'NODE_UNAVAILABLE',
      sentence: expect.stringContaining('closed the connection'),
    })
  })
})

describe('the data fee oracle of a rollup', () => {
  const ORACLE: Address = '0x420000000000000000000000000000000000000f'
  const optimism = () => chainConfig({ chainId: 10, endpoint: rollup.url })
  let rollup: RpcProxy
  beforeEach(async () => {
    rollup = await startRpcProxy({ target: empty.rpc })
    const there = await createDevnetAccount({ rpc: empty.rpc })
    // Returns the word 0x2a to whatever it is asked.
    await there.ask('anvil_setCode', ORACLE, '0x602a60005260206000f3')
  })
  afterEach(() => rollup.stop())
  /** Its answers fail so many times. */
  const failing = (times: number, error = { code: -32_000, message: 'header not found' }) => {
    let left = times
    rollup.interfere = rewriteEach(({ id }, { method, params: [call] }) =>
      method === 'eth_call' && (call as { to?: string }).to === ORACLE && left-- > 0 ? { id, error } : null,
    )
  }

  test('is found when it answers', async () => {
    expect(await probe(optimism())).toMatchObject({ l1FeeModel: 'op-stack' })
  })

  test('is found when one call of its fails by trouble of the node', async () => {
    failing(1)
    expect(await probe(optimism())).toMatchObject({ failure: null, l1FeeModel: 'op-stack' })
  })

  test('that cannot be read is not taken for none: the chain is not ready', async () => {
    failing(Number.POSITIVE_INFINITY)
    const { failure } = await probe(optimism())
    expect(failure).toMatchObject({
      code: 'NODE_UNAVAILABLE',
      sentence: expect.stringContaining('header not found'),
    })
  })

  test.each([
    ['reverts', { code: 3, message: 'execution reverted' }],
    ['is not understood', { code: -32_602, message: 'invalid argument 0' }],
  ])('that is there and %s is not taken for none', async (_, error) => {
    failing(Number.POSITIVE_INFINITY, error)
    expect((await probe(optimism())).failure).toMatchObject({
      code: 'NODE_UNAVAILABLE',
      sentence: `The L1 fee oracle ${ORACLE} gives no usable answer, so what a trade costs cannot be known.`,
    })
  })
})

describe('a chain that was ready', () => {
  const facts = async () => {
    const { failure, ...known } = await probe(ethereum())
    expect(failure).toBeNull()
    return known as ChainFacts
  }

  test('stays so when a hundredth of all calls fails, and each probe finds the same', async () => {
    const known = await facts()
    let calls = 0
    proxy.interfere = rewriteEach(({ id }, { method }) =>
      method !== 'eth_chainId' && ++calls % 100 === 50
        ? { id, error: { code: -32_603, message: 'internal error' } }
        : null,
    )
    for (let round = 0; round < 25; round++) {
      const { failure, ...again } = await probe(ethereum())
      expect(failure).toBeNull()
      expect(sameFacts(again as ChainFacts, known)).toBe(true)
    }
    expect(calls).toBeGreaterThan(200)
  })

  test('is the same whatever its head and notes, and another when a fact differs', async () => {
    const known = await facts()
    const later = { ...known, head: known.head + 9, headAgeMs: 77, headTimestampMs: 5, notes: ['A note.'] }
    expect(sameFacts(known, later)).toBe(true)
    const others: Partial<ChainFacts>[] = [
      { oracle: null },
      { l1FeeModel: 'scroll' },
      { lenders: { 1: null, 2: known.lenders[2] } },
      { features: { stateOverride: true, blockOverrideTime: false } },
      { executor: { ...known.executor, deployed: true } },
      { devnet: false },
    ]
    for (const other of others) expect(sameFacts(known, { ...known, ...other })).toBe(false)
  })
})

test('a provider of Aave that does not tell its oracle is not one without prices', async () => {
  proxy.interfere = rewriteEach(({ id }, { method, params: [call] }) =>
    method === 'eth_call' && (call as { data?: string }).data === '0xfca513a8' ? { id, result: '0x' } : null,
  )
  expect((await probe(ethereum())).failure?.sentence).toMatch(/does not tell the price oracle of Aave V3/)
})
