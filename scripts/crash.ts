/**
 * `npm run crash [-- --kills N] [--mode random|boundary] [--endpoints N] [--seed N] [--json FILE]`: a server
 * in LIVE on devnet chains is killed (SIGKILL) N times while clients stream signals at it, at random moments
 * or exactly at the boundaries of journal and network. Then the chains are asked. Exits with 1 when anything
 * was lost, done twice, left hanging or told wrongly.
 */
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { packageRoot } from '../devnet/packageRoot.ts'
import { runCrash } from '../test/crash/runCrash.ts'

const FINDINGS_SHOWN = 20

async function crash(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '100' },
      mode: { type: 'string', default: 'random' },
      seed: { type: 'string' },
      endpoints: { type: 'string', default: '2' },
      json: { type: 'string' },
    },
  })
  const kills = Number(values.kills)
  if (!Number.isInteger(kills) || kills < 1) throw new Error('--kills takes a whole number above 0.')
  const { mode } = values
  if (mode !== 'random' && mode !== 'boundary') throw new Error('--mode takes random or boundary.')
  const seed = values.seed === undefined ? randomInt(1, 2 ** 31) : Number(values.seed)
  if (!Number.isInteger(seed)) throw new Error('--seed takes a whole number.')
  const endpoints = Number(values.endpoints)
  if (!Number.isInteger(endpoints) || endpoints < 1)
    throw new Error('--endpoints takes a whole number above 0.')
  const entry = join(packageRoot(), 'dist', 'main.js')
  if (!existsSync(entry))
    throw new Error('The server is not built. Run "npm run build", or start this with "npm run crash".')

  console.error(`${kills} kills, mode ${mode}, ${endpoints} endpoints, seed ${seed} ...`)
  const report = await runCrash({ entry, kills, mode, seed, endpoints, say: console.error })
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`)
  const { findings, ...figures } = report
  console.log(JSON.stringify(figures, null, 2))
  for (const finding of findings.slice(0, FINDINGS_SHOWN)) console.log(finding)
  if (findings.length > 0) throw new Error(`${findings.length} findings; the first are above.`)
}

try {
  await crash()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
