import { formatEther, getAddress } from 'ethers'
import type { ChainConfig } from '../config/chainConfig.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { usdNumber, usdValue } from '../domain/usd.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { ChainFacts } from '../nodes/chainFacts.ts'
import { createProbeReader } from '../nodes/probeReader.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import type { Price } from '../simulation/prices.ts'
import { EXECUTOR_CODE, nameLenders, planDeployment, type Step } from './deploymentPlan.ts'
import type { SetupAccount } from './setupAccount.ts'

/**
 * An executor that is ready for the lanes, once its owner has made the calls that are his. Addresses carry
 * their checksum.
 */
export interface Deployment {
  readonly address: string
  readonly chainId: number
  readonly owner: string
  /** What was sent, in this order; none when everything was in place. */
  readonly transactions: readonly { readonly action: Step['action']; readonly hash: Hex }[]
  /** What the owner has to send, in this order. */
  readonly calls: readonly { readonly to: string; readonly data: Hex; readonly meaning: string }[]
  /** The keys that may trade through it now. */
  readonly lanes: readonly string[]
}

/** What the operator is asked. */
export interface Operator {
  say(sentence: string): void
  /** Null when nobody is there to answer. */
  ask(question: string): Promise<boolean | null>
}

/**
 * Brings the executor of one owner on one chain to where it can trade, sending only what is missing and only
 * after it was said what that costs. What only another owner can send is told instead.
 *
 * @param options.account the first key's; it sends
 * @param options.maxCostWei refuses what may cost more together; what was said to be the most bounds it
 *   anyway
 * @param options.yes sends without asking; lenders that the owner has set are not reset by it
 * @param options.busy why the account must not send now; null when it may
 * @throws {@link StartError} as `planDeployment` does
 */
