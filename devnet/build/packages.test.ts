import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { devnetFolder, packageAndVersion } from './artifact.ts'
import { buildWorld, type Digest } from './buildWorld.ts'
import type { Genesis } from './freezeGenesis.ts'

const readWorld = (file: string) => readFileSync(join(devnetFolder, 'world', file))
const frozenDigests = JSON.parse(readWorld('digests.json').toString()) as Record<string, Digest>
const frozenGenesis = JSON.parse(gunzipSync(readWorld('genesis.json.gz')).toString()) as Genesis
const isBalancers = (digest: Digest | undefined) => digest?.name.startsWith('Balancer V3')

// Balancer is deployed last, so the world without it is the same world at the same addresses. What is left out here is
// checked by "npm run build:balancer -- --check" and "npm run build -- --check".
const built = await buildWorld({ balancer: false })

test('the packages give the code that is frozen, at every address but those of Balancer', () => {
  const expected = Object.fromEntries(
    Object.entries(frozenDigests).filter(([, digest]) => !isBalancers(digest)),
  )
  assert.deepEqual(built.digests, expected)
  assert.ok(Object.keys(expected).length > 55)
})

test('constructors and set-up give the storage that is frozen, tokens and accounts apart', () => {
  // Balancer's pool takes tokens, so their storage differs without it; so does the nonce of the deployer.
  const touched = ['WETH9', 'DAI token', 'USDC token', 'Permit2']
  for (const [address, account] of Object.entries(built.genesis.alloc)) {
    const digest = Object.entries(frozenDigests).find(([known]) => known.toLowerCase() === address)?.[1]
    if (digest === undefined || touched.includes(digest.name)) continue
    assert.deepEqual(
      account,
      frozenGenesis.alloc[address as keyof Genesis['alloc']],
      `${digest.name} at ${address}`,
    )
  }
})

test('every origin names the version that is installed', () => {
  for (const { from } of Object.values(frozenDigests)) {
    for (const [, name, version] of from.matchAll(/((?:@[\w-]+\/)?[\w-]+)@(\d+\.\d+\.\d+[\w.-]*)/g)) {
      assert.equal(`${name}@${version}`, packageAndVersion(name as string))
    }
  }
})
