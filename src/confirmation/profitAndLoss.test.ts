import { describe, expect, it } from 'vitest'
import { liveTrade } from '../../test/support/liveContext.ts'
import { outcomeCode } from '../domain/liveOutcome.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { createProfitAndLoss } from './profitAndLoss.ts'

const NATIVE: Address = `0x${'aa'.repeat(20)}`
const TOKEN: Address = `0x${'cc'.repeat(20)}`
const EXECUTOR: Address = `0x${'e0'.repeat(20)}`
const OTHER: Address = `0x${'bb'.repeat(20)}`
const topic = (address: Address): Hex => `0x${address.slice(2).padStart(64, '0')}`
const word = (amount: bigint) => amount.toString(16).padStart(64, '0')
const GAS_WEI = 400_000n * 1_000_000_007n
const EVENT: Hex = '0x433695460d3002551bb087e3ade922fe0c88df99cee3beabe07a0de7ff428195'
const TRANSFER: Hex = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

/** What a trade is told to have come to whose receipt shows this profit. */
async function outcome({
  profit,
  loanToken = NATIVE,
  priceE8 = null,
}: {
  profit: bigint
  loanToken?: Address
  priceE8?: bigint | null
}) {
  const realised = await createProfitAndLoss({
    wrappedNative: NATIVE,
    price: async () =>
      priceE8 === null
        ? { kind: 'unread', failure: { sentence: 'No node tells.' } }
        : { kind: 'known', priceE8, decimals: 18 },
    names: { amount: (amount) => `${amount} units`, wei: (wei) => `${wei} wei` },
    learn: async () => {},
    warn() {},
  })({
    signal: liveTrade('a', { loanToken }),
    executor: EXECUTOR,
    receipt: {
      inclusion: {
        hash: '0x01',
        block: 1,
        blockHash: '0x02',
        gasUsed: 400_000n,
        effectiveGasPriceWei: 1_000_000_007n,
        l1FeeWei: 0n,
      },
      success: true,
      logs: [
        {
          address: EXECUTOR,
          topics: [EVENT, topic(OTHER), topic(OTHER), topic(loanToken)],
          data: `0x${word(10n ** 18n)}${word(profit)}`,
        },
        { address: loanToken, topics: [TRANSFER, topic(OTHER), topic(EXECUTOR)], data: `0x${word(profit)}` },
      ],
    },
  })
  return { realised, code: outcomeCode({ state: 'included', failure: null, realised }) }
}

describe('a loan in the wrapped native coin', () => {
  it.each([
    [-1n, 'NET_LOSS'],
    [0n, 'NET_LOSS'],
    [1n, null],
  ])('needs no price to be told from a loss (net %s wei)', async (netWei, code) => {
    expect(await outcome({ profit: GAS_WEI + netWei })).toMatchObject({
      realised: { netWei, netProfitUsdE8: null },
      code,
    })
  })

  it('is told in USD where there is a price', async () => {
    const { realised, code } = await outcome({ profit: GAS_WEI + 10n ** 15n, priceE8: 300_000_000_007n })
    expect([realised.netProfitUsdE8, code]).toEqual([300_000_000n, null])
  })
})

describe('a loan in another token', () => {
  it('is not compared with its gas where there is no price', async () => {
    const { realised, code } = await outcome({ profit: 1n, loanToken: TOKEN })
    expect([realised.netProfitUsdE8, realised.netWei, code]).toEqual([null, undefined, null])
    expect(realised).toMatchObject({
      unpriced: 'No node tells.',
      told: { profit: '1 units', gas: `${GAS_WEI} wei` },
    })
  })

  it('is told net of its gas where there is one', async () => {
    const { realised, code } = await outcome({ profit: 1n, loanToken: TOKEN, priceE8: 300_000_000_007n })
    expect([realised.netProfitUsdE8, code]).toEqual([-120_000_001n, 'NET_LOSS'])
  })
})
