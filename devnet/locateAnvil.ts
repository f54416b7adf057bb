import { accessSync, constants, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { readEnvironment } from '../src/config/env.ts'
import { readSetting } from '../src/config/readSetting.ts'
import { SETTINGS } from '../src/config/settings.ts'
import { packageRoot } from './packageRoot.ts'

const packageName = '@foundry-rs/anvil-linux-amd64'

/**
 * The path of the anvil program: the one that is configured, else the optional dependency of this package.
 *
 * @param configured `ANVIL_BIN`, unless the caller has read it already; null when it is not set
 * @throws a sentence that names what to install or to correct when there is none
 */
export function locateAnvil(configured: string | null = readConfigured()): string {
  if (configured !== null) {
    if (!isProgram(configured)) throw new Error(`ANVIL_BIN: ${configured} is not a program that can be run.`)
    return configured
  }
  const root = packageRoot()
  for (const folder of [root, join(root, 'devnet')]) {
    try {
      return createRequire(join(folder, 'package.json')).resolve(`${packageName}/bin/anvil`)
    } catch {
      // Not installed here; optional dependencies are left out on other platforms.
    }
  }
  throw new Error(
    process.platform === 'linux' && process.arch === 'x64'
      ? `The devnet needs anvil: the package ${packageName} is not installed. Run "npm ci" without --omit=optional, or set ANVIL_BIN to an anvil program.`
      : `The devnet needs anvil, and ${packageName} does not run on ${process.platform}/${process.arch}. Install Foundry 1.7 (https://getfoundry.sh, or the npm package @foundry-rs/anvil for this platform) and set ANVIL_BIN to its anvil program.`,
  )
}

function readConfigured(): string | null {
  const anvil = readSetting(readEnvironment(), SETTINGS.anvil)
  if (!anvil.ok) throw new Error(anvil.problem)
  return anvil.value
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
