import {
  encodeFunctionData,
  getAddress,
  keccak256,
  maxUint256,
  parseAbi,
  parseEventLogs,
  toHex,
  zeroAddress,
} from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addresses } from './test/addresses.ts'
import { deployAdversary } from './test/deployAdversary.ts'
import { encodeRoute, type Hop } from './test/encodeRoute.ts'
import { executorArtifact, startWorld, type World } from './test/startWorld.ts'
import { flashSources, type Trade, trades } from './test/trades.ts'

const { dai, weth, v2Router, balancerVault, aavePool } = addresses
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
        await world.undone(async () => {
          const signalId = keccak256(toHex('of a lane'))
          const receipt = await world.execute({ ...candidate, signalId }, { from: lane })
          expect(world.tradesIn(receipt)).toMatchObject([{ signalId, lane, token: dai }])
        })
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
            ['setTreasury', [from]],
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

    it('changes its owner in two steps, so that a mistyped address takes nothing', () =>
      world.undone(async () => {
        const { owner, stranger, treasury } = world
        await world.write('transferOwnership', [treasury])
        expect([await world.read('owner'), await world.read('pendingOwner')]).toEqual([owner, treasury])
        expect((await world.refusalOf(world.tryWrite('setTreasury', [treasury], treasury))).error).toBe(
          'OwnableUnauthorizedAccount',
        )
        expect(await world.refusalOf(world.tryWrite('acceptOwnership', [], stranger))).toEqual({
          error: 'OwnableUnauthorizedAccount',
          args: [stranger],
        })
        // Another name replaces the first, and zero takes the offer back.
        await world.write('transferOwnership', [zeroAddress])
        expect((await world.refusalOf(world.tryWrite('acceptOwnership', [], treasury))).error).toBe(
          'OwnableUnauthorizedAccount',
        )
        await world.write('transferOwnership', [treasury])
        await world.write('acceptOwnership', [], treasury)
        expect([await world.read('owner'), await world.read('pendingOwner')]).toEqual([treasury, zeroAddress])
        expect((await world.refusalOfExecute(candidate, { from: owner })).error).toBe('NotAuthorized')
        expect(await world.profitOf(candidate, { from: treasury })).toBeGreaterThan(0n)
      }))

    it('cannot be left without an owner', async () => {
      expect((await world.refusalOf(world.tryWrite('renounceOwnership', []))).error).toBe('CannotRenounce')
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
      for (const token of [dai, zeroAddress]) {
        expect(await world.refusalOf(world.tryWrite('withdraw', [token, zeroAddress, 1n]))).toEqual({
          error: 'NoRecipient',
          args: [],
        })
      }

      // 2^256 - 1 is all there is.
      await world.write('withdraw', [dai, treasury, maxUint256])
      expect((await world.balanceOf(dai, treasury)) - before).toBe(profit)
      await world.write('withdraw', [zeroAddress, treasury, maxUint256])
      expect((await world.client.getBalance({ address: treasury })) - coins).toBe(1_234_567n)
    }))

  it('is swept by the owner and the lanes, to the treasury that the owner named and nowhere else', () =>
    world.undone(async () => {
      const { owner, lane, stranger, treasury, executor } = world
      await world.write('setLane', [lane, true])
      const sweep = [[dai, weth, zeroAddress]] as const
      for (const from of [owner, lane]) {
        expect(await world.refusalOf(world.tryWrite('sweep', sweep, from))).toEqual({
          error: 'TreasuryMissing',
          args: [],
        })
      }
      await world.write('setTreasury', [treasury])
      expect(await world.read('treasury')).toBe(treasury)
      expect(await world.refusalOf(world.tryWrite('sweep', sweep, stranger))).toEqual({
        error: 'NotAuthorized',
        args: [stranger],
      })
      expect((await world.refusalOf(world.tryWrite('sweep', sweep, treasury))).error).toBe('NotAuthorized')

      for (const from of [owner, lane]) {
        await world.execute(candidate)
        await world.send({ from: owner, to: executor, data: '0x', value: 31n })
        const held = await world.balanceOf(dai, executor)
        expect(held).toBeGreaterThan(0n)
        const [tokens, coins] = [
          await world.balanceOf(dai, treasury),
          await world.client.getBalance({ address: treasury }),
        ]
        const { logs } = await world.write('sweep', sweep, from)
        expect((await world.balanceOf(dai, treasury)) - tokens).toBe(held)
        expect((await world.client.getBalance({ address: treasury })) - coins).toBe(31n)
        expect(await world.balanceOf(dai, executor)).toBe(0n)
        const swept = parseEventLogs({ abi: executorArtifact.abi, logs, eventName: 'Swept' }) as unknown as {
          args: object
        }[]
        // There was no WETH, so nothing of it was sent.
        expect(swept.map(({ args }) => args)).toEqual([
          { token: dai, treasury, amount: held },
          { token: zeroAddress, treasury, amount: 31n },
        ])
      }
      await world.write('setTreasury', [zeroAddress])
      expect((await world.refusalOf(world.tryWrite('sweep', sweep, lane))).error).toBe('TreasuryMissing')
    }))
})
