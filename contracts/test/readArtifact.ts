import { readFileSync } from 'node:fs'
import type { Abi } from 'viem'
import type { Artifact, contractNames } from '../build.ts'

/** An artifact whose ABI viem can read. */
export type ViemArtifact = Omit<Artifact, 'abi'> & { abi: Abi }

/** A committed artifact. */
export function readArtifact(name: (typeof contractNames)[number]): ViemArtifact {
  return JSON.parse(readFileSync(new URL(`../artifacts/${name}.json`, import.meta.url), 'utf8'))
}
