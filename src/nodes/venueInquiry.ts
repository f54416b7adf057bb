import { getAddress } from 'ethers'
import type { Address, Hop } from '../domain/signal.ts'
import { type BlockReader, callData } from './blockReader.ts'
import type { ContractCode } from './contractKind.ts'
import type { Finding } from './revertExplanation.ts'
import type { TokenNames } from './tokenNames.ts'

// Uniswap V2 and V3: IUniswapV2Router01, IUniswapV2Factory, IPeripheryImmutableState, IUniswapV3Factory
const FACTORY = '0xc45a0155'
const GET_PAIR = '0xe6a43905'
const GET_POOL = '0x1698ee82'
// Curve, of uint256 and of the int128 that the first pools take
const COINS = '0xc6610657'
const COINS_OF_FIRST_POOLS = '0x23746eb8'
/** No Curve pool has more. */
const COINS_MAX = 8
/**
 * Fees that the V3 factories in use allow (Uniswap, also on Base; PancakeSwap, Sushi, Agni, Ramses kinds), in
 * millionths. A factory can allow others, so that "none" is only said of these.
 */
const FEES: readonly number[] = [50, 100, 200, 250, 300, 400, 500, 2_500, 3_000, 5_000, 10_000]

const CALLED_BY_PROTOCOL = {
  0: 'swapExactTokensForTokens of a Uniswap V2 router',
  1: 'exactInputSingle of a Uniswap V3 SwapRouter (with a deadline)',
  2: 'exchange of a Curve pool (with int128 indices)',
} as const

interface Question {
  readonly read: BlockReader
  readonly hop: Hop
  readonly index: number
  /** Of the router. */
  readonly code: ContractCode
  readonly names: Pick<TokenNames, 'known' | 'learn'>
}

/**
 * What the chain says of a hop's venue: what kind of contract the router is by its code, what pools its
 * factory has, what coins the pool has. At most 16 reads, besides the names of a Curve
 * pool's coins. Rejects with `NotRead`.
 */
export async function inquireVenue(question: Question): Promise<Finding> {
  const { hop, index, code } = question
  // A pool by the newest Vyper may not show its functions, but tells its coins all the same.
  const mayBePool = hop.protocol === 2 && code.kinds.length === 0 && !code.lacks(2)
  if (!mayBePool && !code.kinds.some(({ protocol }) => protocol === hop.protocol)) {
    if (code.lacks(hop.protocol)) return otherKind(question)
    const clause = `its code does not show whether it has ${CALLED_BY_PROTOCOL[hop.protocol]}, which protocol ${hop.protocol} calls`
    return { isCause: false, clause, hint: `Check that routers[${index}] is what protocols[${index}] says.` }
  }
  switch (hop.protocol) {
    case 0:
      return await inquirePair(question)
    case 1:
      return await inquirePools(question)
    case 2:
      return await inquireCoins(question)
    default:
      return hop.protocol satisfies never
  }
}

function otherKind({ hop, index, code: { kinds } }: Question): Finding {
  const facts = { router_kind: kinds.map(({ name }) => name), router: getAddress(hop.router) }
  if (kinds.length === 0) {
    const clause = `the code of this contract does not have ${CALLED_BY_PROTOCOL[hop.protocol]}, which protocol ${hop.protocol} calls, and it is no other kind of contract that is known here`
    return { isCause: true, clause, hint: `Check the address in routers[${index}].`, facts }
  }
  const usable = kinds.find(({ protocol }) => protocol !== null)
  const is = `by its code this contract is ${kinds.map(({ name }) => name).join(' and ')}`
  if (usable !== undefined) {
    const hint = `Send protocols[${index}] = ${usable.protocol}${EXTRAS_OF[usable.protocol ?? 0](index)}.`
    return {
      isCause: true,
      clause: `${is}: that is protocol ${usable.protocol}, not ${hop.protocol}`,
      hint,
      facts,
    }
  }
  return {
    isCause: true,
    clause: `${is}; no protocol of this server calls that`,
    hint: `Give in routers[${index}] a Uniswap V2 router (protocol 0), a Uniswap V3 SwapRouter whose parameters carry a deadline (1) or a Curve pool of int128 coins (2), or leave this venue out.`,
    facts,
  }
}

const EXTRAS_OF = {
  0: () => '',
  1: (index: number) => ` and the pool's fee in extras[${index}]`,
  2: (index: number) => ` and the coins' indices in extras[${index}]`,
} as const

