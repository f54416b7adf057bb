import { expect, test } from 'vitest'
import type { Execution, Simulation } from '../domain/execution.ts'
import type { LiveExecution } from '../domain/liveExecution.ts'
import type { Signal } from '../domain/signal.ts'
import { failure } from '../errors/failure.ts'
import { createTradeLog } from './tradeLog.ts'

const signal = { signalId: 'id-9', chainId: 137 } as Signal
const simulation = { success: true, gasUsed: 390_260n, profit: 26_982_458n } as Simulation
const valuation = { gasCostWei: 390_650_260_000_000n, netProfitUsdE8: 2_581_050_722n }

function rig(level: 'info' | 'warn') {
  const lines: object[] = []
  const log = createTradeLog({ isLevelEnabled: () => level === 'info', info: (facts) => lines.push(facts) })
  return { lines, log }
}

test('PAPER: what came of a trade and how long it took, by the names of the API', () => {
  const { lines, log } = rig('info')
  const filled = { signal, mode: 'PAPER', simulation, valuation, failure: null } as Execution
  log.paper(filled, 7)
  const reason = failure('EXPIRED', 'valid_until passed 3 ms ago.')
  log.paper({ ...filled, simulation: null, valuation: null, failure: reason }, 1)
  expect(lines).toEqual([
    {
      signal_id: 'id-9',
      status: 'filled',
      code: null,
      profit: '26982458',
      net_profit_usd: 25.81050722,
      gas_used: 390_260,
      gas_cost_wei: '390650260000000',
      ms: 7,
    },
    {
      signal_id: 'id-9',
      status: 'failed',
      code: 'EXPIRED',
      profit: null,
      net_profit_usd: null,
      gas_used: null,
      gas_cost_wei: null,
      ms: 1,
      error: 'valid_until passed 3 ms ago.',
    },
  ])
})

test('LIVE: what the receipt says', () => {
  const { lines, log } = rig('info')
  const execution = {
    signal,
    state: 'included',
    failure: null,
    inclusion: { hash: '0xb1', block: 23_456_791, gasUsed: 398_765n },
    realised: { profit: 0n, gasCostWei: 757_654_696_296_324n, netProfitUsdE8: -231_000_000n },
    acceptedAtMs: 1_000,
    changedAtMs: 13_345,
  } as unknown as LiveExecution
  log.live(execution)
  expect(lines).toEqual([
    {
      signal_id: 'id-9',
      status: 'included',
      code: 'NET_LOSS',
      txHash: '0xb1',
      block: 23_456_791,
      profit: '0',
      net_profit_usd: -2.31,
      gas_used: 398_765,
      gas_cost_wei: '757654696296324',
      ms: 12_345,
    },
  ])
})

test('nothing is put together where the level is off', () => {
  const { lines, log } = rig('warn')
  log.paper({} as Execution, 1)
  log.live({} as LiveExecution)
  expect(lines).toEqual([])
})
