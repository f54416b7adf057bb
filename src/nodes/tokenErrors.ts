import { errorName, errorSelector } from './revertData.ts'
import { type ErrorMeaning, wordAddress } from './revertExplanation.ts'

type Words = readonly bigint[]
const account = (words: Words) => wordAddress(words[0] ?? 0n)
const fixed = (clause: string) => () => ({ clause })

/**
 * Custom errors of tokens and of OpenZeppelin's building blocks, by signature (ERC-6093; OpenZeppelin
 * Contracts 5, token/ERC20, utils). They come from whichever contract on the way uses them.
 */
export const TOKEN_ERRORS: Readonly<Record<string, (words: Words) => ErrorMeaning>> = {
  'ERC20InsufficientBalance(address,uint256,uint256)': (words) => ({
    clause: `${account(words)} holds ${words[1]} base units of the token, and ${words[2]} are needed`,
    hint: 'Trade a smaller amount.',
  }),
  'ERC20InsufficientAllowance(address,uint256,uint256)': (words) => ({
    clause: `${account(words)} may spend ${words[1]} base units of the token, and ${words[2]} are needed`,
  }),
  'ERC20InvalidSender(address)': (words) => ({ clause: `the token does not let ${account(words)} send` }),
  'ERC20InvalidReceiver(address)': (words) => ({
    clause: `the token does not let ${account(words)} receive`,
  }),
  'ERC20InvalidApprover(address)': (words) => ({
    clause: `the token does not let ${account(words)} approve`,
  }),
  'ERC20InvalidSpender(address)': (words) => ({
    clause: `the token does not let ${account(words)} be approved`,
  }),
  'SafeERC20FailedOperation(address)': (words) => ({
    clause: `the token ${account(words)} refused a transfer or an approval`,
  }),
  'AddressEmptyCode(address)': (words) => ({ clause: `there is no contract at ${account(words)}` }),
  'AddressInsufficientBalance(address)': (words) => ({
    clause: `${account(words)} has too little native coin`,
  }),
  'FailedCall()': fixed('a contract it called reverted without a reason'),
  'FailedInnerCall()': fixed('a contract it called reverted without a reason'),
  'EnforcedPause()': fixed('a contract on the way is paused'),
  'ReentrancyGuardReentrantCall()': fixed('a contract on the way was entered while it was still at work'),
}

/** The same by selector, with the name for the sentence. */
export const TOKEN_SELECTORS: ReadonlyMap<
  string,
  { readonly name: string; readonly explain: (words: Words) => ErrorMeaning }
> = new Map(
  Object.entries(TOKEN_ERRORS).map(([signature, explain]) => [
    errorSelector(signature),
    { name: errorName(signature), explain },
  ]),
)