async function inquirePair({ read, hop, names }: Question): Promise<Finding> {
  const factory = await read.address(hop.router, FACTORY)
  if (factory === null) return untold('the router does not tell its factory')
  const pair = await read.address(factory, callData(GET_PAIR, hop.tokenIn, hop.tokenOut))
  const tokens = tokensText(hop, names)
  if (pair !== null)
    return untold(`its factory ${getAddress(factory)} has a pair of ${tokens}, ${getAddress(pair)}`)
  return {
    isCause: true,
    clause: `its factory ${getAddress(factory)} has no pair of ${tokens}`,
    hint: 'Trade these tokens through another venue, or by way of a third token.',
    facts: { factory: getAddress(factory) },
  }
}

async function inquirePools({ read, hop, index, names }: Question): Promise<Finding> {
  const factory = await read.address(hop.router, FACTORY)
  if (factory === null) return untold('the router does not tell its factory')
  const fee = Number(hop.extra)
  const asked = [...new Set([fee, ...FEES])]
  const pools = await Promise.all(
    asked.map((each) => read.address(factory, callData(GET_POOL, hop.tokenIn, hop.tokenOut, BigInt(each)))),
  )
  const tokens = tokensText(hop, names)
  const pool = pools[0] ?? null
  if (pool !== null)
    return untold(
      `its factory ${getAddress(factory)} has a pool of ${tokens} with fee ${fee}, ${getAddress(pool)}`,
    )
  const found = asked.filter((_, position) => pools[position] !== null).toSorted((a, b) => a - b)
  const meant = hop.isDefaultExtra ? `${fee}, which empty extras mean` : `${fee}`
  const has =
    found.length === 0
      ? `nor with ${listed(
          FEES.filter((each) => each !== fee),
          'or',
        )}`
      : `but with ${listed(found, 'and')}`
  const [first] = found
  return {
    isCause: true,
    clause: `its factory ${getAddress(factory)} has no pool of ${tokens} with fee ${meant}, ${has}`,
    hint:
      first === undefined
        ? 'Trade these tokens through another venue, or by way of a third token.'
        : `Send the fee of a pool that is there in extras[${index}], e.g. "0x${first.toString(16).padStart(6, '0')}" for ${first}.`,
    facts: { factory: getAddress(factory), fee, fees_with_pool: found.map(String) },
  }
}

async function inquireCoins({ read, hop, index, names }: Question): Promise<Finding> {
  const each = Array.from({ length: COINS_MAX }, (_, coin) => BigInt(coin))
  const ask = (selector: typeof COINS | typeof COINS_OF_FIRST_POOLS) =>
    Promise.all(each.map((coin) => read.address(hop.router, callData(selector, coin))))
  const told = await ask(COINS)
  const coins = (told.some((coin) => coin !== null) ? told : await ask(COINS_OF_FIRST_POOLS)).filter(
    (coin) => coin !== null,
  )
  if (coins.length === 0) return untold('the pool does not tell its coins')
  await names.learn(coins)
  const text = coins.map((coin, at) => `${at} ${tokenText(coin, names)}`).join(', ')
  const facts = { coins: coins.map(getAddress) }
  const [i, j] = [coins.indexOf(hop.tokenIn), coins.indexOf(hop.tokenOut)]
  const foreign = [hop.tokenIn, hop.tokenOut].find((token) => !coins.includes(token))
  if (foreign !== undefined) {
    const clause = `${tokenText(foreign, names)} is no coin of this pool, whose coins are ${text}`
    return { isCause: true, clause, hint: 'Trade it through a pool that has it.', facts }
  }
  const sent = [BigInt(hop.extra.slice(0, 66)), BigInt(`0x${hop.extra.slice(66)}`)]
  if (sent[0] === BigInt(i) && sent[1] === BigInt(j))
    return { ...untold(`i ${i} and j ${j} are right, for the coins of the pool are ${text}`), facts }
  return {
    isCause: true,
    clause: `extras[${index}] says i ${sent[0]} and j ${sent[1]}, but the coins of this pool are ${text}`,
    hint: `Send i ${i} and j ${j} in extras[${index}]: "${callData('0x', BigInt(i), BigInt(j))}".`,
    facts: { ...facts, i, j },
  }
}

const untold = (clause: string): Finding => ({ isCause: false, clause, hint: null })

const tokenText = (token: Address, names: Question['names']): string => {
  const symbol = names.known(token)?.symbol ?? null
  return symbol === null ? getAddress(token) : `${symbol} ${getAddress(token)}`
}

const tokensText = ({ tokenIn, tokenOut }: Hop, names: Question['names']): string =>
  `${tokenText(tokenIn, names)} and ${tokenText(tokenOut, names)}`

const listed = (numbers: readonly number[], word: 'and' | 'or'): string =>
  numbers.length < 2 ? String(numbers[0]) : `${numbers.slice(0, -1).join(', ')} ${word} ${numbers.at(-1)}`
