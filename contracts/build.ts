import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const folder = dirname(fileURLToPath(import.meta.url))

/**
 * What is committed as `artifacts/NAME.json`. Bytecodes are 0x-prefixed; there are no links and no immutables
 * to fill in.
 */
export interface Artifact {
  contractName: string
  compiler: string
  settings: object
  abi: readonly object[]
  bytecode: `0x${string}`
  deployedBytecode: `0x${string}`
  storageLayout: readonly { label: string; slot: string; offset: number; type: string }[]
  methodIdentifiers: Record<string, string>
}

/** The contracts whose artifacts are committed. */
export const contractNames = ['BehindLens', 'OmniArbExecutor', 'SimulationLens'] as const

/**
 * `paris` has no PUSH0, which some of the chains lack. Without metadata hash the bytes depend on nothing but
 * the code and the compiler.
 */
const settings = {
  optimizer: { enabled: true, runs: 200 },
  viaIR: true,
  evmVersion: 'paris',
  metadata: { bytecodeHash: 'none', appendCBOR: false },
}

interface SolcOutput {
  errors?: { severity: string; formattedMessage: string }[]
  contracts: Record<string, Record<string, SolcContract>>
}
interface SolcContract {
  abi: object[]
  evm: {
    bytecode: { object: string }
    deployedBytecode: { object: string }
    methodIdentifiers: Record<string, string>
  }
  storageLayout: { storage: { label: string; slot: string; offset: number; type: string }[] }
}

/**
 * Compiles Solidity files of this folder with the pinned solc from npm; imports resolve to npm packages or to
 * this folder.
 * @returns every contract of the named files, by name
 * @throws when the compiler reports an error or a warning
 */
export function compile({ files }: { files: readonly string[] }): Map<string, Artifact> {
  const solc = require('solc') as {
    version(): string
    compile(
      input: string,
      callbacks: { import(path: string): { contents: string } | { error: string } },
    ): string
  }
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(
      files.map((file) => [file, { content: readFileSync(join(folder, file), 'utf8') }]),
    ),
    settings: {
      ...settings,
      outputSelection: {
        '*': {
          '*': [
            'abi',
            'evm.bytecode.object',
            'evm.deployedBytecode.object',
            'evm.methodIdentifiers',
            'storageLayout',
          ],
        },
      },
    },
  }
  const resolveImport = (path: string) => {
    try {
      return {
        contents: readFileSync(path.startsWith('@') ? require.resolve(path) : join(folder, path), 'utf8'),
      }
    } catch (error) {
      return { error: String(error) }
    }
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: resolveImport })) as SolcOutput
  if (output.errors?.length) throw new Error(output.errors.map((error) => error.formattedMessage).join('\n'))

  const artifacts = new Map<string, Artifact>()
  for (const file of files) {
    for (const [contractName, contract] of Object.entries(output.contracts[file] ?? {})) {
      artifacts.set(contractName, {
        contractName,
        compiler: solc.version(),
        settings,
        abi: contract.abi,
        bytecode: `0x${contract.evm.bytecode.object}`,
        deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
        storageLayout: contract.storageLayout.storage.map(({ label, slot, offset, type }) => ({
          label,
          slot,
          offset,
          type,
        })),
        methodIdentifiers: contract.evm.methodIdentifiers,
      })
    }
  }
  return artifacts
}

/** The text of each committed artifact file, by contract name. */
export function buildArtifacts(): Map<string, string> {
  const compiled = compile({ files: contractNames.map((name) => `${name}.sol`) })
  return new Map(contractNames.map((name) => [name, `${JSON.stringify(compiled.get(name), null, 2)}\n`]))
}

if (import.meta.main) {
  mkdirSync(join(folder, 'artifacts'), { recursive: true })
  for (const [name, text] of buildArtifacts()) {
    writeFileSync(join(folder, 'artifacts', `${name}.json`), text)
    const { deployedBytecode } = JSON.parse(text) as Artifact
    console.log(`${name}: ${(deployedBytecode.length - 2) / 2} bytes`)
  }
}
