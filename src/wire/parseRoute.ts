import { LIMITS } from '../config/limits.ts'
import type { Address, Hop } from '../domain/signal.ts'
import { type Facts, type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import { checksumAddress } from './checksumAddress.ts'
import type { SignalShape } from './generated/signalShape.ts'
import { parseAddress } from './parseAddress.ts'
import { parseExtra } from './parseExtra.ts'

/**
 * The hops of a signal. `path` is taken in three forms: the token each hop gives, ending in the loan token;
 * the token each hop takes, beginning with the loan token (the route then closes by itself); or all n + 1
 * tokens from loan token to loan token. Errors: INVALID_ROUTE, INVALID_ADDRESS, INVALID_SIGNAL (extras that
 * are not hexadecimal).
 */
export function parseRoute({
  shape,
  loanToken,
}: {
  shape: SignalShape
  loanToken: Address
}): Result<readonly Hop[]> {
  const { protocols, routers, extras } = shape
  const refusal = refuseLengths(shape)
  if (refusal !== null) return fail(refusal)
  const tokens = parsePath({ path: shape.path, hopCount: protocols.length, loanToken })
  if (!tokens.ok) return tokens
  const hops: Hop[] = []
  for (const [index, protocol] of protocols.entries()) {
    const router = parseAddress({ field: `routers[${index}]`, text: routers[index] as string })
    if (!router.ok) return router
    const extra = parseExtra({ hop: index, protocol, text: extras[index] as string })
    if (!extra.ok) return extra
    const tokenIn = tokens.value[index] as Address
    const tokenOut = tokens.value[index + 1] as Address
    if (tokenIn === tokenOut) return swapsForItself(index, tokenIn, protocols.length)
    const isDefaultExtra = protocol === 1 && extras[index] === '0x'
    const hop = { protocol, router: router.value, tokenIn, tokenOut, extra: extra.value }
    hops.push(isDefaultExtra ? { ...hop, isDefaultExtra } : hop)
  }
  return succeed(hops)
}

/** The failure of lists that cannot make a route, by their lengths alone; null when they can. */
function refuseLengths({ protocols, routers, path, extras }: SignalShape): Failure | null {
  const n = protocols.length
  const lengths = `protocols ${n}, routers ${routers.length}, path ${path.length}, extras ${extras.length}`
  if (n === 0) return invalid('The route has no hops: protocols is empty.', { field: 'protocols' })
  if (Math.max(n, routers.length, path.length - 1, extras.length) > LIMITS.hopsMax) {
    return invalid(`The route has more than ${LIMITS.hopsMax} hops (${lengths}).`, {
      hops_max: LIMITS.hopsMax,
    })
  }
  if (routers.length === n && extras.length === n && (path.length === n || path.length === n + 1)) return null
  return invalid(`The lists of the route differ in length (${lengths}): each hop needs one entry in each.`, {
    protocols: n,
    routers: routers.length,
    path: path.length,
    extras: extras.length,
  })
}

/** All n + 1 tokens, from the loan token to the loan token. */
function parsePath({
  path,
  hopCount,
  loanToken,
}: {
  path: readonly string[]
  hopCount: number
  loanToken: Address
}): Result<readonly Address[]> {
  const tokens: Address[] = []
  for (const [index, text] of path.entries()) {
    const token = parseAddress({ field: `path[${index}]`, text })
    if (!token.ok) return token
    tokens.push(token.value)
  }
  const begins = tokens[0] === loanToken
  const ends = tokens.at(-1) === loanToken
  if (tokens.length > hopCount) {
    if (begins && ends) return succeed(tokens)
    const end = begins ? 'end in' : 'begin with'
    return fail(
      invalid(
        `A path of ${tokens.length} tokens for ${hopCount} hops must ${end} the loan token ${checksumAddress(loanToken)}, found ${checksumAddress((begins ? tokens.at(-1) : tokens[0]) as Address)}.`,
        { field: 'path' },
      ),
    )
  }
  if (ends) return succeed([loanToken, ...tokens])
  if (begins) return succeed([...tokens, loanToken])
  return fail(
    invalid(
      `The path cannot close: it neither ends in nor begins with the loan token ${checksumAddress(loanToken)}, so the loan could not be repaid.`,
      { field: 'path' },
    ),
  )
}

function swapsForItself(hop: number, token: Address, hopCount: number) {
  const why =
    hopCount === 1
      ? 'a pool holds two different tokens, so no route of one hop can return to the loan token'
      : 'a pool holds two different tokens'
  const sentence = `Hop ${hop} swaps ${checksumAddress(token)} for itself: ${why}.`
  return fail(failure('INVALID_ROUTE', sentence, { field: 'path', hop }))
}

const invalid = (sentence: string, facts: Facts) => failure('INVALID_ROUTE', sentence, facts)
