import { encodeFunctionData, getAddress, parseAbi, zeroAddress } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addresses } from './test/addresses.ts'
import { deployAdversary } from './test/deployAdversary.ts'
import { encodeRoute, type Hop } from './test/encodeRoute.ts'
import { startWorld, type World } from './test/startWorld.ts'
import { flashSources, type Trade, trades } from './test/trades.ts'

const { dai, v2Router, balancerVault, aavePool } = addresses
const [trade] = trades as [Trade]
const candidate = { flashSource: 1, ...trade }
const nowhere = getAddress('0x00000000000000000000000000000000000c0de5')

describe('OmniArbExecutor access and lenders', { timeout: 120_000 }, () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  }, 120_000)
  afterAll(() => world?.stop())

  const refused = (change: object) => world.refusalOfExecute({ ...candidate, ...change })

  describe('who may call', () => {
    it('lets the owner and lanes trade, and nobody else', () =>
      world.undone(async () => {
        const { lane, stranger } = world
        expect(await world.refusalOfExecute(candidate, { from: lane })).toEqual({
          error: 'NotAuthorized',
          args: [lane],
        })
        await world.write('setLane', [lane, true])
        expect(await world.read('isLane', [lane])).toBe(true)
        expect(await world.profitOf(candidate, { from: lane })).toBe(await world.profitOf(candidate))
        expect((await world.refusalOfExecute(candidate, { from: stranger })).error).toBe('NotAuthorized')

        await world.write('setLane', [lane, false])
        expect(await world.read('isLane', [lane])).toBe(false)
        expect((await world.refusalOfExecute(candidate, { from: lane })).error).toBe('NotAuthorized')
      }))

    it('sets several lanes at once', () =>
      world.undone(async () => {
        const { lane, stranger, treasury } = world
        await world.write('setLanes', [[lane, stranger], true])
        expect(
          await Promise.all([lane, stranger, treasury].map((account) => world.read('isLane', [account]))),
        ).toEqual([true, true, false])
        await world.write('setLanes', [[stranger, treasury], false])
        expect(await Promise.all([lane, stranger].map((account) => world.read('isLane', [account])))).toEqual(
          [true, false],
        )
      }))

    it('keeps configuration, lanes and withdrawals for the owner, a lane included', () =>
      world.undone(async () => {
        await world.write('setLane', [world.lane, true])
        for (const from of [world.lane, world.stranger]) {
          for (const [name, args] of [
            ['configure', [balancerVault, aavePool]],
            ['setLane', [from, true]],
            ['setLanes', [[from], true]],
            ['withdraw', [dai, from, 1n]],
            ['withdraw', [zeroAddress, from, 1n]],
            ['transferOwnership', [from]],
            ['renounceOwnership', []],
          ] as const) {
            expect(await world.refusalOf(world.tryWrite(name, args, from))).toEqual({
              error: 'OwnableUnauthorizedAccount',
              args: [from],
            })
          }
        }
      }))

    it('cannot be left without an owner', async () => {
      expect((await world.refusalOf(world.tryWrite('renounceOwnership', []))).error).toBe('CannotRenounce')
      expect((await world.refusalOf(world.tryWrite('transferOwnership', [zeroAddress]))).error).toBe(
        'OwnableInvalidOwner',
      )
    })

    it('refuses callbacks out of turn, from the lenders themselves too', async () => {
      const routeData = encodeRoute(trade)
      for (const from of [world.stranger, world.owner, balancerVault, aavePool]) {
        for (const [name, args] of [
          ['onBalancerUnlock', [dai, 1n, routeData]],
          ['executeOperation', [dai, 1n, 0n, world.executor, routeData]],
        ] as const) {
          expect((await world.refusalOf(world.tryWrite(name, args, from))).error).toBe('BadCallback')
        }
      }
    })

    it('refuses a loan a stranger takes in its name', async () => {
      const data = encodeFunctionData({
        abi: parseAbi(['function flashLoanSimple(address, address, uint256, bytes, uint16)']),
        args: [world.executor, dai, 10n ** 18n, encodeRoute(trade), 0],
      })
      const attempt = world.call({ from: world.stranger, to: aavePool, data })
      expect((await world.refusalOf(attempt)).error).toBe('BadCallback')
    })
  })

  describe('the lender', () => {
    it('must be known', async () => {
      for (const flashSource of [0, 3, 255]) {
        expect(await refused({ flashSource })).toEqual({ error: 'BadFlashSource', args: [flashSource] })
      }
    })

    it('must be set, and have code', () =>
      world.undone(async () => {
        for (const [vault, pool, missing] of [
          [zeroAddress, aavePool, 1],
          [nowhere, aavePool, 1],
          [balancerVault, zeroAddress, 2],
          [balancerVault, nowhere, 2],
        ] as const) {
          await world.write('configure', [vault, pool])
          expect(await refused({ flashSource: missing })).toEqual({ error: 'LenderMissing', args: [missing] })
          expect(await world.profitOf({ ...candidate, flashSource: 3 - missing })).toBeGreaterThan(0n)
        }
      }))

    it('must call back itself, once, by its own callback, in our name', () =>
      world.undone(async () => {
        const lender = await deployAdversary({ world, name: 'PliantLender' })
        await world.write('configure', [lender.address, lender.address])
        await world.give(dai, lender.address, 9_000n * 10n ** 18n)
        for (const { flashSource } of flashSources) {
          for (const mode of [0, 1, 2, 3]) {
            await lender.call('set', [mode])
            expect(await refused({ flashSource }), `source ${flashSource}, mode ${mode}`).toEqual({
              error: 'BadCallback',
              args: [],
            })
          }
        }
        await lender.call('set', [4])
        expect((await refused({ flashSource: 2 })).error).toBe('BadCallback')
      }))

    it('must have the token', async () => {
      for (const { flashSource } of flashSources) {
        await expect(world.profitOf({ ...candidate, flashSource, loanAmount: 10n ** 30n })).rejects.toThrow()
      }
    })

    it('must be asked for a token', async () => {
      for (const loanToken of [nowhere, v2Router] as const) {
        const hops = [...trade.hops.slice(0, 1), { ...(trade.hops[1] as Hop), tokenOut: loanToken }]
        expect(await refused({ loanToken, hops })).toEqual({ error: 'LoanTokenMissing', args: [loanToken] })
      }
    })
  })

  it('sends tokens and native coin to whom the owner says', () =>
    world.undone(async () => {
      const { owner, treasury, executor } = world
      await world.execute(candidate)
      const profit = await world.balanceOf(dai, executor)
      const before = await world.balanceOf(dai, treasury)
      await world.write('withdraw', [dai, treasury, profit - 3n])
      expect((await world.balanceOf(dai, treasury)) - before).toBe(profit - 3n)
      expect(await world.balanceOf(dai, executor)).toBe(3n)

      await world.send({ from: owner, to: executor, data: '0x', value: 1_234_567n })
      const coins = await world.client.getBalance({ address: treasury })
      await world.write('withdraw', [zeroAddress, treasury, 1_234_560n])
      expect((await world.client.getBalance({ address: treasury })) - coins).toBe(1_234_560n)
      expect(await world.client.getBalance({ address: executor })).toBe(7n)

      const coinless = await deployAdversary({ world, name: 'Coinless' })
      expect(await world.refusalOf(world.tryWrite('withdraw', [zeroAddress, coinless.address, 1n]))).toEqual({
        error: 'WithdrawFailed',
        args: [coinless.address],
      })
      expect((await world.refusalOf(world.tryWrite('withdraw', [zeroAddress, treasury, 8n]))).error).toBe(
        'WithdrawFailed',
      )
    }))
})
