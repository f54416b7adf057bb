import { DatabaseSync } from 'node:sqlite'
import { openEventStore } from '../../src/eventlog/eventStore.ts'

/**
 * Makes an event log whose every commit fails as on a full disk, until one holds an event of the signal
 * `room`.
 */
export function makeFullEventLog({ path, room }: { path: string; room: string }): void {
  openEventStore({ path }).close()
  const db = new DatabaseSync(path)
  db.exec(
    `CREATE TRIGGER full BEFORE INSERT ON chains WHEN NOT EXISTS (SELECT 1 FROM events WHERE signal_id = '${room}')
     BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`,
  )
  db.close()
}
