import { join } from 'node:path'
import { expect, it } from 'vitest'
import { packageRoot } from '../../devnet/packageRoot.ts'
import { type KillMode, runCrash } from '../crash/runCrash.ts'

const entry = join(packageRoot(), 'dist', 'main.js')

it.each<[KillMode, number]>([
  ['random', 5],
  ['boundary', 6],
])(
  'loses nothing and does nothing twice when it is killed (%s, %i times)',
  async (mode, kills) => {
    const report = await runCrash({ entry, mode, kills, seed: 20_251, say: () => {} })
    expect(report.findings).toEqual([])
    expect(report).toMatchObject({
      kills,
      accepted: report.signals,
      duplicates: 0,
      lost: 0,
      permanentGaps: 0,
      unjournaled: 0,
      falseOutcomes: 0,
      brokenPromises: 0,
      eventHoles: 0,
      totalsWrong: 0,
    })
    expect(report.landed).toBeGreaterThan(5)
  },
  180_000,
)
