import { type Address, encodeDeployData, encodeFunctionData } from 'viem'
import { type Artifact, compile } from '../build.ts'
import type { ViemArtifact } from './readArtifact.ts'
import type { World } from './startWorld.ts'

let compiled: Map<string, Artifact> | undefined

/** A contract of `Adversaries.sol`; compiled once per test file. */
export function adversary(name: string): ViemArtifact {
  compiled ??= compile({ files: ['test/Adversaries.sol'] })
  const artifact = compiled.get(name)
  if (!artifact) throw new Error(`no contract ${name} in Adversaries.sol`)
  return artifact as ViemArtifact
}

/** Deploys it; `call` sends a transaction to it, `read` reads from it. */
export async function deployAdversary({ world, name }: { world: World; name: string }) {
  const { abi, bytecode } = adversary(name)
  const address: Address = await world.deploy({ bytecode: encodeDeployData({ abi, bytecode }) })
  return {
    address,
    abi,
    call: (functionName: string, args: readonly unknown[] = []) =>
      world.send({ from: world.owner, to: address, data: encodeFunctionData({ abi, functionName, args }) }),
    read: (functionName: string, args: readonly unknown[] = []): Promise<unknown> =>
      world.client.readContract({ address, abi, functionName, args }),
  }
}
