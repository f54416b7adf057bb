import { AbiCoder, Interface, parseUnits } from 'ethers'
import artifact from '../../contracts/artifacts/OmniArbExecutor.json' with { type: 'json' }
import { addressBook, type DevnetTokenName } from '../../devnet/addressBook.ts'
import type { Address, FlashSource, Hex, Hop, ProtocolId, Signal } from '../../src/domain/signal.ts'

const { tokens, uniswapV2, uniswapV3, sushi, curve } = addressBook
const coder = AbiCoder.defaultAbiCoder()
const lower = (address: string) => address.toLowerCase() as Address

/** The executor's interface by ethers, which shares no code with our own encoder. */
export const executorInterface = new Interface(artifact.abi)

type Leg = readonly [ProtocolId, string, DevnetTokenName, string?]
const v2 = (to: DevnetTokenName): Leg => [0, uniswapV2.router, to]
const sushiV2 = (to: DevnetTokenName): Leg => [0, sushi.router, to]
const v3 = (to: DevnetTokenName, fee: number): Leg => [
  1,
  uniswapV3.router,
  to,
  coder.encode(['uint24'], [fee]),
]
const susd = (from: DevnetTokenName, to: DevnetTokenName): Leg => {
  const indices = [curve.coins.indexOf(from), curve.coins.indexOf(to)]
  return [2, curve.susdPool, to, coder.encode(['int128', 'int128'], indices)]
}

export interface DevnetTrade {
  readonly name: string
  readonly signal: Signal
  readonly calldata: Hex
}

/** A signal and its calldata, from the world's names. */
export function devnetTrade({
  name = 'a trade',
  flashSource,
  token,
  amount,
  legs,
  chainId = 1,
}: {
  name?: string
  flashSource: FlashSource
  token: DevnetTokenName
  /** Whole tokens, e.g. `1000.5`. */
  amount: string
  legs: readonly Leg[]
  chainId?: number
}): DevnetTrade {
  const { address, decimals } = tokens[token]
  const loanToken = lower(address)
  const loanAmount = parseUnits(amount, decimals)
  const hops = legs.map(
    ([protocol, router, to, extra = '0x'], index): Hop => ({
      protocol,
      router: lower(router),
      tokenIn: index === 0 ? loanToken : lower(tokens[legs[index - 1]?.[2] ?? to].address),
      tokenOut: lower(tokens[to].address),
      extra: extra as Hex,
    }),
  )
  const routeData = coder.encode(
    ['uint8[]', 'address[]', 'address[]', 'bytes[]'],
    [
      hops.map(({ protocol }) => protocol),
      hops.map(({ router }) => router),
      hops.map(({ tokenOut }) => tokenOut),
      hops.map(({ extra }) => extra),
    ],
  )
  const calldata = executorInterface.encodeFunctionData('execute', [
    flashSource,
    loanToken,
    loanAmount,
    routeData,
  ])
  return {
    name,
    calldata: calldata as Hex,
    signal: {
      signalId: `${name}-${amount}`,
      chainId,
      flashSource,
      loanToken,
      loanAmount,
      hops,
      expectedProfitUsd: 50,
      minProfit: 0n,
      validUntilMs: null,
      maxBlock: null,
      relay: 'public',
      wait: 'none',
    },
  }
}

/** The trades that pay in the fresh world. */
export const PAYING_TRADES: readonly DevnetTrade[] = [
  devnetTrade({
    name: 'Balancer V3, V2 → V3',
    flashSource: 1,
    token: 'dai',
    amount: '4000',
    legs: [v2('weth'), v3('dai', 3000)],
  }),
  devnetTrade({
    name: 'Aave V3, V2 → V2',
    flashSource: 2,
    token: 'dai',
    amount: '2000',
    legs: [v2('weth'), sushiV2('dai')],
  }),
  devnetTrade({
    name: 'Aave V3, V2 → V3 0.05 %',
    flashSource: 2,
    token: 'usdc',
    amount: '1500',
    legs: [v2('weth'), v3('usdc', 500)],
  }),
  devnetTrade({
    name: 'Aave V3, V3 → Curve → V2',
    flashSource: 2,
    token: 'weth',
    amount: '2',
    legs: [v3('dai', 3000), susd('dai', 'usdc'), v2('weth')],
  }),
]

/** The first trade the other way round: it loses. */
export const LOSING_TRADE = devnetTrade({
  name: 'the wrong way',
  flashSource: 1,
  token: 'dai',
  amount: '20000',
  legs: [v3('weth', 3000), v2('dai')],
})

/** 1,000.000 USDC and a bit more for each index: distinct candidates that all pay. */
export const numberedTrade = (index: number): DevnetTrade =>
  devnetTrade({
    name: 'numbered',
    flashSource: 1,
    token: 'usdc',
    amount: (1_000 + index / 1_000_000).toFixed(6),
    legs: [v2('weth'), v3('usdc', 3000)],
  })
