import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Why no file system can be mounted here; null when one can. */
export function mountMissing(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'titan-mount-'))
  try {
    mountSmallDisk({ folder, bytes: 4_096 })()
    return null
  } catch (error) {
    return `No file system can be mounted here, so a full disk is not tried (${(error as Error).message.trim()}).`
  } finally {
    rmdirSync(folder)
  }
}

/**
 * Puts a file system of its own on a folder, so small that it can be filled. The function it gives back takes
 * it away.
 *
 * @throws with what `mount` says where it may not
 */
export function mountSmallDisk({ folder, bytes }: { folder: string; bytes: number }): () => void {
  run('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder)
  return () => run('umount', '-l', folder)
}

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args)
  if (error) throw error
  if (status !== 0) throw new Error(stderr.toString())
}

/**
 * Fills what room a disk has left, to the last byte; the function it gives back makes that room free again.
 */
export function fillDisk({ folder }: { folder: string }): () => void {
  const path = join(folder, 'filler')
  const file = openSync(path, 'w')
  for (let bytes = 65_536; bytes > 0; ) {
    try {
      writeSync(file, Buffer.alloc(bytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      bytes = Math.floor(bytes / 2)
    }
  }
  closeSync(file)
  return () => rmSync(path)
}
