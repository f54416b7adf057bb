import { createRequire } from 'node:module'
import { join } from 'node:path'
import { packageRoot } from './packageRoot.ts'

const packageName = '@foundry-rs/anvil-linux-amd64'

/**
 * The path of the anvil program: `ANVIL_BIN` when it is set, else the optional dependency of this package.
 *
 * @throws a sentence that names what to install when there is none for this platform
 */
export function locateAnvil(): string {
  const fromEnvironment = process.env.ANVIL_BIN
  if (fromEnvironment) return fromEnvironment
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
