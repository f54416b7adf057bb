import { describe, expect, it } from 'vitest'
import { PAYING_TRADES } from '../../test/support/devnetTrades.ts'
import type { Hex, Signal } from '../domain/signal.ts'
import { consumedId } from './consumedId.ts'
import { encodeExecute } from './encodeExecute.ts'
import { readExecute } from './readExecute.ts'

const signals = PAYING_TRADES.map(({ signal }) => signal as Signal)

describe('readExecute', () => {
  it.each(signals)('reads the loan of $signalId, and the id it consumes', (signal) => {
    const { loanToken, loanAmount } = signal
    const id = consumedId('some-id')
    const withId = encodeExecute(signal, { deadlineSeconds: 1_733_700_000, consumedId: id })
    expect(readExecute(withId)).toEqual({ loanToken, loanAmount, consumedId: id })
    const without = encodeExecute(signal, { deadlineSeconds: 1_733_700_000, consumedId: null })
    expect(readExecute(without)).toEqual({ loanToken, loanAmount, consumedId: null })
    expect(readExecute(encodeExecute(signal))).toEqual({ loanToken, loanAmount, consumedId: null })
  })

  it('is null for any other call and for one that is cut off', () => {
    const whole = encodeExecute(signals[0] as Signal)
    for (const input of ['0x', '0xa9059cbb', whole.slice(0, 300), `${whole.slice(0, -1)}g`])
      expect(readExecute(input as Hex)).toBeNull()
  })
})
