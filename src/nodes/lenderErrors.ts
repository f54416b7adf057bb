import type { FlashSource } from '../domain/signal.ts'
import { errorName, errorSelector } from './revertData.ts'
import type { ErrorMeaning } from './revertExplanation.ts'

/**
 * Errors of the Aave V3 pool that a flash loan can meet. Up to version 3.4 they are numbers as text, from 3.5
 * on custom errors without arguments (aave-dao/aave-v3-origin, protocol/libraries/helpers/Errors.sol and
 * logic/ValidationLogic.sol).
 */
const AAVE: readonly { code: string; name: string; meaning: ErrorMeaning }[] = [
  {
    code: '13',
    name: 'InvalidFlashloanExecutorReturn',
    meaning: { clause: 'the executor did not confirm the loan' },
  },
  {
    code: '26',
    name: 'InvalidAmount',
    meaning: {
      clause: 'the amount is zero or more than the pool has of this token',
      hint: 'Borrow less.',
      open: true,
    },
  },
  {
    code: '27',
    name: 'ReserveInactive',
    meaning: {
      clause: 'the pool does not lend this token (it is not listed, or not active)',
      hint: 'Borrow a token the pool lists, or use another flash source.',
    },
  },
  {
    code: '28',
    name: 'ReserveFrozen',
    meaning: { clause: 'the token is frozen in the pool', hint: 'Use another flash source.' },
  },
  {
    code: '29',
    name: 'ReservePaused',
    meaning: { clause: 'the token is paused in the pool', hint: 'Use another flash source.' },
  },
  {
    code: '49',
    name: 'InconsistentFlashloanParams',
    meaning: { clause: 'the pool found the parameters of the loan inconsistent' },
  },
  {
    code: '77',
    name: 'ZeroAddressNotValid',
    meaning: { clause: 'the pool met the zero address where it allows none' },
  },
  {
    code: '82',
    name: 'AssetNotListed',
    meaning: { clause: 'the pool does not list this token', hint: 'Use another flash source.' },
  },
  {
    code: '91',
    name: 'FlashloanDisabled',
    meaning: {
      clause: 'flash loans of this token are disabled in the pool',
      hint: 'Use another flash source.',
    },
  },
]

/** Aave's numbered errors by their text. */
export const AAVE_CODES: ReadonlyMap<string, ErrorMeaning> = new Map(
  AAVE.map(({ code, meaning }) => [code, meaning]),
)

/**
 * Errors of the Balancer V3 vault that borrowing and repaying can meet (balancer-v3-monorepo,
 * pkg/interfaces/contracts/vault/IVaultErrors.sol).
 */
const BALANCER: Readonly<Record<string, ErrorMeaning>> = {
  'BalanceNotSettled()': { clause: 'not everything taken from the vault was paid back' },
  'VaultIsNotUnlocked()': { clause: 'the vault was not unlocked for this caller' },
  'VaultPaused()': { clause: 'the vault is paused', hint: 'Use another flash source.' },
  'QueriesDisabled()': { clause: 'the vault does not answer queries at present' },
  'SafeCastOverflowedUintToInt(uint256)': {
    clause: 'the amount is above 2^255 - 1, the most the vault can count',
    hint: 'Borrow less.',
  },
}

/** Custom errors of each lender by signature. */
export const LENDER_ERRORS: Readonly<Record<FlashSource, Readonly<Record<string, ErrorMeaning>>>> = {
  1: BALANCER,
  2: Object.fromEntries(AAVE.map(({ name, meaning }) => [`${name}()`, meaning])),
}

/** The same by selector, with the name for the sentence. */
export const LENDER_SELECTORS: ReadonlyMap<
  string,
  { readonly name: string; readonly source: FlashSource; readonly meaning: ErrorMeaning }
> = new Map(
  ([1, 2] as const).flatMap((source) =>
    Object.entries(LENDER_ERRORS[source]).map(([signature, meaning]) => [
      errorSelector(signature),
      { name: errorName(signature), source, meaning },
    ]),
  ),
)
