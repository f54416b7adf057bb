import type { Address, FlashSource, Hex, Signal } from '../domain/signal.ts'
import { createBlockReader, NotRead } from './blockReader.ts'
import { type ContractCode, readContractCode } from './contractKind.ts'
import { inquireLender } from './lenderInquiry.ts'
import type { NodeError } from './nodeErrors.ts'
import type { Finding, RevertExplanation } from './revertExplanation.ts'
import { addFinding, explainRevert } from './revertReasons.ts'
import type { JsonRpc, RpcError } from './rpc.ts'
import { type TokenNames, tokensOf } from './tokenNames.ts'
import { inquireVenue } from './venueInquiry.ts'

/** Routers whose code is remembered, and findings on one block: they come from clients. */
const ROUTERS_MAX = 500
const FINDINGS_MAX = 500
/** Code behind a proxy can change. */
const CODE_FRESH_MS = 600_000

/** A revert, and the block on whose state it happened. */
export interface Revert {
  readonly data: Hex
  readonly signal: Signal
  readonly block: number
}

/**
 * Explains reverts with what the chain says besides the revert data: what a router is by its code, which pools
 * its factory has, what the lender has. For trades that have failed only; never where one is to be made.
 *
 * Nothing is asked where the data say it all. What is asked is bounded in number and in time, all of one block,
 * and asked once a block for the same hop or loan; what cannot be read in time is said not to be known. Never
 * rejects.
 *
 * @param options.lenders of the newest probe
 * @param options.limits milliseconds one explanation may take, and how many may be in the making: what is
 *   beyond is explained by its data alone
 */
export function createRevertInquiry({
  rpc,
  names,
  lenders,
  limits,
  readNodeError,
  now = () => performance.now(),
  onThrown,
}: {
  rpc: Pick<JsonRpc, 'call'>
  names: TokenNames
  lenders: () => Readonly<Record<FlashSource, Address | null>>
  limits: { readonly explanationMs: number; readonly explanationsInFlightMax: number }
  readNodeError: (error: RpcError) => NodeError
  now?: () => number
  /** Told of what can only be a bug; the trade is then explained by its data. */
  onThrown: (error: unknown) => void
}): (revert: Revert) => Promise<RevertExplanation> {
  const codes = new Map<Address, { readonly code: ContractCode; readonly readAtMs: number }>()
  let findings = new Map<string, Promise<Finding | null>>()
  let findingsBlock = -1
  let inFlight = 0

  const { nameAmount } = names

  async function find({ explanation, signal, block }: Found): Promise<Finding | null> {
    const { open } = explanation
    const read = createBlockReader({ rpc, block, readNodeError })
    if (open === 'loan') {
      const lender = lenders()[signal.flashSource]
      return lender === null ? null : await inquireLender({ read, lender, signal, nameAmount })
    }
    const index = explanation.hop ?? 0
    const hop = signal.hops[index]
    if (hop === undefined) return null
    const known = codes.get(hop.router)
    let code = known !== undefined && now() - known.readAtMs < CODE_FRESH_MS ? known.code : null
    if (code === null) {
      code = await readContractCode(read, hop.router)
      if (code === null) return null
      codes.delete(hop.router)
      codes.set(hop.router, { code, readAtMs: now() })
      dropOldest(codes, ROUTERS_MAX)
    }
    return await inquireVenue({ read, hop, index, code, names })
  }

  /** Once a block for the same question. */
  function found(about: Found): Promise<Finding | null> {
    if (about.block !== findingsBlock) {
      findings = new Map()
      findingsBlock = about.block
    }
    const key = questionOf(about)
    const known = findings.get(key)
    if (known !== undefined) return known
    const finding = find(about).catch((error: unknown) => {
      if (error instanceof NotRead) return null
      throw error
    })
    findings.set(key, finding)
    dropOldest(findings, FINDINGS_MAX)
    return finding
  }

  async function inquire(revert: Revert): Promise<RevertExplanation> {
    const { data, signal, block } = revert
    await names.learn(tokensOf(signal))
    const explanation = explainRevert({ data, signal, nameAmount })
    if (explanation.open === null) return explanation
    const finding = await found({ explanation, signal, block })
    return finding === null ? explanation : addFinding({ explanation, finding })
  }

  return async (revert) => {
    const { data, signal } = revert
    const byData = explainRevert({ data, signal, nameAmount })
    const areNamed = tokensOf(signal).every((token) => names.known(token) !== null)
    if ((byData.open === null && areNamed) || inFlight >= limits.explanationsInFlightMax) return byData
    inFlight += 1
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<RevertExplanation>((resolve) => {
      timer = setTimeout(() => resolve(explainRevert({ data, signal, nameAmount })), limits.explanationMs)
    })
    try {
      return await Promise.race([inquire(revert), late])
    } catch (error) {
      onThrown(error)
      return byData
    } finally {
      clearTimeout(timer)
      inFlight -= 1
    }
  }
}

interface Found {
  readonly explanation: RevertExplanation
  readonly signal: Signal
  readonly block: number
}

function questionOf({ explanation: { open, hop: index }, signal }: Found): string {
  const { flashSource, loanToken, loanAmount, hops } = signal
  if (open === 'loan') return `${flashSource},${loanToken},${loanAmount}`
  const hop = hops[index ?? 0]
  return hop === undefined
    ? ''
    : `${index},${hop.protocol},${hop.router},${hop.tokenIn},${hop.tokenOut},${hop.extra},${hop.isDefaultExtra ?? false}`
}

function dropOldest(map: Map<string, unknown>, max: number): void {
  if (map.size <= max) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    break
  }
}
