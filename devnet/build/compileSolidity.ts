import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Abi } from 'viem'
import { type Artifact, devnetFolder } from './artifact.ts'

interface SolcOutput {
  readonly errors?: readonly { severity: string; formattedMessage: string }[]
  readonly contracts?: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>
}

const require = createRequire(join(devnetFolder, 'package.json'))
const sourceRoots = [join(devnetFolder, 'sources'), join(devnetFolder, 'node_modules')]

/**
 * Compiles one contract with the pinned solc of `devnet/node_modules` (WebAssembly, so the same bytes on every machine).
 *
 * @param options.unit path of the source as an import would name it, under `sources/` or `node_modules/`
 * @param options.from what the artifact shall say of its origin
 * @param options.settings solc's settings, without `outputSelection`
 * @throws with the compiler's message when it does not compile
 */
export function compileSolidity(options: {
  unit: string
  contract: string
  from: string
  settings: Readonly<Record<string, unknown>>
}): Artifact {
  const solc = require('solc') as {
    compile(input: string, callbacks: { import(path: string): { contents: string } }): string
  }
  const input = {
    language: 'Solidity',
    sources: { [options.unit]: { content: readSource(options.unit) } },
    settings: {
      ...options.settings,
      outputSelection: { [options.unit]: { [options.contract]: ['abi', 'evm.bytecode.object'] } },
    },
  }
  const text = solc.compile(JSON.stringify(input), { import: (path) => ({ contents: readSource(path) }) })
  const output = JSON.parse(text) as SolcOutput
  const errors = (output.errors ?? []).filter((entry) => entry.severity === 'error')
  const compiled = output.contracts?.[options.unit]?.[options.contract]
  if (errors.length > 0 || compiled === undefined) {
    throw new Error(
      `${options.unit} does not compile: ${errors.map((entry) => entry.formattedMessage).join('\n')}`,
    )
  }
  return {
    from: options.from,
    abi: compiled.abi,
    bytecode: `0x${compiled.evm.bytecode.object}`,
    linkReferences: {},
  }
}

function readSource(unit: string): string {
  for (const root of sourceRoots) {
    try {
      return readFileSync(join(root, unit), 'utf8')
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    }
  }
  throw new Error(`No package holds the source ${unit}.`)
}
