import { expect, test } from 'vitest'
import { checkAnswer } from './checkAnswer.ts'
import { createTradeSource } from './tradeSource.ts'

const signal = { ...createTradeSource({ run: 'c3' }).next(), amount: '1000000000' }
const good = {
  success: true,
  signal_id: signal.signal_id,
  simulation: { success: true, gasUsed: 312_457, profit: '5309877' },
}
const check = (answer: unknown) => checkAnswer({ signal, answer, form: 'titan' })

test('a good answer counts, with its profit', () => {
  expect(check(good)).toEqual({ ok: true, profit: '5309877' })
})

test.each([
  ['no answer', undefined],
  ['a refusal', { ...good, success: false }],
  ['a failed simulation', { ...good, simulation: { ...good.simulation, success: false } }],
  ['no simulation', { ...good, simulation: null }],
  ['the answer to another signal', { ...good, signal_id: 'c3-9' }],
  ['gas that no flash loan can do with', { ...good, simulation: { ...good.simulation, gasUsed: 21_000 } }],
  ['no profit', { ...good, simulation: { ...good.simulation, profit: '0' } }],
  ['a profit that cannot be', { ...good, simulation: { ...good.simulation, profit: '50000000' } }],
  ['a profit that is no string', { ...good, simulation: { ...good.simulation, profit: 5_309_877 } }],
])('%s does not count', (_case, answer) => {
  expect(check(answer).ok).toBe(false)
})

test('the documented form has no profit and no id', () => {
  const answer = { success: true, simulation: { success: true, gasUsed: 312_457 } }
  expect(checkAnswer({ signal, answer, form: 'document' })).toEqual({ ok: true, profit: null })
  expect(check(answer).ok).toBe(false)
})

test('the lean form has the profit alone', () => {
  const lean = (profit: string) =>
    checkAnswer({ signal, answer: { success: true, simulation: { success: true, profit } }, form: 'lean' })
  expect(lean('5309877')).toEqual({ ok: true, profit: '5309877' })
  expect(lean('0').ok).toBe(false)
})
