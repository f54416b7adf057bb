import type { Hex } from '../domain/signal.ts'
import type { ChainFacts } from './chainFacts.ts'
import type { Head } from './heads.ts'
import { PAPER_CALLER } from './paperAccounts.ts'
import { type ProbeReader, readWords } from './probeReader.ts'

/** Returns block number, time and storage slot 0. */
const OVERRIDE_PROBE: Hex = '0x436000524260205260005460405260606000f3'
const OVERRIDE_MARK = 0x746974616en

/**
 * Whether `eth_call` applies state overrides and a time of our own, asked in the form simulations have: a
 * call from an account to itself, with code put there.
 */
export async function probeOverrides({
  read,
  head,
  now,
}: {
  read: ProbeReader
  head: Head
  now: () => number
}): Promise<ChainFacts['features']> {
  const call = { from: PAPER_CALLER, to: PAPER_CALLER, gas: '0x186a0', data: '0x' }
  const slot0 = `0x${'0'.repeat(64)}`
  const state = { [slot0]: `0x${OVERRIDE_MARK.toString(16).padStart(64, '0')}` }
  const overrides = { [PAPER_CALLER]: { code: OVERRIDE_PROBE, state } }
  const time = Math.max(head.timestamp + 1, Math.floor(now() / 1_000)) + 1
  const [plain, later] = await Promise.all([
    read.result('eth_call', [call, 'latest', overrides]),
    read.result('eth_call', [call, 'latest', overrides, { time: `0x${time.toString(16)}` }]),
  ])
  const applied = (answer: unknown) => readWords(answer)[2] === OVERRIDE_MARK
  return {
    stateOverride: applied(plain),
    blockOverrideTime: applied(later) && readWords(later)[1] === BigInt(time),
  }
}
