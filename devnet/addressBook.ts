import addresses from './world/addresses.json' with { type: 'json' }

export type DevnetAddress = `0x${string}`
export type DevnetTokenName = 'weth' | 'dai' | 'usdc' | 'usdt' | 'susd'

interface UniswapV2Addresses {
  readonly factory: DevnetAddress
  readonly router: DevnetAddress
  /** By the names of the two tokens, for example `weth/usdc`. */
  readonly pairs: Readonly<Record<string, DevnetAddress>>
}

/** Where everything stands in the frozen world; the same on every chain of the devnet. Addresses are checksummed. */
export interface AddressBook {
  readonly tokens: Readonly<
    Record<
      DevnetTokenName,
      { readonly address: DevnetAddress; readonly symbol: string; readonly decimals: number }
    >
  >
  readonly uniswapV2: UniswapV2Addresses
  readonly sushi: UniswapV2Addresses
  readonly uniswapV3: {
    readonly factory: DevnetAddress
    readonly router: DevnetAddress
    readonly quoter: DevnetAddress
    readonly positionManager: DevnetAddress
    readonly tickLens: DevnetAddress
    readonly pools: readonly {
      readonly address: DevnetAddress
      readonly a: DevnetTokenName
      readonly b: DevnetTokenName
      readonly fee: number
    }[]
  }
  readonly curve: {
    readonly susdPool: DevnetAddress
    readonly lpToken: DevnetAddress
    /** In the order of the pool's indices. */
    readonly coins: readonly DevnetTokenName[]
  }
  readonly aave: {
    readonly poolAddressesProvider: DevnetAddress
    readonly pool: DevnetAddress
    readonly poolConfigurator: DevnetAddress
    /** Prices every token of the world in US dollars, with eight decimals. */
    readonly oracle: DevnetAddress
    readonly aclManager: DevnetAddress
    readonly dataProvider: DevnetAddress
  }
  readonly balancer: {
    readonly vault: DevnetAddress
    readonly vaultExtension: DevnetAddress
    readonly vaultAdmin: DevnetAddress
    readonly protocolFeeController: DevnetAddress
    readonly router: DevnetAddress
    readonly weightedPoolFactory: DevnetAddress
    readonly weightedPool: DevnetAddress
  }
  readonly multicall3: DevnetAddress
  readonly permit2: DevnetAddress
  /** See `devnetMarker`. */
  readonly marker: DevnetAddress
  /** Accounts of anvil's well-known mnemonic that the devnet itself uses; anvil signs for them. */
  readonly accounts: { readonly deployer: DevnetAddress; readonly noiseTrader: DevnetAddress }
}

// JSON gives plain strings; world.test.ts checks that each is an address with the right checksum.
export const addressBook = addresses as unknown as AddressBook
