import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const packageName = 'titan-execution-layer'

/**
 * The folder of this package, found by walking up from this module. It is the same whether the module runs from its
 * source or as part of a bundle.
 *
 * @throws when no folder above holds the package's manifest
 */
export function packageRoot(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === packageName) return folder
    if (dirname(folder) === folder)
      throw new Error(`No package.json of ${packageName} lies above ${import.meta.dirname}.`)
  }
}
