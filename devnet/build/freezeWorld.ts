import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { devnetFolder } from './artifact.ts'
import { balancerContracts, creationDigest, readBalancerArtifact } from './balancerArtifacts.ts'
import { buildWorld } from './buildWorld.ts'

/**
 * Builds the world and writes `world/`; with `--check` compares it with `world/` instead, to the byte, and ends with 1
 * when something differs.
 */
const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const { genesis, addressBook, digests } = await buildWorld({ balancer: true })
const folder = join(devnetFolder, 'world')
const balancer = Object.fromEntries(
  balancerContracts.map((contract) => [contract, creationDigest(readBalancerArtifact(contract))]),
)
const files = [
  { name: 'genesis.json.gz', text: JSON.stringify(genesis) },
  { name: 'addresses.json', text: `${JSON.stringify(addressBook, null, 2)}\n` },
  { name: 'digests.json', text: `${JSON.stringify(digests, null, 2)}\n` },
  { name: 'balancer.json', text: `${JSON.stringify(balancer, null, 2)}\n` },
]
mkdirSync(folder, { recursive: true })
for (const { name, text } of files) {
  const path = join(folder, name)
  const packed = name.endsWith('.gz')
  if (values.check) {
    const bytes = readFileSync(path)
    const same = (packed ? gunzipSync(bytes) : bytes).toString() === text
    console.log(`${name}: ${same ? 'as built' : 'DIFFERS from what the packages give'}`)
    if (!same) process.exitCode = 1
  } else {
    writeFileSync(path, packed ? gzipSync(text, { level: 9 }) : text)
    console.log(`${name}: ${text.length} bytes`)
  }
}
