import type { ChainProfile, FeeLimits, Finality } from './chainConfig.ts'

/** Where the OP stack puts the wrapped native coin on every chain built with it. */
const opStackWrappedNative = '0x4200000000000000000000000000000000000006'

/** Balancer V3 was deployed to one address wherever it is. */
const balancerVault = '0xba1333333333a1ba1108e8412f11850a5c319ba9'

const GWEI = 10n ** 9n
const COIN = 10n ** 18n

/**
 * Least tip of block builders that are a geth underneath, as the sequencers of the OP stack are:
 * `miner.gasprice` is 0.001 gwei (ethereum/go-ethereum #29895), and since #28933 it is enforced.
 */
const GETH_MIN_TIP_WEI = GWEI / 1_000n

/**
 * Limits against mistakes, far above usual costs: a trade must earn its own fees besides. One transaction may
 * cost some tens of dollars (more on Ethereum), and an hour ten times that: it is what a run of reverts can
 * burn.
 */
const limits = ({ maxFeeWei, maxTxCostWei }: Pick<FeeLimits, 'maxFeeWei' | 'maxTxCostWei'>): FeeLimits => ({
  maxFeeWei,
  maxTxCostWei,
  maxSpendPerHourWei: 10n * maxTxCostWei,
  maxRepairSpendPerHourWei: 2n * maxTxCostWei,
})
const etherRollupLimits = limits({ maxFeeWei: 20n * GWEI, maxTxCostWei: COIN / 100n })

/**
 * By the tag `finalized`. Where a node does not serve it, an hour's blocks on top stand in for it, which is
 * more than the tag usually needs (Ethereum two epochs, 13 minutes; a rollup's batch on Ethereum some minutes
 * more), unless the chain's own rule is quicker.
 */
const finalized = ({ fallbackDepth }: { fallbackDepth: number }): Finality => ({
  tag: 'finalized',
  fallbackDepth,
})

/**
 * geth's mempool and those made after it: gaps are queued, an account with delegated code has one slot
 * (go-ethereum #31073, reth #15311).
 */
const gethPool = { mempoolHoldsGaps: true, delegatedInFlightMax: 1 } as const

/**
 * Chains of the OP stack. A block is final when the L1 block with its data is (docs.optimism.io, transaction
 * finality).
 */
const opStackFees = {
  feeModel: 'eip1559',
  minTipWei: GETH_MIN_TIP_WEI,
  finality: finalized({ fallbackDepth: 1_800 }),
  ...gethPool,
} as const

/**
 * The chains this server knows, in the order of the documentation. `chains.test.ts` holds every row against
 * the packages of Aave, Balancer, Uniswap and viem. Where viem states no block time, the source is named
 * beside the figure.
 */
