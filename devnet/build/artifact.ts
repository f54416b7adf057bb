import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Abi, Hex } from 'viem'

/** The folder `devnet/`. */
export const devnetFolder = resolve(import.meta.dirname, '..')

/** What the world needs of a contract. `from` names the package, its version and the file. */
export interface Artifact {
  readonly from: string
  readonly abi: Abi
  /** Creation code, with placeholders where libraries are to be linked. */
  readonly bytecode: Hex
  readonly linkReferences: Readonly<Record<string, Readonly<Record<string, readonly { start: number }[]>>>>
}

/**
 * Reads the artifact that a package of `devnet/node_modules` carries.
 *
 * Understands the formats of solc's `evm.bytecode.object` (Uniswap V2), Truffle and Hardhat.
 *
 * @throws when the package is not installed or the file holds no bytecode
 */
export function readArtifact(options: { packageName: string; file: string }): Artifact {
  const json = readJson(join(devnetFolder, 'node_modules', options.packageName, options.file)) as {
    abi: Abi
    bytecode?: string | { object: string }
    evm?: { bytecode: { object: string } }
    linkReferences?: Artifact['linkReferences']
  }
  const code = typeof json.bytecode === 'string' ? json.bytecode : json.evm?.bytecode.object
  if (!code) throw new Error(`${options.packageName}/${options.file} holds no bytecode.`)
  return {
    from: `${packageAndVersion(options.packageName)} ${options.file}`,
    abi: json.abi,
    bytecode: code.startsWith('0x') ? (code as Hex) : `0x${code}`,
    linkReferences: json.linkReferences ?? {},
  }
}

/** `name@version` of an installed package. */
export function packageAndVersion(packageName: string): string {
  const manifest = readJson(join(devnetFolder, 'node_modules', packageName, 'package.json')) as {
    version: string
  }
  return `${packageName}@${manifest.version}`
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}
