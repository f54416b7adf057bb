import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Artifact, devnetFolder, packageAndVersion } from './artifact.ts'
import { compileSolidity } from './compileSolidity.ts'

export type BalancerContract = keyof typeof units

/** The optimizer steps and the `runs` per contract of Balancer's own build. */
const optimizerSteps =
  'dhfoDgvulfnTUtnIf [ xa[r]EscLM cCTUtTOntnfDIul Lcul Vcul [j] Tpeul xa[rul] xa[r]cL gvif CTUca[r]LSsTFOtfDnca[r]Iulc ] jmul[jul] VcTOcul jmul : fDnTOcmu'
const units = {
  Vault: { packageName: '@balancer-labs/v3-vault', runs: 500 },
  VaultExtension: { packageName: '@balancer-labs/v3-vault', runs: 500 },
  VaultAdmin: { packageName: '@balancer-labs/v3-vault', runs: 9999 },
  ProtocolFeeController: { packageName: '@balancer-labs/v3-vault', runs: 9999 },
  WeightedPoolFactory: { packageName: '@balancer-labs/v3-pool-weighted', runs: 9999 },
  Router: { packageName: '@balancer-labs/v3-vault', runs: 9999 },
} as const
const cacheFolder = join(devnetFolder, '.cache', 'balancer')

export const balancerContracts = Object.keys(units) as BalancerContract[]

/** Compiles one contract from the packages' sources and keeps it in the cache. Takes up to half a minute each. */
export function compileBalancerArtifact(contract: BalancerContract): Artifact {
  const { packageName, runs } = units[contract]
  const file = `contracts/${contract}.sol`
  const artifact = compileSolidity({
    unit: `${packageName}/${file}`,
    contract,
    from: `${packageAndVersion(packageName)} ${file} (compiled by ${packageAndVersion('solc')})`,
    settings: {
      viaIR: true,
      evmVersion: 'cancun',
      optimizer: { enabled: true, runs, details: { yulDetails: { optimizerSteps } } },
    },
  })
  mkdirSync(cacheFolder, { recursive: true })
  writeFileSync(cachePath(contract), JSON.stringify(artifact))
  return artifact
}

/** The contract as last compiled. Throws a sentence when it has not been. */
export function readBalancerArtifact(contract: BalancerContract): Artifact {
  try {
    return JSON.parse(readFileSync(cachePath(contract), 'utf8')) as Artifact
  } catch (cause) {
    throw new Error(`Balancer's ${contract} is not compiled yet: run "npm run build:balancer" first.`, {
      cause,
    })
  }
}

/** sha-256 of an artifact's creation code. */
export function creationDigest(artifact: Artifact): string {
  return createHash('sha256').update(artifact.bytecode).digest('hex')
}

function cachePath(contract: BalancerContract): string {
  return join(cacheFolder, `${contract}.json`)
}
