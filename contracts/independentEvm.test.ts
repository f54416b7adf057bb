import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { createAddressFromString } from '@ethereumjs/util'
import { createVM, type VM } from '@ethereumjs/vm'
import { getAddress, type Hex, hexToBytes, toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  decodeSimulate,
  encodeSimulate,
  executorStorage,
  type LensAnswer,
  lensArtifact,
  simulateByLens,
} from './test/simulateByLens.ts'
import { encodeExecute, executorArtifact, startWorld, type World } from './test/startWorld.ts'
import { flashSources, trades } from './test/trades.ts'

const executor = getAddress('0x00000000000000000000000000000000000a4b17')
const stranger = getAddress('0x7000000000000000000000000000000000000dad')

interface Account {
  balance: Hex
  nonce: Hex
  code?: Hex
  storage?: Record<Hex, Hex>
}

/** The devnet's world in @ethereumjs/vm, an EVM that shares no code with anvil's. */
async function startIndependentEvm(): Promise<VM> {
  const packed = readFileSync(new URL('../devnet/world/genesis.json.gz', import.meta.url))
  const { alloc } = JSON.parse(gunzipSync(packed).toString()) as { alloc: Record<Hex, Account> }
  const accounts: Record<string, Account> = {
    ...alloc,
    [stranger]: { balance: '0x0', nonce: '0x0', code: lensArtifact.deployedBytecode },
    [executor]: {
      balance: '0x0',
      nonce: '0x0',
      code: executorArtifact.deployedBytecode,
      storage: executorStorage(stranger),
    },
  }
  const vm = await createVM()
  await vm.stateManager.generateCanonicalGenesis?.(
    Object.fromEntries(
      Object.entries(accounts).map(([address, { balance, nonce, code, storage }]) => [
        address,
        [balance, code, Object.entries(storage ?? {}), nonce],
      ]),
    ),
  )
  return vm
}

describe('OmniArbExecutor on an independent EVM', { timeout: 120_000 }, () => {
  let world: World
  let vm: VM
  beforeAll(async () => {
    ;[world, vm] = await Promise.all([startWorld(), startIndependentEvm()])
  }, 120_000)
  afterAll(() => world?.stop())

  async function simulate({ data, block }: { data: Hex; block: LensAnswer }): Promise<LensAnswer> {
    const address = createAddressFromString(stranger)
    await vm.evm.journal.checkpoint()
    const { execResult } = await vm.evm.runCall({
      caller: address,
      to: address,
      data: hexToBytes(data),
      gasLimit: 25_000_000n,
      block: { header: headerOf(block) } as never,
    })
    await vm.evm.journal.revert()
    if (execResult.exceptionError) throw new Error(execResult.exceptionError.error)
    return decodeSimulate(toHex(execResult.returnValue))
  }

  for (const { flashSource, lender } of flashSources) {
    for (const { name, ...trade } of trades) {
      it(`${lender}, ${name}: the same profit, to the unit, and the same gas`, async () => {
        const question = {
          target: executor,
          data: encodeExecute({ flashSource, ...trade }),
          token: trade.loanToken,
        }
        const onAnvil = await simulateByLens({ world, caller: stranger, injectAt: executor, ...question })
        const here = await simulate({ data: encodeSimulate(question), block: onAnvil })
        expect(onAnvil.ok).toBe(true)
        expect(BigInt(onAnvil.ret)).toBeGreaterThan(0n)
        expect(here).toEqual(onAnvil)
      })
    }
  }
})

function headerOf({ blockNumber, timestamp }: LensAnswer) {
  return {
    number: blockNumber,
    timestamp,
    cliqueSigner: () => createAddressFromString(stranger),
    coinbase: createAddressFromString('0x0000000000000000000000000000000000000000'),
    difficulty: 0n,
    prevRandao: new Uint8Array(32),
    gasLimit: 30_000_000n,
    baseFeePerGas: 0n,
    getBlobGasPrice: () => 1n,
  }
}
