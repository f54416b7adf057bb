import { mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../devnet/packageRoot.ts'

/**
 * In the checkout: a temporary folder of the system lies in memory on many of them, where a sync to disk
 * costs nothing.
 */
const ROOT = join(packageRoot(), '.cache', 'bench')

/** A new folder for the journals of a run, on the disk of the checkout. The caller removes it. */
export async function makeBenchFolder(): Promise<string> {
  await mkdir(ROOT, { recursive: true })
  return await mkdtemp(join(ROOT, 'run-'))
}

/** The kind of file system the journals of a run lie on, e.g. `ext4`; `tmpfs` is memory. */
export async function journalFileSystem(): Promise<string> {
  const mounts = await readFile('/proc/self/mounts', 'utf8').catch(() => '')
  const over = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point = '']) => point === '/' || point === ROOT || ROOT.startsWith(`${point}/`))
    .sort(([, one = ''], [, other = '']) => other.length - one.length)
  return over[0]?.[2] ?? 'unknown'
}
