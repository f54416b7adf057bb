import type { AnswerForm } from './load.ts'
import type { WireSignal } from './tradeSource.ts'

/** No flash-loan trade of the routes takes less. */
const gasMin = 100_000

/**
 * Whether an answer says that the trade was simulated with success. In Titan's form the answer must be to
 * this very signal and hold a plausible profit: above nothing, below a twentieth of the loan. In the lean
 * form it holds that profit alone.
 */
export function checkAnswer({
  signal,
  answer,
  form,
}: {
  signal: WireSignal
  answer: unknown
  form: AnswerForm
}): { ok: true; profit: string | null } | { ok: false; reason: string } {
  const { success, signal_id, simulation } = (answer ?? {}) as {
    success?: unknown
    signal_id?: unknown
    simulation?: { success?: unknown; gasUsed?: unknown; profit?: unknown } | null
  }
  const refuse = (why: string) =>
    ({ ok: false, reason: `${why}: ${JSON.stringify(answer)?.slice(0, 500)}` }) as const
  if (success !== true || simulation?.success !== true) return refuse('no success')
  const { gasUsed } = simulation
  if (form !== 'lean' && (typeof gasUsed !== 'number' || gasUsed < gasMin)) return refuse('no true gas')
  if (form === 'document') return { ok: true, profit: null }
  if (form === 'titan' && signal_id !== signal.signal_id) return refuse('the answer is to another signal')
  const { profit } = simulation
  if (typeof profit !== 'string' || !isPlausible({ profit: BigInt(profit), amount: BigInt(signal.amount) }))
    return refuse('no plausible profit')
  return { ok: true, profit }
}

/** Whether a route of the frozen world can give this profit on this loan. */
export function isPlausible({ profit, amount }: { profit: bigint; amount: bigint }): boolean {
  return profit > 0n && profit < amount / 20n
}
