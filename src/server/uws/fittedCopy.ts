import { createHash, randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { StartError } from '../../errors/startError.ts'
import type { Digests } from './chooseBinary.ts'
import { fitGlibc } from './fitGlibc.ts'

/**
 * The path of a fitted copy of the library `source`: the one in a cache folder if it is whole, else a new
 * one. Folders are tried in turn; the last must be private to this user. Any number of processes and threads
 * may do this at once: a copy is written aside and renamed into place, so a library that somebody runs is
 * never written to.
 *
 * @throws {@link StartError} when the source or its copy is not the one the digests tell of, or no folder can
 *   be written
 */
export function fittedCopy({
  source,
  digests,
  folder,
  privateFolder,
}: {
  source: string
  digests: Digests
  folder: string
  privateFolder: string
}): string {
  const name = `${digests.fitted.slice(0, 16)}-${basename(source)}`
  const kept = join(folder, name)
  if (isWhole(kept, digests.fitted)) return kept
  const keptPrivately = join(privateFolder, name)
  if (isPrivate(privateFolder) && isWhole(keptPrivately, digests.fitted)) return keptPrivately

  const binary = readFileSync(source)
  requireDigest({ file: source, found: digest(binary), expected: digests.source })
  const fitted = fitGlibc(binary)
  requireDigest({ file: `The fitted copy of ${source}`, found: digest(fitted), expected: digests.fitted })

  try {
    mkdirSync(folder, { recursive: true })
    return place({ bytes: fitted, file: kept })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    try {
      mkdirSync(privateFolder, { recursive: true, mode: 0o700 })
      if (!isPrivate(privateFolder)) throw new Error('it belongs to or is open to somebody else')
      return place({ bytes: fitted, file: keptPrivately })
    } catch (cause) {
      throw new StartError([
        `A copy of ${basename(source)} that fits this system's glibc can be written neither to ${folder} (${code}) ` +
          `nor to ${privateFolder} (${(cause as Error).message}); make one of them writable.`,
      ])
    }
  }
}

function place({ bytes, file }: { bytes: Buffer; file: string }): string {
  const aside = `${file}.${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(aside, bytes, { flag: 'wx', mode: 0o755 })
    renameSync(aside, file)
  } catch (error) {
    rmSync(aside, { force: true })
    throw error
  }
  return file
}

function isWhole(file: string, expected: string): boolean {
  try {
    return digest(readFileSync(file)) === expected
  } catch {
    return false
  }
}

/**
 * A folder of this user that nobody else may write to: what lies in a shared temporary folder is otherwise
 * not ours.
 */
function isPrivate(folder: string): boolean {
  const status = lstatSync(folder, { throwIfNoEntry: false })
  return status?.isDirectory() === true && status.uid === process.getuid?.() && (status.mode & 0o022) === 0
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

function requireDigest({ file, found, expected }: { file: string; found: string; expected: string }): void {
  if (found !== expected)
    throw new StartError([
      `${file} is not the expected one: SHA-256 ${found} instead of ${expected}. Run npm ci to install it again.`,
    ])
}
