import type { tags } from 'typia'

/** A JSON number that is an integer from 0 to 2^53 - 1, so that no digit was lost in parsing. */
export type SafeInteger = number &
  tags.TagBase<{
    target: 'number'
    kind: 'safeInteger'
    value: undefined
    validate: 'Number.isSafeInteger($input) && 0 <= $input'
  }>

/** The same without 0. */
export type PositiveInteger = number &
  tags.TagBase<{
    target: 'number'
    kind: 'positiveInteger'
    value: undefined
    validate: 'Number.isSafeInteger($input) && 0 < $input'
  }>
