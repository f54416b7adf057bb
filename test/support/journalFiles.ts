import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Transaction } from 'ethers'
import { committedFrames, type LogPlace } from './writeAheadLog.ts'

/** The journals of a server as they are on disk while it runs: their bytes, whatever SQLite makes of them. */
export interface JournalFiles {
  /**
   * Whether these signed bytes are in a committed transaction of a chain's journal at this moment: their hash
   * and their signature, as text or as bytes. Nothing of the schema is known here.
   */
  hold(raw: string): boolean
}

/** @param options.dataDir the server's DATA_DIR; what is not there yet holds nothing */
export function openJournalFiles({ dataDir }: { dataDir: string }): JournalFiles {
  const folder = join(dataDir, 'live')
  const places = new Map<string, LogPlace | null>()
  /** Attempts are never deleted, so what was found once stays. */
  const found = new Set<string>()

  function readLog(path: string): { committed: Buffer; salts: string | null } {
    const log = read(path)
    const place = committedFrames(log, places.get(path) ?? null)
    places.set(path, place)
    return { committed: log.subarray(0, place?.end ?? 0), salts: place?.salts ?? null }
  }

  /** The log comes first: a checkpoint writes to the database before the log is used anew. */
  function isIn(database: string, needles: Needles): boolean {
    for (let left = CHECKPOINT_RACES_MAX; ; left--) {
      const log = readLog(`${database}-wal`)
      if (holdsAll(log.committed, needles) || holdsAll(read(database), needles)) return true
      if (left === 0 || readLog(`${database}-wal`).salts === log.salts) return false
    }
  }

  return {
    hold(raw) {
      const { hash, signature } = Transaction.from(raw)
      const key = hash as string
      if (found.has(key)) return true
      const { r, s } = signature as { r: string; s: string }
      if (!journalsIn(folder).some((database) => isIn(database, { hash: key, signature: [r, s] })))
        return false
      found.add(key)
      return true
    },
  }
}

/** One half of the signature is enough: a page's end can divide the other. */
interface Needles {
  readonly hash: string
  readonly signature: readonly string[]
}

const CHECKPOINT_RACES_MAX = 3

const journalsIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /^chain-\d+\.sqlite$/.test(name))
        .map((name) => join(folder, name))
    : []

const holdsAll = (bytes: Buffer, { hash, signature }: Needles): boolean =>
  holds(bytes, hash) && signature.some((half) => holds(bytes, half))

function holds(bytes: Buffer, hex: string): boolean {
  const digits = hex.slice(2).toLowerCase()
  return bytes.includes(digits) || bytes.includes(Buffer.from(digits, 'hex'))
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0) // not there yet, or just removed
  }
}
