import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { devnetFolder } from './artifact.ts'
import { balancerContracts, compileBalancerArtifact, creationDigest } from './balancerArtifacts.ts'

/**
 * Compiles Balancer's contracts into the cache, one after another, in about a minute and a half. With `--check` it also
 * compares them with those of the frozen world and ends with 1 when one differs.
 */
const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const frozen = values.check
  ? (JSON.parse(readFileSync(join(devnetFolder, 'world', 'balancer.json'), 'utf8')) as Record<string, string>)
  : undefined
for (const contract of balancerContracts) {
  const startedAt = performance.now()
  const digest = creationDigest(compileBalancerArtifact(contract))
  const same =
    frozen === undefined ? '' : digest === frozen[contract] ? ', as frozen' : ', DIFFERS from the frozen one'
  console.log(`${contract}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s${same}`)
  if (frozen !== undefined && digest !== frozen[contract]) process.exitCode = 1
}
