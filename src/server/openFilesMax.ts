import { readFileSync } from 'node:fs'

/**
 * How many files and sockets the system lets this process open; null where that cannot be read (not Linux).
 */
export function openFilesMax(): number | null {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))
    return line?.[1] === undefined ? null : Number(line[1])
  } catch {
    return null
  }
}
