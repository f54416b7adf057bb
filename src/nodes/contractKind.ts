import { id } from 'ethers'
import type { Address, Hex, ProtocolId } from '../domain/signal.ts'
import type { BlockReader } from './blockReader.ts'

/** What a contract is, by a function that its code has. */
export interface ContractKind {
  /** With its article, e.g. `a Uniswap V2 router`. */
  readonly name: string
  /** The number under which signals name it; null where no protocol of the executor calls it. */
  readonly protocol: ProtocolId | null
}

/** What is known of a contract by its code. */
export interface ContractCode {
  /** Every kind of router that it is, else the one other kind; none where it is none that is known. */
  readonly kinds: readonly ContractKind[]
  /** The function that the protocol calls is certainly not in it. */
  lacks(protocol: ProtocolId): boolean
}

const uniswapV3Like = 'exactInputSingle((address,address'
/** By signature. Sources: `contracts/Protocols.sol` and the contracts that are named. */
const ROUTERS: readonly (readonly [signature: string, kind: ContractKind])[] = [
  [
    'swapExactTokensForTokens(uint256,uint256,address[],address,uint256)',
    { name: 'a Uniswap V2 router', protocol: 0 },
  ],
  [
    `${uniswapV3Like},uint24,address,uint256,uint256,uint256,uint160))`,
    { name: 'a Uniswap V3 SwapRouter, whose parameters carry a deadline', protocol: 1 },
  ],
  ['exchange(int128,int128,uint256,uint256)', { name: 'a Curve pool of int128 coins', protocol: 2 }],
  [
    `${uniswapV3Like},uint24,address,uint256,uint256,uint160))`,
    { name: 'a SwapRouter02, whose parameters carry no deadline', protocol: null },
  ],
  [
    `${uniswapV3Like},address,uint256,uint256,uint256,uint160))`,
    { name: 'an Algebra router, whose pools have no fee tiers', protocol: null },
  ],
  [
    `${uniswapV3Like},address,address,uint256,uint256,uint256,uint160))`,
    { name: 'an Algebra Integral router, which takes a deployer instead of a fee', protocol: null },
  ],
  [
    `${uniswapV3Like},int24,address,uint256,uint256,uint256,uint160))`,
    { name: 'a Slipstream router, which takes a tick spacing instead of a fee', protocol: null },
  ],
  [
    'swapExactTokensForTokens(uint256,uint256,(address,address,bool,address)[],address,uint256)',
    { name: 'a Velodrome or Aerodrome router, which takes routes instead of a path', protocol: null },
  ],
  [
    'swapExactTokensForTokens(uint256,uint256,(address,address,bool)[],address,uint256)',
    { name: 'a Solidly router, which takes routes instead of a path', protocol: null },
  ],
  [
    'swapExactTokensForTokensSupportingFeeOnTransferTokens(uint256,uint256,address[],address,address,uint256)',
    { name: 'a Camelot V2 router, which takes a referrer', protocol: null },
  ],
  ['exchange(uint256,uint256,uint256,uint256)', { name: 'a Curve pool of uint256 coins', protocol: null }],
  [
    'exchange(uint256,uint256,uint256,uint256,bool)',
    { name: 'a Curve pool whose exchange takes five arguments', protocol: null },
  ],
  [
    'exchange(int128,int128,uint256,uint256,address)',
    { name: 'a Curve pool whose exchange takes five arguments', protocol: null },
  ],
  [
    'swapExactTokensForTokens(uint256,uint256,(uint256[],uint8[],address[]),address,uint256)',
    { name: 'a Liquidity Book router', protocol: null },
  ],
  ['execute(bytes,bytes[],uint256)', { name: 'a Uniswap Universal Router', protocol: null }],
]
/** A factory holds the code of its pools, and a pair is a token too: the first that is found counts, and only without a router. */
const OTHERS: readonly (readonly [signature: string, kind: ContractKind])[] = [
  ['createPool(address,address,uint24)', { name: 'a Uniswap V3 factory', protocol: null }],
  ['createPair(address,address)', { name: 'a Uniswap V2 factory', protocol: null }],
  [
    'swap((address,address,uint24,int24,address),(bool,int256,uint160),bytes)',
    { name: 'a Uniswap V4 PoolManager', protocol: null },
  ],
  ['sendTo(address,address,uint256)', { name: 'a Balancer V3 vault', protocol: null }],
  ['flashLoanSimple(address,address,uint256,bytes,uint16)', { name: 'an Aave V3 pool', protocol: null }],
  [
    'flashLoan(address,address[],uint256[],uint256[],address,bytes,uint16)',
    { name: 'an Aave V2 pool', protocol: null },
  ],
  ['getPoolConfigurator()', { name: 'a pool addresses provider of Aave', protocol: null }],
  ['flashLoan(address,uint256,bytes)', { name: 'a Morpho Blue', protocol: null }],
  [
    'swap((bytes32,uint8,address,address,uint256,bytes),(address,bool,address,bool),uint256,uint256)',
    { name: 'a Balancer V2 vault', protocol: null },
  ],
  ['swap(address,bool,int256,uint160,bytes)', { name: 'a pool of the Uniswap V3 family', protocol: null }],
  ['swap(uint256,uint256,address,bytes)', { name: 'a pair of the Uniswap V2 family', protocol: null }],
  ['swap(bool,address)', { name: 'a Liquidity Book pair', protocol: null }],
  [
    'quoteExactInputSingle((address,address,uint256,uint24,uint160))',
    { name: 'a Uniswap V3 quoter', protocol: null },
  ],
  ['transferFrom(address,address,uint256)', { name: 'a token', protocol: null }],
]

