/**
 * `npm run soak [-- --blocks N] [--seed N] [--json FILE]`: a server in LIVE trades for N blocks (1,800, an
 * hour of a chain with blocks of two seconds, in some eight minutes) behind three HTTP endpoints of which one
 * stands still now and then, one goes away and comes back, and all fail or are slow in a few of a hundred
 * calls. Then the chain is asked. Exits with 1 when a trade was lost, done twice or told wrongly, a lane is
 * stuck, a trade landed at a loss, or, in a run of 1,000 blocks and more, trades cost more calls than they
 * should.
 */
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { packageRoot } from '../devnet/packageRoot.ts'
import { runSoak } from '../test/crash/runSoak.ts'

const FINDINGS_SHOWN = 20
const CALLS_PER_TRADE_MAX = 4
/** In a shorter run what a start costs weighs too much to be judged. */
const JUDGED_BLOCKS_MIN = 1_000

async function soak(): Promise<void> {
  const { values } = parseArgs({
    options: {
      blocks: { type: 'string', default: '1800' },
      seed: { type: 'string' },
      json: { type: 'string' },
    },
  })
  const blocks = Number(values.blocks)
  if (!Number.isInteger(blocks) || blocks < 1) throw new Error('--blocks takes a whole number above 0.')
  const seed = values.seed === undefined ? randomInt(1, 2 ** 31) : Number(values.seed)
  if (!Number.isInteger(seed)) throw new Error('--seed takes a whole number.')
  const entry = join(packageRoot(), 'dist', 'main.js')
  if (!existsSync(entry))
    throw new Error('The server is not built. Run "npm run build", or start this with "npm run soak".')

  console.error(`${blocks} blocks, seed ${seed} ...`)
  const report = await runSoak({ entry, blocks, seed, say: console.error })
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`)
  const { findings, ...figures } = report
  console.log(JSON.stringify(figures, null, 2))
  for (const finding of findings.slice(0, FINDINGS_SHOWN)) console.log(finding)
  const wrong = [
    findings.length > 0 && `${findings.length} findings; the first are above.`,
    report.lanesStuck > 0 && `${report.lanesStuck} lanes are stuck.`,
    report.netLosses > 0 && `${report.netLosses} trades landed for less than their gas.`,
    blocks >= JUDGED_BLOCKS_MIN &&
      report.callsPerLandedTrade > CALLS_PER_TRADE_MAX &&
      `${report.callsPerLandedTrade} calls per landed trade, and ${CALLS_PER_TRADE_MAX} are allowed.`,
  ].filter((sentence) => sentence !== false)
  if (wrong.length > 0) throw new Error(wrong.join(' '))
}

try {
  await soak()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