export const CHAINS: readonly ChainProfile[] = [
  {
    chainId: 1,
    name: 'Ethereum',
    envName: 'ETHEREUM',
    nativeSymbol: 'ETH',
    wrappedNative: '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2',
    blockTimeMs: 12_000,
    headAgeMaxMs: 60_000,
    l1FeeModel: 'none',
    gasBy: 'simulation',
    feeModel: 'eip1559',
    minTipWei: GETH_MIN_TIP_WEI,
    feeLimits: limits({ maxFeeWei: 300n * GWEI, maxTxCostWei: COIN / 20n }),
    finality: finalized({ fallbackDepth: 300 }),
    ...gethPool,
    balancerVault,
    aavePoolAddressesProvider: '0x2f39d218133afab8f2b819b1066c7e434ad94e9e',
    explorer: 'https://etherscan.io',
  },
  {
    chainId: 10,
    name: 'Optimism',
    envName: 'OPTIMISM',
    nativeSymbol: 'ETH',
    wrappedNative: opStackWrappedNative,
    blockTimeMs: 2_000,
    headAgeMaxMs: 30_000,
    l1FeeModel: 'op-stack',
    gasBy: 'simulation',
    ...opStackFees,
    feeLimits: etherRollupLimits,
    balancerVault,
    aavePoolAddressesProvider: '0xa97684ead0e402dc232d5a977953df7ecbab3cdb',
    explorer: 'https://optimistic.etherscan.io',
  },
  {
    chainId: 56,
    name: 'BNB Chain',
    envName: 'BSC',
    nativeSymbol: 'BNB',
    wrappedNative: '0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c',
    blockTimeMs: 750,
    headAgeMaxMs: 30_000,
    l1FeeModel: 'none',
    gasBy: 'simulation',
    feeModel: 'eip1559',
    // There is no base fee, and 0.05 gwei is the least that validators and builders take (their change of
    // October 2025, before it 0.1).
    minTipWei: GWEI / 20n,
    feeLimits: limits({ maxFeeWei: 20n * GWEI, maxTxCostWei: COIN / 50n }),
    // Fast finality, BEP-126: two blocks. Without votes more than half of the validators have built on a
    // block after some 15 (docs.bnbchain.org).
    finality: finalized({ fallbackDepth: 100 }),
    ...gethPool,
    balancerVault: null,
    aavePoolAddressesProvider: '0xff75b6da14ffbbfd355daf7a2731456b3562ba6d',
    explorer: 'https://bscscan.com',
  },
  {
    chainId: 137,
    name: 'Polygon',
    envName: 'POLYGON',
    nativeSymbol: 'POL',
    wrappedNative: '0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270',
    blockTimeMs: 2_000,
    headAgeMaxMs: 30_000,
    l1FeeModel: 'none',
    gasBy: 'simulation',
    feeModel: 'eip1559',
    // PIP-35: pool, miner and price oracle enforce 25 gwei (0xPolygon/bor #1290,
    // `BorDefaultTxPoolPriceLimit`).
    minTipWei: 25n * GWEI,
    feeLimits: limits({ maxFeeWei: 5_000n * GWEI, maxTxCostWei: 10n * COIN }),
    // Milestones, PIP-11: seconds. Before them reorgs of 157 blocks were seen (February 2023).
    finality: finalized({ fallbackDepth: 512 }),
    ...gethPool,
    balancerVault: null,
    aavePoolAddressesProvider: '0xa97684ead0e402dc232d5a977953df7ecbab3cdb',
    explorer: 'https://polygonscan.com',
  },
  {
    chainId: 204,
    name: 'opBNB',
    envName: 'OPBNB',
    nativeSymbol: 'BNB',
    wrappedNative: opStackWrappedNative,
    // docs.bnbchain.org/announce/fourier-opbnb
    blockTimeMs: 250,
    headAgeMaxMs: 30_000,
    l1FeeModel: 'op-stack',
    gasBy: 'simulation',
    ...opStackFees,
    finality: finalized({ fallbackDepth: 14_400 }),
    feeLimits: limits({ maxFeeWei: 2n * GWEI, maxTxCostWei: COIN / 100n }),
    balancerVault: null,
    aavePoolAddressesProvider: null,
    explorer: 'https://opbnb.bscscan.com',
  },
  {
    chainId: 250,
    name: 'Fantom',
    envName: 'FANTOM',
    nativeSymbol: 'FTM',
    wrappedNative: '0x21be370d5312f44cb42ce377bc9b8a0cef1a4c83',
    // Blocks are made when there is traffic: one second when busy, more than five now that little is left.
    blockTimeMs: 5_500,
    headAgeMaxMs: 120_000,
    l1FeeModel: 'none',
    gasBy: 'simulation',
    // eth_feeHistory is made up from the suggestion there (go-opera ethapi/api.go), and Chainlink found bids
    // from it slow.
    feeModel: 'legacy',
    minTipWei: 0n,
    feeLimits: limits({ maxFeeWei: 10_000n * GWEI, maxTxCostWei: 10n * COIN }),
    // Lachesis consensus: what is in a block stays.
    finality: { depth: 1 },
    ...gethPool,
    balancerVault: null,
    aavePoolAddressesProvider: null,
    explorer: 'https://ftmscan.com',
  },
  {
    chainId: 324,
    name: 'zkSync Era',
    envName: 'ZKSYNC',
    nativeSymbol: 'ETH',
    wrappedNative: '0x5aea5775959fbc2557cc8789bc1bf90a239d9a91',
    blockTimeMs: 200,
    headAgeMaxMs: 60_000,
    // Publishing is paid for in gas there.
    l1FeeModel: 'none',
    // Pubdata and its virtual machine's own costs are in it, for EVM bytecode too, which an interpreter runs
    // (zksync-era, `gas_per_pubdata`).
    gasBy: 'node',
    // All pay the base fee; eth_gasPrice is that with a margin (zksync-era, `gas_price_scale_factor`).
    feeModel: 'no-tip',
    minTipWei: 0n,
    feeLimits: etherRollupLimits,
    // When its batch is executed on L1, hours later.
    finality: finalized({ fallbackDepth: 18_000 }),
    // Up to `max_nonce_ahead`.
    mempoolHoldsGaps: true,
    delegatedInFlightMax: 1,
    balancerVault: null,
    aavePoolAddressesProvider: '0x2a3948bb219d6b2fa83d64100006391a96be6cb7',
    explorer: 'https://explorer.zksync.io',
  },
  {
    chainId: 5000,
    name: 'Mantle',
    envName: 'MANTLE',
    nativeSymbol: 'MNT',
    wrappedNative: '0x78c1b0c915c4faa5fffa6cabf0219da63d7f4cb8',
    // The block interval of its sequencer, as of the OP stack it comes from.
    blockTimeMs: 2_000,
    headAgeMaxMs: 30_000,
    l1FeeModel: 'mantle',
    gasBy: 'simulation',
    ...opStackFees,
    // docs-v2.mantle.xyz, EIP-1559, recommends no tip.
    minTipWei: 0n,
    feeLimits: limits({ maxFeeWei: 500n * GWEI, maxTxCostWei: 20n * COIN }),
    balancerVault: null,
    aavePoolAddressesProvider: '0xba50cd2a20f6da35d788639e581bca8d0b5d4d5f',
    explorer: 'https://mantlescan.xyz',
  },
  {
    chainId: 8453,
    name: 'Base',
    envName: 'BASE',
    nativeSymbol: 'ETH',
    wrappedNative: opStackWrappedNative,
    blockTimeMs: 2_000,
    headAgeMaxMs: 30_000,
    l1FeeModel: 'op-stack',
    gasBy: 'simulation',
    ...opStackFees,
    feeLimits: etherRollupLimits,
    // base/base #3998.
    delegatedInFlightMax: 4,
    balancerVault,
    aavePoolAddressesProvider: '0xe20fcbdbffc4dd138ce8b2e6fbb6cb49777ad64d',
    explorer: 'https://basescan.org',
  },
  {
    chainId: 42161,
    name: 'Arbitrum',
    envName: 'ARBITRUM',
    nativeSymbol: 'ETH',
    wrappedNative: '0x82af49447d8a07e3bd95bd0d56f35241523fbab1',
    blockTimeMs: 250,
    headAgeMaxMs: 30_000,
    l1FeeModel: 'arbitrum',
    gasBy: 'simulation',
    // The sequencer takes transactions as they come, and drops tips: to collect them takes a vote
    // (docs.arbitrum.io, priority fees).
    feeModel: 'no-tip',
    minTipWei: 0n,
    feeLimits: etherRollupLimits,
    finality: finalized({ fallbackDepth: 14_400 }),
    // There is no mempool. A successor is parked for a second (nitro, `nonce-failure-cache-expiry`), then
    // refused.
    mempoolHoldsGaps: false,
    delegatedInFlightMax: 1,
    balancerVault,
    aavePoolAddressesProvider: '0xa97684ead0e402dc232d5a977953df7ecbab3cdb',
    explorer: 'https://arbiscan.io',
  },
  {
    chainId: 42220,
    name: 'Celo',
    envName: 'CELO',
    nativeSymbol: 'CELO',
    // The native coin is an ERC-20 token itself (token duality); nothing needs wrapping.
    wrappedNative: '0x471ece3750da237f93b8e339c536989b8978a438',
    blockTimeMs: 1_000,
    headAgeMaxMs: 30_000,
    // An OP-stack chain whose L1 and operator fees are fixed at zero (docs.celo.org/specs/transaction-fees).
    l1FeeModel: 'none',
    gasBy: 'simulation',
    ...opStackFees,
    finality: finalized({ fallbackDepth: 3_600 }),
    feeLimits: limits({ maxFeeWei: 5_000n * GWEI, maxTxCostWei: 50n * COIN }),
    balancerVault: null,
    aavePoolAddressesProvider: '0x9f7cf9417d5251c59fe94fb9147feee1aad9cea5',
    explorer: 'https://celoscan.io',
  },
  {
    chainId: 43114,
    name: 'Avalanche',
    envName: 'AVALANCHE',
    nativeSymbol: 'AVAX',
    wrappedNative: '0xb31f66aa3c1e785363f0875a1b74e27b85fd66c7',
    blockTimeMs: 1_700,
    headAgeMaxMs: 60_000,
    l1FeeModel: 'none',
    gasBy: 'simulation',
    feeModel: 'eip1559',
    minTipWei: 1n,
    feeLimits: limits({ maxFeeWei: 1_000n * GWEI, maxTxCostWei: COIN }),
    // Snowman consensus: the newest block that is shown is accepted and stays.
    finality: { depth: 1 },
    ...gethPool,
    balancerVault,
    aavePoolAddressesProvider: '0xa97684ead0e402dc232d5a977953df7ecbab3cdb',
    explorer: 'https://snowtrace.io',
  },
  {
    chainId: 59144,
    name: 'Linea',
    envName: 'LINEA',
    nativeSymbol: 'ETH',
    wrappedNative: '0xe5d7c2a44ffddf6b295a15c148167daaaf5cf34f',
    blockTimeMs: 2_000,
    headAgeMaxMs: 60_000,
    // Publishing is part of the gas price there.
    l1FeeModel: 'none',
    gasBy: 'simulation',
    // Base fee 7 wei; the tip carries all, publishing included (docs.linea.build, predictable pricing).
    feeModel: 'eip1559',
    minTipWei: 1n,
    feeLimits: etherRollupLimits,
    finality: finalized({ fallbackDepth: 1_800 }),
    ...gethPool,
    balancerVault: null,
    aavePoolAddressesProvider: '0x89502c3731f69ddc95b65753708a07f8cd0373f4',
    explorer: 'https://lineascan.build',
  },
  {
    chainId: 81457,
    name: 'Blast',
    envName: 'BLAST',
    nativeSymbol: 'ETH',
    wrappedNative: '0x4300000000000000000000000000000000000004',
    blockTimeMs: 2_000,
    headAgeMaxMs: 30_000,
    l1FeeModel: 'op-stack',
    gasBy: 'simulation',
    ...opStackFees,
    feeLimits: etherRollupLimits,
    balancerVault: null,
    aavePoolAddressesProvider: null,
    explorer: 'https://blastscan.io',
  },
  {
    chainId: 534352,
    name: 'Scroll',
    envName: 'SCROLL',
    nativeSymbol: 'ETH',
    wrappedNative: '0x5300000000000000000000000000000000000004',
    blockTimeMs: 3_000,
    headAgeMaxMs: 60_000,
    l1FeeModel: 'scroll',
    gasBy: 'simulation',
    feeModel: 'eip1559',
    // scroll-tech/go-ethereum #901.
    minTipWei: 1n,
    feeLimits: etherRollupLimits,
    // An hour, in which a batch is proven on L1. Nodes know `finalized` only with `--rollup.verify`
    // (scroll-tech/go-ethereum #722).
    finality: { depth: 1_200 },
    ...gethPool,
    balancerVault: null,
    aavePoolAddressesProvider: '0x69850d0b276776781c063771b161bd8894bcdd04',
    explorer: 'https://scrollscan.com',
  },
]
