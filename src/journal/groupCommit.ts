import type { DatabaseSync } from 'node:sqlite'
import { inTransaction } from './openDatabase.ts'

interface Waiting<Item, Written> {
  readonly item: Item
  readonly resolve: (written: Written) => void
  readonly reject: (error: unknown) => void
}

/** Writes whose commits are shared: 3,300 single commits a second become tens of thousands of rows. */
export interface GroupCommit<Item, Written> {
  /** Resolves when the item is on disk. Rejects when the disk refuses: nothing of its group is kept then. */
  add(item: Item): Promise<Written>
  /** Commits what waits now. */
  flush(): void
}

/**
 * Items of one event-loop tick share a transaction. `write` puts one item down; `finish` ends the transaction with what concerns the whole group, and
 * what it returns is called once the commit stands.
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

  function flush(): void {
    const group = waiting
    waiting = []
    if (group.length === 0) return
    const written: Written[] = []
    let committed = () => {}
    try {
      inTransaction(db, () => {
        begin()
        for (const { item } of group) written.push(write(item))
        committed = finish(group.map(({ item }) => item))
      })
    } catch (error) {
      for (const { reject } of group) reject(error)
      return
    }
    committed()
    group.forEach(({ resolve }, index) => {
      resolve(written[index] as Written)
    })
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        if (waiting.push({ item, resolve, reject }) === 1) setImmediate(flush)
      }),
    flush,
  }
}