export async function deployExecutor({
  chain,
  facts,
  owner,
  keys,
  treasury,
  sweep,
  resetLenders,
  maxCostWei,
  yes,
  busy,
  rpc,
  nativePrice,
  account,
  operator,
}: {
  chain: ChainConfig
  facts: ChainFacts
  owner: Address
  keys: readonly [Address, ...Address[]]
  treasury: Address | null
  sweep: readonly Address[]
  resetLenders: boolean
  maxCostWei: bigint | null
  yes: boolean
  busy: () => string | null
  rpc: Pick<JsonRpc, 'call'>
  nativePrice: () => Promise<Price>
  account: SetupAccount
  operator: Operator
}): Promise<Result<Deployment>> {
  const { say } = operator
  const [sender] = keys
  const request = { chain, facts, owner, sender, lanes: keys, treasury, sweep, rpc }
  let planned = await planDeployment({ ...request, resetLenders })
  if (!planned.ok) return planned
  const { kept } = planned.value
  if (kept !== null) {
    const differ = `The executor's lenders are ${nameLenders(kept)}; those of ${chain.name} are ${nameLenders(facts.lenders)}.`
    if (await operator.ask(`${differ} Set them to those of the chain?`)) {
      planned = await planDeployment({ ...request, resetLenders: true })
      if (!planned.ok) return planned
    } else say(`${differ} They are left as they are; --reset-lenders sets them.`)
  }
  const plan = planned.value
  for (const note of plan.notes) say(note)

  const problem = busy()
  // With a nonce of our own we send what is not the owner's alone; where we have none, the owner does it all,
  // unless the address of the code follows from our nonce.
  const isOurs = (step: Step) =>
    owner === sender || (!step.ownersOnly && (problem === null || step.to === null))
  const transactions: { action: Step['action']; hash: Hex }[] = []
  const sent = await sendOurs()
  const isDone = (action: Step['action']) => transactions.some((done) => done.action === action)
  const isThere = plan.deployed || isDone('deploy')

  const calls = plan.steps
    .filter((step) => !isOurs(step))
    .map(({ to, data, meaning }) => ({ to: getAddress(to ?? plan.address), data, meaning }))
  if (calls.length > 0) {
    const when = isThere || sent.ok ? 'The' : 'When the executor is there, its'
    say(`${when} owner ${getAddress(owner)} has to send, in this order:`)
    for (const { to, data, meaning } of calls) say(`  to ${to}, ${meaning}:\n  ${data}`)
  }
  if (!sent.ok) return sent
  if (chain.executor !== plan.address)
    say(
      `Put EXECUTOR_ADDRESS=${getAddress(plan.address)} into .env, or EXECUTOR_ADDRESS_${chain.envName} for this chain alone.`,
    )
  return succeed({
    address: getAddress(plan.address),
    chainId: chain.chainId,
    owner: getAddress(owner),
    transactions,
    calls,
    lanes: keys
      .filter((lane) => isThere && (isDone('authorise') || plan.allowed.includes(lane)))
      .map((lane) => getAddress(lane)),
  })

  /** Adds each to `transactions` once it has succeeded. */
  async function sendOurs(): Promise<Result<null>> {
    const mine = plan.steps.filter(isOurs)
    if (mine.length === 0) return succeed(null)
    const agreed = await agree(mine)
    if (!agreed.ok) return agreed
    let spendableWei = agreed.value
    for (const step of mine) {
      say(`${sentenceCase(step.meaning)}.`)
      const sent = await account.send(step, { spendableWei })
      if (!sent.ok) return sent
      spendableWei -= sent.value.costWei
      transactions.push({ action: step.action, hash: sent.value.hash })
      if (step.action === 'deploy') {
        const missing = await missingCode(plan.address)
        if (missing) return fail(missing)
      }
    }
    return succeed(null)
  }

  /** What may be spent, once that was agreed to. */
  async function agree(mine: readonly Step[]): Promise<Result<bigint>> {
    if (problem !== null) return fail(failure('NONCE_CONTESTED', problem))
    const [cost, native] = await Promise.all([account.cost(mine), nativePrice()])
    if (!cost.ok) return cost
    const { expectedWei, highestWei, gas } = cost.value
    const money = (wei: bigint) => {
      const coins = `${formatEther(wei)} ${chain.nativeSymbol}`
      if (native.kind !== 'known') return coins
      return `${coins} (${usdNumber(usdValue({ decimals: 18, priceE8: native.priceE8, amount: wei })).toFixed(2)} USD)`
    }
    say(`To be sent by ${getAddress(sender)} on ${chain.name}:`)
    for (const { meaning } of mine) say(`  ${meaning}`)
    const dataFee =
      facts.l1FeeModel === 'none' || facts.l1FeeModel === 'arbitrum'
        ? ''
        : ', besides the data fee of the rollup'
    say(`Gas ${gas}: about ${money(expectedWei)}, at most ${money(highestWei)}${dataFee}.`)
    if (maxCostWei !== null && highestWei > maxCostWei) {
      const sentence = `That may be more than --max-cost ${formatEther(maxCostWei)}; nothing was sent.`
      return fail(failure('FEE_LIMIT', sentence))
    }
    const what = mine.length === 1 ? 'it' : `these ${mine.length} transactions`
    const answer = yes || (await operator.ask(`Send ${what}?`))
    if (answer === true) return succeed(highestWei)
    const why = answer === null ? 'There is nobody to ask; --yes sends without asking. ' : ''
    return fail(failure('CANCELLED', `${why}Nothing was sent for ${getAddress(plan.address)}.`))
  }

  async function missingCode(address: Address): Promise<Failure | null> {
    const read = createProbeReader(rpc)
    if ((await read.code(address)) === EXECUTOR_CODE) return null
    const sentence = `The node does not show the executor at ${getAddress(address)} yet; run this again.`
    return read.failure ?? failure('NODE_UNAVAILABLE', sentence)
  }
}

const sentenceCase = (clause: string): string => clause.charAt(0).toUpperCase() + clause.slice(1)
