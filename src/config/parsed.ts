/**
 * A value read from a setting's text, or what is wrong with the text: the end of a sentence that begins with
 * the setting's name.
 */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string }

export const parsed = <T>(value: T): Parsed<T> => ({ ok: true, value })
export const unparsable = (problem: string): { readonly ok: false; readonly problem: string } => ({
  ok: false,
  problem,
})
