import type { Address } from './signal.ts'

/** What an operator may order of one chain, one lane of it, or one trade. */
export type ControlCommand =
  /** `lane` null: the whole chain. */
  | { readonly action: 'pause' | 'resume'; readonly lane: Address | null; readonly reason: string | null }
  | { readonly action: 'cancel' | 'abandon' | 'speed_up'; readonly signalId: string }