const bySelector = (table: typeof ROUTERS) =>
  new Map(table.map(([signature, kind]) => [id(signature).slice(2, 10), kind]))
const ROUTER_SELECTORS = bySelector(ROUTERS)
const OTHER_SELECTORS = bySelector(OTHERS)
/** What the executor calls, by protocol. */
const CALLED = new Map(
  [...ROUTER_SELECTORS].flatMap(([selector, { protocol }]) =>
    protocol === null ? [] : [[protocol, selector]],
  ),
)

// EIP-1967: where a proxy keeps the address of its code.
const IMPLEMENTATION_SLOT = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc'
/** A proxy that has its code's address in its own code (EIP-1167, Vyper's, Solady's) is no longer than this, bytes. */
const MINIMAL_PROXY_BYTES_MAX = 100
const PUSH1 = 0x60
const PUSH4 = 0x63
const PUSH20 = 0x73
const PUSH32 = 0x7f
const DELEGATECALL = 0xf4
/** SUB, EQ and XOR: how compilers compare a selector with that of the call. */
const COMPARISONS: ReadonlySet<number> = new Set([0x03, 0x14, 0x18])
/** MSTORE and SHL: how they lay one down for a call of their own. */
const CALLS: ReadonlySet<number> = new Set([0x52, 0x1b])
/** Instructions from a selector to what is done with it. */
const STEPS_MAX = 4

/**
 * Reads what a contract is, behind a proxy too, in at most three reads; null when there is no code. Rejects
 * with `NotRead`.
 */
export async function readContractCode(
  read: Pick<BlockReader, 'code' | 'storedAddress'>,
  account: Address,
): Promise<ContractCode | null> {
  const code = await read.code(account)
  if (code === null) return null
  const own = contractCode(code)
  if (own.kinds.length > 0 || !delegates(code)) return own
  const implementation = addressInProxy(code) ?? (await read.storedAddress(account, IMPLEMENTATION_SLOT))
  const behind = implementation && (await read.code(implementation))
  return behind ? contractCode(behind) : own
}

/** What code says of itself. */
export function contractCode(code: Hex): ContractCode {
  const selectors = dispatchedSelectors(code)
  const among = (table: ReadonlyMap<string, ContractKind>) =>
    [...table].flatMap(([selector, kind]) => (selectors.has(selector) ? [kind] : []))
  const routers = among(ROUTER_SELECTORS)
  const kinds = routers.length > 0 ? routers : among(OTHER_SELECTORS).slice(0, 1)
  const isWhole = kinds.length > 0 || !delegates(code)
  return {
    kinds: kinds.filter(({ name }, index) => kinds.findIndex((kind) => kind.name === name) === index),
    lacks(protocol) {
      const selector = CALLED.get(protocol)
      return isWhole && selector !== undefined && !code.includes(selector)
    },
  }
}

/** Selectors that the code compares with that of the call: its own functions, not those it calls elsewhere. */
function dispatchedSelectors(code: Hex): ReadonlySet<string> {
  const bytes = Buffer.from(code.slice(2), 'hex')
  const found = new Set<string>()
  for (let at = 0; at < bytes.length; at += instructionBytes(bytes, at)) {
    if (bytes[at] === PUSH4 && isCompared(bytes, at + 5)) found.add(bytes.toString('hex', at + 1, at + 5))
  }
  return found
}

function isCompared(bytes: Buffer, from: number): boolean {
  let at = from
  for (let step = 0; step < STEPS_MAX; step++) {
    const instruction = bytes[at]
    if (instruction === undefined || CALLS.has(instruction)) return false
    if (COMPARISONS.has(instruction)) return true
    at += instructionBytes(bytes, at)
  }
  return false
}

function delegates(code: Hex): boolean {
  const bytes = Buffer.from(code.slice(2), 'hex')
  for (let at = 0; at < bytes.length; at += instructionBytes(bytes, at))
    if (bytes[at] === DELEGATECALL) return true
  return false
}

/** An instruction with the constant behind it. */
function instructionBytes(bytes: Buffer, at: number): number {
  const instruction = bytes[at] ?? 0
  return instruction >= PUSH1 && instruction <= PUSH32 ? instruction - PUSH1 + 2 : 1
}

function addressInProxy(code: Hex): Address | null {
  const bytes = Buffer.from(code.slice(2), 'hex')
  if (bytes.length > MINIMAL_PROXY_BYTES_MAX) return null
  for (let at = 0; at < bytes.length; at += instructionBytes(bytes, at))
    if (bytes[at] === PUSH20) return `0x${bytes.toString('hex', at + 1, at + 21)}`
  return null
}
