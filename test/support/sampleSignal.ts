/**
 * The well-known request: 1,000 USDC from Balancer V3, USDC → WETH on Uniswap V2, WETH → USDC on Uniswap V3.
 */
export const sampleRequest = {
  chainId: 1,
  token: '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48',
  amount: '1000000000',
  flashSource: 1,
  protocols: [0, 1],
  routers: ['0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D', '0xE592427A0AEce92De3Edee1F18E0157C05861564'],
  path: ['0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48', '0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2'],
  extras: ['0x', '0x'],
  expected_profit: 50.0,
} as const
