import type { DatabaseSync } from 'node:sqlite'
import { inTransaction } from './openDatabase.ts'

interface Waiting<Item, Written> {
  readonly item: Item
  readonly resolve: (written: Written) => void
  readonly reject: (error: unknown) => void
}

/**
 * Writes whose commits are shared: a disk takes hundreds of commits a second, and tens of thousands of rows
 * in them.
 */
export interface GroupCommit<Item, Written> {
  /** Resolves when the item is on disk. Rejects when the disk refuses: nothing of its group is kept then. */
  add(item: Item): Promise<Written>
  /** The same for what nobody waits for: it goes with the next commit, and in a moment anyway. */
  addSoon(item: Item): Promise<Written>
  /** Commits what waits for company in this tick. */
  hurry(): void
  /** Commits what waits now. */
  flush(): void
  /**
   * Why the disk has refused the newest commit; null when it has not. Where it has, another is tried first,
   * with nothing in it.
   */
  trouble(): string | null
}

/** Longer than a trade is under way to a node, short for somebody who watches. */
const SOON_MS = 20

/**
 * Items of one event-loop tick share a transaction. `write` puts one item down; `finish` ends the transaction
 * with what concerns the whole group, and what it returns is called once the commit stands.
 */
export function createGroupCommit<Item, Written>({
  db,
  begin = () => {},
  write,
  finish,
}: {
  db: DatabaseSync
  begin?: () => void
  write: (item: Item) => Written
  finish: (items: readonly Item[]) => () => void
}): GroupCommit<Item, Written> {
  let waiting: Waiting<Item, Written>[] = []
  let immediate: NodeJS.Immediate | null = null
  let timer: NodeJS.Timeout | null = null
  let problem: string | null = null

  function flush(): void {
    if (immediate) clearImmediate(immediate)
    if (timer) clearTimeout(timer)
    immediate = null
    timer = null
    const group = waiting
    waiting = []
    if (group.length > 0) commit(group)
  }

  function commit(group: readonly Waiting<Item, Written>[]): void {
    const written: Written[] = []
    let committed = () => {}
    try {
      inTransaction(db, () => {
        begin()
        for (const { item } of group) written.push(write(item))
        committed = finish(group.map(({ item }) => item))
      })
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error)
      for (const { reject } of group) reject(error)
      return
    }
    problem = null
    committed()
    group.forEach(({ resolve }, index) => {
      resolve(written[index] as Written)
    })
  }

  const queue = (item: Item) =>
    new Promise<Written>((resolve, reject) => {
      waiting.push({ item, resolve, reject })
    })

  function hurry(): void {
    if (waiting.length > 0) immediate ??= setImmediate(flush)
  }

  return {
    add(item) {
      const written = queue(item)
      hurry()
      return written
    },
    addSoon(item) {
      timer ??= setTimeout(flush, SOON_MS)
      return queue(item)
    },
    hurry,
    flush,
    trouble() {
      if (problem !== null) commit([])
      return problem
    },
  }
}
