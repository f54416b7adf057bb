import {
  type Address,
  decodeErrorResult,
  encodeAbiParameters,
  encodeFunctionData,
  getAddress,
  type Hex,
  hexToBytes,
  keccak256,
  pad,
  size,
  toFunctionSelector,
  toHex,
} from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addresses } from './test/addresses.ts'
import { adversary } from './test/deployAdversary.ts'
import { lensArtifact, simulateByLens } from './test/simulateByLens.ts'
import { encodeExecute, executorArtifact, startWorld, type World } from './test/startWorld.ts'
import { flashSources, type Trade, trades } from './test/trades.ts'

const { dai, v2Router } = addresses
const [trade] = trades as [Trade]
const nowhere = getAddress('0x00000000000000000000000000000000000a4b17')
const opOracle = '0x420000000000000000000000000000000000000F'
const scrollOracle = '0x5300000000000000000000000000000000000002'
const arbGasInfo = '0x000000000000000000000000000000000000006C'
const arbSys = '0x0000000000000000000000000000000000000064'

describe('SimulationLens', { timeout: 120_000 }, () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  }, 120_000)
  afterAll(() => world?.stop())

  const data = encodeExecute({ flashSource: 1, ...trade })
  const ask = (change: object = {}) =>
    simulateByLens({ world, caller: world.owner, target: world.executor, data, token: dai, ...change })

  for (const { flashSource, lender } of flashSources) {
    for (const { name, ...each } of trades) {
      it(`${lender}, ${name}: says what the transaction then does, deployed or injected`, () =>
        world.undone(async () => {
          const passing = each.hops.slice(0, -1).map(({ tokenOut }) => tokenOut)
          const data = encodeExecute({ flashSource, ...each })
          const question = { data, token: each.loanToken, passing }
          const injected = await ask({ ...question, target: nowhere, injectAt: nowhere })
          const deployed = await ask(question)
          const block = await world.client.getBlock()
          const funds = await world.client.getBalance({ address: world.owner })
          const spent = await gasSpent({ from: world.owner, to: world.executor, data: question.data })
          const receipt = await world.execute({ flashSource, ...each })
          const profit = world.tradesIn(receipt)[0]?.profit as bigint

          expect(injected).toEqual(deployed)
          expect(deployed).toEqual({
            ok: true,
            gasUsed: deployed.gasUsed,
            l1Fee: 0n,
            blockNumber: block.number,
            timestamp: block.timestamp,
            balanceBefore: 0n,
            balanceAfter: profit,
            ret: pad(toHex(profit)),
            left: passing.map(() => 0n),
            funds,
          })
          // The call instruction itself and what it copies come on top of what the transaction spends in the
          // executor.
          expect(deployed.gasUsed).toBeGreaterThan(spent)
          expect(deployed.gasUsed).toBeLessThan(spent + 1_000n)
        }))
    }
  }

  /** Gas of the transaction's outermost call, before refunds. */
  async function gasSpent(transaction: { from: Address; to: Address; data: Hex }): Promise<bigint> {
    const trace = (await world.client.request({
      method: 'debug_traceCall',
      params: [transaction, 'latest', { disableStack: true, disableMemory: true, disableStorage: true }],
    } as never)) as { structLogs: { depth: number; gas: number; gasCost: number }[] }
    const first = trace.structLogs[0]
    const last = trace.structLogs.at(-1)
    if (!first || last?.depth !== first.depth) throw new Error('the trace is not of one whole call')
    return BigInt(first.gas - (last.gas - last.gasCost))
  }

  it('lets the executor see its caller: a lane is one, a stranger is not', () =>
    world.undone(async () => {
      await world.write('setLane', [world.lane, true])
      const answer = await ask({ caller: world.lane })
      expect(answer.ok).toBe(true)
      expect(answer.balanceAfter - answer.balanceBefore).toBe(
        await world.profitOf({ flashSource: 1, ...trade }),
      )

      const { ok, ret } = await ask({ caller: world.stranger })
      expect(ok).toBe(false)
      expect(decodeErrorResult({ abi: executorArtifact.abi, data: ret })).toMatchObject({
        errorName: 'NotAuthorized',
        args: [world.stranger],
      })
    }))

  it('measures from what the target holds already', () =>
    world.undone(async () => {
      await world.give(dai, world.executor, 777_000_123n)
      const { balanceBefore, balanceAfter, ret } = await ask()
      expect(balanceBefore).toBe(777_000_123n)
      expect(balanceAfter - balanceBefore).toBe(BigInt(ret))
    }))

  it('hands on what the executor refused with, and asks for no L1 fee then', async () => {
    const answer = await ask({
      data: encodeExecute({ flashSource: 1, ...trade, minProfit: 10n ** 30n }),
      l1FeeModel: 1,
    })
    expect(answer).toMatchObject({ ok: false, l1Fee: 0n })
    expect(decodeErrorResult({ abi: executorArtifact.abi, data: answer.ret }).errorName).toBe('ProfitTooLow')
    expect(answer.balanceAfter).toBe(answer.balanceBefore)
    expect(answer.gasUsed).toBeGreaterThan(100_000n)
  })

  it('takes no code for a failure', async () => {
    const errorIn = (ret: Hex) => decodeErrorResult({ abi: lensArtifact.abi, data: ret })
    const noTarget = await ask({ target: nowhere })
    expect(noTarget.ok).toBe(false)
    expect(errorIn(noTarget.ret)).toMatchObject({ errorName: 'NoCode', args: [nowhere] })
    const noToken = await ask({ token: nowhere })
    expect(noToken.ok).toBe(false)
    expect(errorIn(noToken.ret)).toMatchObject({ errorName: 'NoCode', args: [nowhere] })
    const notAToken = await ask({ token: v2Router })
    expect(notAToken.ok).toBe(false)
    expect(errorIn(notAToken.ret)).toMatchObject({ errorName: 'BalanceUnreadable', args: [v2Router] })
  })

  describe('L1 fee', () => {
    const uint = (...values: bigint[]): Hex =>
      encodeAbiParameters(
        values.map(() => ({ type: 'uint256' })),
        values,
      )
    const abi = lensArtifact.abi

    /** Puts a stand-in oracle at the address, with answers by signature. */
    async function plantOracle(address: Address, answers: Record<string, Hex>) {
      const oracle = adversary('PlantedOracle')
      await world.client.setCode({ address, bytecode: oracle.deployedBytecode })
      for (const [signature, answer] of Object.entries(answers)) {
        await world.send({
          from: world.owner,
          to: address,
          data: encodeFunctionData({
            abi: oracle.abi,
            functionName: 'plantAnswer',
            args: [toFunctionSelector(signature), answer],
          }),
        })
      }
    }

    /**
     * What the stand-in asks for the data and `fillers` words of noise: a wei per byte, a million per byte
     * not zero.
     */
    function feeFor(fillers: number): bigint {
      const noise = ['0', '1', '2', '3'].slice(0, fillers).map((seed) => keccak256(toHex(seed)))
      const bytes = [data, ...noise].flatMap((part) => [...hexToBytes(part)])
      return BigInt(bytes.length + 1_000_000 * bytes.filter((byte) => byte !== 0).length)
    }

    it('OP stack: of the unsigned transaction, and the operator fee where there is one', () =>
      world.undone(async () => {
        await plantOracle(opOracle, {})
        const before = await ask({ l1FeeModel: 1 })
        expect(before).toMatchObject({ ok: true, l1Fee: feeFor(2) })
        await plantOracle(opOracle, { 'function getOperatorFee(uint256)': uint(3n) })
        const after = await ask({ l1FeeModel: 1 })
        expect(after.l1Fee).toBe(feeFor(2) + 3n * (after.gasUsed + 21_000n + 16n * BigInt(size(data))))
      }))

    it('Mantle: in its own coin', () =>
      world.undone(async () => {
        await plantOracle(opOracle, {
          'function tokenRatio()': uint(3_019n),
          'function getOperatorFee(uint256)': uint(1n),
        })
        const { ok, l1Fee, gasUsed } = await ask({ l1FeeModel: 3 })
        expect(ok).toBe(true)
        expect(l1Fee).toBe(feeFor(2) * 3_019n + gasUsed + 21_000n + 16n * BigInt(size(data)))
      }))

    it('Scroll: of the signed transaction', () =>
      world.undone(async () => {
        await plantOracle(scrollOracle, {})
        expect(await ask({ l1FeeModel: 2 })).toMatchObject({ ok: true, l1Fee: feeFor(4) })
      }))

    it('Arbitrum: of every byte, in a block of its own number', () =>
      world.undone(async () => {
        await plantOracle(arbGasInfo, {
          'function getPricesInWei()': uint(140_007n, 1_009n, 3n, 5n, 7n, 11n),
        })
        await plantOracle(arbSys, { 'function arbBlockNumber()': uint(398_765_432n) })
        expect(await ask({ l1FeeModel: 4 })).toMatchObject({
          ok: true,
          l1Fee: 140_007n + 1_009n * BigInt(size(data)),
          blockNumber: 398_765_432n,
        })
      }))

    it('is no simulation when the oracle does not answer', () =>
      world.undone(async () => {
        const refusal = { error: 'L1FeeUnavailable', args: [] }
        for (const l1FeeModel of [1, 2, 3, 4]) {
          expect(
            await world.refusalOf(ask({ l1FeeModel }), abi),
            `nothing at the oracle of ${l1FeeModel}`,
          ).toEqual(refusal)
        }
        await plantOracle(opOracle, {})
        expect((await ask({ l1FeeModel: 1 })).ok).toBe(true)
        expect(await world.refusalOf(ask({ l1FeeModel: 3 }), abi), 'no token ratio').toEqual(refusal)
        await plantOracle(arbSys, { 'function arbBlockNumber()': uint(5n) })
        expect(await world.refusalOf(ask({ l1FeeModel: 4 }), abi), 'no prices').toEqual(refusal)
        await plantOracle(arbGasInfo, { 'function getPricesInWei()': uint(1n, 2n, 3n, 4n, 5n) })
        expect(await world.refusalOf(ask({ l1FeeModel: 4 }), abi), 'a price too few').toEqual(refusal)
        await world.client.setCode({ address: scrollOracle, bytecode: '0xfe' })
        expect(await world.refusalOf(ask({ l1FeeModel: 2 }), abi), 'an oracle that reverts').toEqual(refusal)
      }))

    it('must be of a known model', async () => {
      expect(await world.refusalOf(ask({ l1FeeModel: 5 }), abi)).toEqual({
        error: 'UnknownL1FeeModel',
        args: [5],
      })
    })
  })
})
