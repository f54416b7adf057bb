import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type LiveChain, openLiveChain } from '../../test/support/liveChain.ts'
import { type RpcProxy, rewriteEach, startRpcProxy } from '../../test/support/rpcProxy.ts'
import { newAccount, type SignedTransfer, signedTransfer } from '../../test/support/signedTransfer.ts'
import type { Finality } from '../config/chainConfig.ts'
import { LIMITS } from '../config/limits.ts'
import type { Inclusion } from '../domain/liveExecution.ts'
import type { Hex } from '../domain/signal.ts'
import { type BlockTrail, createBlockTrail } from '../nodes/blockTrail.ts'
import { createFinalBlock } from '../nodes/finalBlock.ts'
import { type Block, readBlock } from '../nodes/heads.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { type Finding, type Position, readChain } from './readChain.ts'

let devnet: Devnet
let chain: LiveChain
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  chain = openLiveChain({ rpc: devnet.chains[0]?.rpc ?? '' })
})
afterAll(() => devnet.stop())

let account: PrivateKeyAccount
let endpoints: { proxy: RpcProxy; rpc: JsonRpc }[]
beforeEach(async () => {
  await chain.automine(false)
  account = await newAccount(chain.rpc)
  endpoints = await Promise.all(
    [1].map(async () => {
      const proxy = await startRpcProxy({ target: chain.rpc })
      const options = { timeoutMs: 10_000, limits: LIMITS }
      return { proxy, rpc: createJsonRpc({ endpoints: [proxy.url], ...options }) }
    }),
  )
})
afterEach(async () => {
  for (const { proxy, rpc } of endpoints) {
    await rpc.close()
    await proxy.stop()
  }
})

const proxyAt = (index: number) => (endpoints[index] as { proxy: RpcProxy }).proxy
const transfer = (nonce: number, gwei?: bigint) =>
  signedTransfer({ account, chainId: 1, nonce, ...(gwei !== undefined && { gwei }) })
const send = ({ raw }: SignedTransfer) => chain.ask<Hex>('eth_sendRawTransaction', raw)
const position = (hashes: readonly Hex[], inclusion: Inclusion | null = null): Position => ({
  hashes,
  inclusion,
  since: 0,
  ask: 'if_unseen',
})
const absent = (over: { replaced?: boolean; asked?: boolean } = {}): Finding => ({
  kind: 'absent',
  replaced: false,
  asked: true,
  ...over,
})

async function read(
  positions: readonly Position[],
  { finality = { depth: 3 }, head, trail }: { finality?: Finality; head?: number; trail?: BlockTrail } = {},
): Promise<readonly Finding[]> {
  const rpc = endpoints[0]?.rpc as JsonRpc
  const newest = head ?? (await chain.head())
  return await readChain({
    rpc,
    trail: trail ?? createBlockTrail({ rpc }),
    finalBlock: createFinalBlock({ rpc, finality, head: () => newest }),
    positions,
  })
}

async function readAt(
  position: Position,
  options?: { finality?: Finality; head?: number; trail?: BlockTrail },
): Promise<Finding> {
  return (await read([position], options))[0] as Finding
}

/** Sent and mined; nonce 0 unless told. */
async function minedTransfer(nonce = 0): Promise<{ hash: Hex; raw: Hex; inclusion: Inclusion }> {
  const signed = await transfer(nonce)
  await send(signed)
  await chain.mine()
  const finding = await readAt(position([signed.hash]))
  if (finding.kind !== 'mined' || finding.receipt === null) throw new Error('It is not mined.')
  return { ...signed, inclusion: finding.receipt.inclusion }
}

/** Answers one method in the node's place. */
const answering = (method: string, change: object) =>
  rewriteEach((reply, call) => (call.method === method ? { jsonrpc: '2.0', id: reply.id, ...change } : null))
const callsOf = ({ methods }: RpcProxy, method: string) => methods.get(method) ?? 0

