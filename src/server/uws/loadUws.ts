import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { StartError } from '../../errors/startError.ts'
import { chooseBinary } from './chooseBinary.ts'
import { fittedCopy } from './fittedCopy.ts'

/** What the package exports. */
export type Uws = typeof import('uWebSockets.js')

const requireFromHere = createRequire(import.meta.url)

/**
 * Loads uWebSockets.js. Its Linux binaries want glibc 2.38; where the system's is older, a copy fitted to it
 * takes the binary's place, kept in `node_modules/.cache/titan` or, when that cannot be written, in a private
 * temporary folder.
 *
 * @param glibc version to assume instead of the running one; null means another C library
 * @throws {@link StartError} with the reason when it cannot run here
 */
export function loadUws({ glibc = runningGlibc() }: { glibc?: string | null } = {}): Uws {
  const { platform, arch } = process
  const choice = chooseBinary({ platform, arch, abi: process.versions.modules, glibc })
  const packageFolder = dirname(requireFromHere.resolve('uWebSockets.js'))
  switch (choice.kind) {
    case 'package':
      return load('uWebSockets.js')
    case 'fitted': {
      const source = join(packageFolder, choice.file)
      const copy = fittedCopy({
        source,
        digests: choice.digests,
        folder: join(packageFolder, '..', '.cache', 'titan'),
        privateFolder: join(tmpdir(), `titan-${process.getuid?.()}`),
      })
      load(copy)
      // The package requires its binary by this path; from now on it gets the copy.
      requireFromHere.cache[source] = requireFromHere.cache[copy]
      return load('uWebSockets.js')
    }
    case 'none':
      throw new StartError([choice.sentence])
    default:
      return choice satisfies never
  }
}

function load(name: string): Uws {
  try {
    return requireFromHere(name)
  } catch (error) {
    throw new StartError([`uWebSockets.js cannot be loaded from ${name}: ${(error as Error).message}`])
  }
}

function runningGlibc(): string | null {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime ?? null
}
