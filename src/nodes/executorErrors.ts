import { MIN_PROFIT_HINT } from '../domain/minProfitHint.ts'
import type { Hop, Signal } from '../domain/signal.ts'
import type { NameAmount } from '../domain/tokenAmount.ts'
import { errorSelector } from './revertData.ts'
import {
  explainFailed,
  LENDER_NAMES,
  nameHop,
  type RevertExplanation,
  wordAddress,
} from './revertExplanation.ts'

type Explain = (error: {
  words: readonly bigint[]
  signal: Signal
  nameAmount: NameAmount
}) => RevertExplanation

/** `HopFailed` carries what the router said; `explainRevert` unwraps it. */
export const HOP_FAILED = errorSelector('HopFailed(uint256,bytes)')

const wordOf = (words: readonly bigint[], index: number): bigint => words[index] ?? 0n

/** An error whose first argument is a hop; `open` where the venue may tell more. */
const aboutHop =
  (
    say: (about: { hop: Hop | undefined; index: number; words: readonly bigint[] }) => [string, string?],
    open: RevertExplanation['open'] = null,
  ): Explain =>
  ({ words, signal }) => {
    const index = Number(wordOf(words, 0))
    const hop = signal.hops[index]
    const [clause, hint] = say({ hop, index, words })
    return explainFailed(`${nameHop({ index, hop })}: ${clause}.`, hint ?? null, index, open)
  }

const always =
  (sentence: string, hint: string | null = null): Explain =>
  () =>
    explainFailed(sentence, hint)

/**
 * Errors of `contracts/OmniArbExecutor.sol` that `execute` can end in, and of `contracts/SimulationLens.sol`,
 * by signature.
 */
export const EXECUTOR_ERRORS: Readonly<Record<string, Explain>> = {
  'Unprofitable(uint256,uint256)': ({ words, signal, nameAmount }) => {
    const [received, owed] = [wordOf(words, 0), wordOf(words, 1)]
    const premium = owed - signal.loanAmount
    const named = (amount: bigint) => nameAmount(amount, signal.loanToken)
    const cost = premium > 0n ? `: the loan and a premium of ${premium} base units` : ''
    const shortfall = owed - received
    const sentence = `The route returns ${named(received)}, and ${owed} base units are owed${cost}. Missing are ${named(shortfall)}.`
    return { sentence, hop: null, shortfall, hint: null, kind: 'unprofitable', open: null }
  },
  'ProfitTooLow(uint256,uint256)': ({ words, signal, nameAmount }) => {
    const [profit, minProfit] = [wordOf(words, 0), wordOf(words, 1)]
    const earned = `The trade earns ${nameAmount(profit, signal.loanToken)}`
    const asked = nameAmount(minProfit, signal.loanToken)
    const facts = { profit: profit.toString(), min_profit: minProfit.toString() }
    const told = { hop: null, shortfall: null, kind: 'unprofitable', facts, open: null } as const
    if (minProfit === 0n) return { ...told, sentence: `${earned}: it repays the loan exactly.`, hint: null }
    // What the server itself requires of the trade is above what its sender asked for.
    if (minProfit > signal.minProfit) {
      const sentence = `${earned}, less than the ${asked} that the server requires, so that it pays for its gas.`
      return { ...told, sentence, hint: null }
    }
    return {
      ...told,
      sentence: `${earned}, less than the min_profit of ${asked}.`,
      hint: MIN_PROFIT_HINT,
    }
  },
  'Expired(uint256,uint256)': ({ words }) => ({
    sentence: `The deadline ${wordOf(words, 0)} had passed at the time of the block, ${wordOf(words, 1)} (Unix seconds).`,
    hop: null,
    shortfall: null,
    hint: null,
    kind: 'expired',
    open: null,
  }),
  'NotAContract(uint256,address)': aboutHop(({ hop, index, words }) => {
    const account = wordAddress(wordOf(words, 1))
    return account.toLowerCase() === hop?.router
      ? [
          "there is no contract at the router's address",
          `Check that routers[${index}] is an address on this chain.`,
        ]
      : [
          `there is no contract at the address of its token ${account}`,
          `Check that it is a token of this chain.`,
        ]
  }),
  'NoOutput(uint256)': aboutHop(
    ({ hop }) => [
      `the swap went through and gave nothing of ${hop === undefined ? 'its token' : wordAddress(BigInt(hop.tokenOut))}`,
    ],
    'hop',
  ),
  'SameToken(uint256)': aboutHop(() => ['it swaps a token for itself']),
  'BadProtocol(uint256,uint8)': aboutHop(({ words }) => [
    `the deployed executor knows no protocol ${wordOf(words, 1)}`,
    'Deploy the current executor.',
  ]),
  'BadExtras(uint256)': aboutHop(() => ['its extras do not have the length its protocol asks for']),
  'LoanTokenMissing(address)': ({ words }) =>
    explainFailed(
      `There is no contract at the loan token's address ${wordAddress(wordOf(words, 0))}.`,
      'Check that it is a token of this chain.',
    ),
  'LenderMissing(uint8)': ({ words, signal }) =>
    explainFailed(
      `The executor knows no ${LENDER_NAMES[signal.flashSource]} on this chain (flash source ${wordOf(words, 0)}).`,
      'Use the other flash source, or let the owner call configure on the executor.',
    ),
  'BadFlashSource(uint8)': ({ words }) =>
    explainFailed(`The executor knows no flash source ${wordOf(words, 0)}.`, 'Deploy the current executor.'),
  'NotAuthorized(address)': ({ words }) =>
    explainFailed(
      `The executor does not take orders from ${wordAddress(wordOf(words, 0))}.`,
      'Let the owner call setLane on the executor for this account.',
    ),
  'SignalConsumed(bytes32)': always('The executor has already executed this signal.'),
  'Busy()': always('The executor was called while one of its trades was still running.'),
  'BadCallback()': always('A flash-loan callback did not come from the lender that was asked.'),
  'BadRoute()': always('The executor could not read the route.', 'Deploy the current executor.'),
  'NoCode(address)': ({ words, signal }) => {
    const account = wordAddress(wordOf(words, 0))
    const what = account.toLowerCase() === signal.loanToken ? "loan token's" : "executor's"
    return explainFailed(`There is no contract at the ${what} address ${account}, so nothing was simulated.`)
  },
  'BalanceUnreadable(address)': ({ words }) =>
    explainFailed(
      `The loan token ${wordAddress(wordOf(words, 0))} does not tell balances: it is not an ERC-20 token.`,
    ),
  'L1FeeUnavailable()': always(
    'The fee oracle of this rollup could not be read, so the cost of the trade is unknown.',
  ),
}

/** The same by selector. */
export const EXECUTOR_SELECTORS: ReadonlyMap<string, Explain> = new Map(
  Object.entries(EXECUTOR_ERRORS).map(([signature, explain]) => [errorSelector(signature), explain]),
)