describe('readChain', () => {
  it('finds the one of our transactions that is mined, as the node has it', async () => {
    const cheap = await transfer(0, 20n)
    const dear = await transfer(0, 40n)
    await send(dear)
    await chain.mine()
    const told = await chain.ask<Record<string, Hex>>('eth_getTransactionReceipt', dear.hash)
    expect(await readAt(position([cheap.hash, dear.hash]))).toEqual({
      kind: 'mined',
      final: false,
      receipt: {
        inclusion: {
          hash: dear.hash,
          block: Number(told.blockNumber),
          blockHash: told.blockHash,
          gasUsed: 21_000n,
          effectiveGasPriceWei: BigInt(told.effectiveGasPrice ?? 0),
          l1FeeWei: 0n,
        },
        success: true,
        logs: [],
      },
    })
  })

  it('tells one that is not sent from one that waits in the pool by nothing: both are absent', async () => {
    await minedTransfer()
    const pooled = await transfer(1)
    await send(pooled)
    const unsent = await transfer(2)
    const findings = await read([position([pooled.hash]), position([unsent.hash])])
    for (const finding of findings) expect(finding).toEqual(absent())
  })

  it('tells of a reorg from the other block that stands there, and finds the same bytes in their next block', async () => {
    const { hash, raw, inclusion } = await minedTransfer()
    await chain.reorg({ depth: 1, forgets: true })
    expect(await readAt(position([hash], inclusion))).toEqual(absent({ replaced: true }))

    await chain.ask('eth_sendRawTransaction', raw)
    await chain.mine()
    const again = await readAt(position([hash], inclusion))
    if (again.kind !== 'mined' || again.receipt === null) throw new Error('It is not found again.')
    expect(again.receipt.inclusion.block).toBe(inclusion.block + 1)
    expect(again.receipt.inclusion.blockHash).not.toBe(inclusion.blockHash)
  })

  it('concludes no reorg from a node that does not know the block yet', async () => {
    const { hash, inclusion } = await minedTransfer()
    proxyAt(0).interfere = answering('eth_getBlockByNumber', { result: null })
    expect((await readAt(position([hash], inclusion))).kind).toBe('unknown')
  })

  it('finds nothing on a node whose receipts lag, unless a block was seen to hold it', async () => {
    const trail = createBlockTrail({ rpc: endpoints[0]?.rpc as JsonRpc })
    const since = await chain.head()
    const { hash } = await minedTransfer()
    proxyAt(0).interfere = answering('eth_getTransactionReceipt', { result: null })
    expect(await readAt(position([hash]))).toEqual(absent())
    trail.see(readBlock(await chain.ask('eth_getBlockByNumber', 'latest', false)) as Block)
    expect(await readAt({ ...position([hash]), since }, { trail })).toMatchObject({ kind: 'unknown' })
  })

  describe.each([
    ['an error', { error: { code: -32000, message: 'header not found' } }],
    ['a number for a quantity', { result: 1 }],
    ['an empty object', { result: {} }],
  ])('on %s', (_, change) => {
    it('in answer to eth_getTransactionReceipt it is unknown', async () => {
      const unsent = await transfer(0)
      proxyAt(0).interfere = answering('eth_getTransactionReceipt', change)
      expect((await readAt(position([unsent.hash]))).kind).toBe('unknown')
    })

    it('in answer to eth_getBlockByNumber it is unknown', async () => {
      const { hash, inclusion } = await minedTransfer()
      proxyAt(0).interfere = answering('eth_getBlockByNumber', change)
      expect((await readAt(position([hash], inclusion))).kind).toBe('unknown')
    })
  })

  it('is unknown without any answer', async () => {
    const { hash, inclusion } = await minedTransfer()
    const unsent = await transfer(1)
    proxyAt(0).interfere = () => ({ kind: 'drop' })
    const findings = await read([position([hash], inclusion), position([unsent.hash])])
    expect(findings.map(({ kind }) => kind)).toEqual(['unknown', 'unknown'])
  })

  it('believes a receipt of ours though the receipts of other attempts cannot be read', async () => {
    const { hash } = await minedTransfer()
    const other = await transfer(0, 60n)
    proxyAt(0).interfere = rewriteEach((reply, { params }) =>
      params[0] === other.hash
        ? { jsonrpc: '2.0', id: reply.id, error: { code: -32000, message: 'no' } }
        : null,
    )
    expect((await readAt(position([other.hash, hash]))).kind).toBe('mined')
  })

  it('is final with so many blocks on top, and not one before', async () => {
    const { hash, inclusion } = await minedTransfer()
    await chain.mine(2)
    expect(await readAt(position([hash], inclusion))).toMatchObject({ kind: 'mined', final: false })
    expect(await readAt(position([hash]))).toMatchObject({ kind: 'mined', final: false })
    await chain.mine(1)
    expect(await readAt(position([hash], inclusion))).toEqual({
      kind: 'mined',
      receipt: null,
      final: true,
    })
    expect(await readAt(position([hash]))).toMatchObject({ kind: 'mined', final: true })
  })

  it('is final once the tag has reached its block, and not when the tag cannot be read', async () => {
    const finality: Finality = { tag: 'finalized', fallbackDepth: 64 }
    const { hash, inclusion } = await minedTransfer()
    const at = position([hash], inclusion)
    expect(await readAt(at, { finality })).toMatchObject({ kind: 'mined', final: false })
    const finalized = async () =>
      Number((await chain.ask<{ number: Hex }>('eth_getBlockByNumber', 'finalized', false)).number)
    while ((await finalized()) < inclusion.block - 1) await chain.mine()
    expect(await readAt(at, { finality })).toMatchObject({ kind: 'mined', final: false })
    await chain.mine(1)
    expect(await readAt(at, { finality })).toEqual({ kind: 'mined', receipt: null, final: true })
    proxyAt(0).interfere = rewriteEach((reply, { params }) =>
      params[0] === 'finalized' ? { jsonrpc: '2.0', id: reply.id, result: null } : null,
    )
    expect(await readAt(at, { finality })).toEqual({ kind: 'mined', receipt: null, final: false })
  })

  it('calls it final as soon as it is, where heads skip blocks at every turn', async () => {
    const { hash, inclusion } = await minedTransfer()
    const trail = createBlockTrail({ rpc: endpoints[0]?.rpc as JsonRpc })
    const see = async () =>
      trail.see(readBlock(await chain.ask('eth_getBlockByNumber', 'latest', false)) as Block)
    await see()
    const at = position([hash], inclusion)
    const finality = { depth: 15 }
    for (const final of [false, false, true]) {
      await chain.mine(5)
      await see()
      expect(await readAt(at, { trail, finality })).toEqual({ kind: 'mined', receipt: null, final })
    }
    expect(callsOf(proxyAt(0), 'eth_getBlockByNumber')).toBe(0)
    expect(callsOf(proxyAt(0), 'eth_call')).toBe(2)
  })

  it('asks for its block once it is final where the trail cannot find back to it', async () => {
    const { hash, inclusion } = await minedTransfer()
    const trail = createBlockTrail({ rpc: endpoints[0]?.rpc as JsonRpc })
    const see = async () =>
      trail.see(readBlock(await chain.ask('eth_getBlockByNumber', 'latest', false)) as Block)
    await see()
    await chain.mine(300)
    await see()
    const at = position([hash], inclusion)
    expect(await readAt(at, { trail, finality: { depth: 15 } })).toMatchObject({ final: true })
    expect(callsOf(proxyAt(0), 'eth_getBlockByNumber')).toBe(1)
  })

  it('does not call a receipt final whose block has left the chain', async () => {
    const { hash } = await minedTransfer()
    await chain.mine(5)
    const told = await chain.ask<object>('eth_getTransactionReceipt', hash)
    const stale = { ...told, blockHash: `0x${'5a'.repeat(32)}` }
    proxyAt(0).interfere = answering('eth_getTransactionReceipt', { result: stale })
    expect(await readAt(position([hash]))).toMatchObject({ kind: 'mined', final: false })
  })

  it('concludes nothing from a receipt of the very block that is known to have left the chain', async () => {
    const { hash, inclusion } = await minedTransfer()
    await chain.mine(5)
    const gone = { ...inclusion, blockHash: `0x${'5a'.repeat(32)}` as const }
    const told = await chain.ask<object>('eth_getTransactionReceipt', hash)
    const stale = { ...told, blockHash: gone.blockHash }
    proxyAt(0).interfere = answering('eth_getTransactionReceipt', { result: stale })
    expect(await readAt(position([hash], gone))).toMatchObject({ kind: 'unknown' })
    proxyAt(0).interfere = null
    expect(await readAt(position([hash], gone))).toMatchObject({ kind: 'mined', receipt: { inclusion } })
  })

  it('asks nothing about one whose blocks were all seen and do not hold it, unless that is doubted', async () => {
    const rpc = endpoints[0]?.rpc as JsonRpc
    const trail = createBlockTrail({ rpc })
    const since = await chain.head()
    const { hash } = await transfer(0)
    await chain.mine()
    trail.see(readBlock(await chain.ask('eth_getBlockByNumber', 'latest', false)) as Block)
    const seen = { ...position([hash]), since }
    const asked = () => callsOf(proxyAt(0), 'eth_getTransactionReceipt')
    expect(await readAt(seen, { trail })).toEqual(absent({ asked: false }))
    expect(await readAt({ ...seen, since: since - 1, ask: 'never' }, { trail })).toEqual(
      absent({ asked: false }),
    )
    expect(asked()).toBe(0)
    expect(await readAt({ ...seen, ask: 'always' }, { trail })).toEqual(absent())
    expect(await readAt({ ...seen, since: since - 1 }, { trail })).toEqual(absent())
    expect(asked()).toBe(2)
  })

  it('asks for the receipt of the very transaction that a block was seen to hold', async () => {
    const rpc = endpoints[0]?.rpc as JsonRpc
    const trail = createBlockTrail({ rpc })
    const since = await chain.head()
    const dear = await transfer(0, 40n)
    await send(dear)
    await chain.mine()
    trail.see(readBlock(await chain.ask('eth_getBlockByNumber', 'latest', false)) as Block)
    const cheap = await transfer(0, 20n)
    const finding = await readAt({ ...position([cheap.hash, dear.hash]), since }, { trail })
    expect(finding).toMatchObject({ kind: 'mined', receipt: { inclusion: { hash: dear.hash } } })
    expect(callsOf(proxyAt(0), 'eth_getTransactionReceipt')).toBe(1)
  })

  describe('several in one block that holds little else', () => {
    async function twoInABlock() {
      const trail = createBlockTrail({ rpc: endpoints[0]?.rpc as JsonRpc })
      const since = await chain.head()
      const hashes = [(await send(await transfer(0))) as Hex, (await send(await transfer(1))) as Hex]
      await chain.mine()
      trail.see(readBlock(await chain.ask('eth_getBlockByNumber', 'latest', false)) as Block)
      const positions = hashes.map((hash) => ({ ...position([hash]), since }))
      return { hashes, read: () => read(positions, { trail }) }
    }
    const minedHashes = (findings: readonly Finding[]) =>
      findings.map((finding) => (finding.kind === 'mined' ? finding.receipt?.inclusion.hash : finding.kind))

    it('are found with one call', async () => {
      const { hashes, read } = await twoInABlock()
      expect(minedHashes(await read())).toEqual(hashes)
      expect(Object.fromEntries(proxyAt(0).methods)).toEqual({ eth_getBlockReceipts: 1 })
    })

    it('are found one by one where the node does not know that call', async () => {
      const { hashes, read } = await twoInABlock()
      proxyAt(0).interfere = answering('eth_getBlockReceipts', {
        error: { code: -32_601, message: 'the method eth_getBlockReceipts does not exist/is not available' },
      })
      expect(minedHashes(await read())).toEqual(hashes)
      expect(callsOf(proxyAt(0), 'eth_getTransactionReceipt')).toBe(2)
    })
  })

  it('asks for one receipt of each that waits, and for nothing else', async () => {
    const waiting = await Promise.all([0, 1, 2, 3, 4, 5, 6].map((nonce) => transfer(nonce)))
    await read(waiting.map(({ hash }) => position([hash])))
    expect([...proxyAt(0).methods]).toEqual([['eth_getTransactionReceipt', 7]])
  })

  it('asks for nothing but its block about what is included, once for all in one block', async () => {
    const signed = await Promise.all([0, 1, 2].map((nonce) => transfer(nonce)))
    for (const each of signed) await send(each)
    await chain.mine()
    const findings = await read(signed.map(({ hash }) => position([hash])))
    const included = findings.map((finding, nonce) => {
      if (finding.kind !== 'mined' || finding.receipt === null) throw new Error('It is not mined.')
      return position([signed[nonce]?.hash as Hex], finding.receipt.inclusion)
    })
    const receipts = callsOf(proxyAt(0), 'eth_getTransactionReceipt')
    expect(await read(included)).toEqual(included.map(() => ({ kind: 'mined', receipt: null, final: false })))
    expect(callsOf(proxyAt(0), 'eth_getBlockByNumber')).toBe(1)
    expect(callsOf(proxyAt(0), 'eth_getTransactionReceipt')).toBe(receipts)
  })
})
