import type { DatabaseSync } from 'node:sqlite'
import type { Totals } from '../dispatch/protocol.ts'

/** A table beside the first one rather than a column in it: a server of before can still open the file. */
export const TOTALS_SCHEMA = `
CREATE TABLE IF NOT EXISTS totals (
  one INTEGER PRIMARY KEY CHECK (one = 1), total_signals INTEGER NOT NULL, executed INTEGER NOT NULL, paper_executed INTEGER NOT NULL,
  failed INTEGER NOT NULL, profit_usd_e8 INTEGER NOT NULL, expected_profit_usd REAL NOT NULL
) STRICT;
INSERT OR IGNORE INTO totals VALUES (1, 0, 0, 0, 0, 0, 0);
CREATE TABLE IF NOT EXISTS totals_unpriced (one INTEGER PRIMARY KEY CHECK (one = 1), unpriced INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO totals_unpriced VALUES (1, 0)`

/** The running sums of a chain, kept beside what they sum so that a restart does not add up history again. */
export interface TotalsTable {
  read(): Totals
  /** Within the caller's transaction. */
  write(totals: Totals): void
}

export function openTotals(db: DatabaseSync): TotalsTable {
  const select = db.prepare('SELECT * FROM totals JOIN totals_unpriced USING (one)')
  select.setReadBigInts(true)
  const update = db.prepare(
    'UPDATE totals SET total_signals = ?, executed = ?, paper_executed = ?, failed = ?, profit_usd_e8 = ?, expected_profit_usd = ?',
  )
  const updateUnpriced = db.prepare('UPDATE totals_unpriced SET unpriced = ?')
  return {
    read() {
      const row = select.get() as Record<string, bigint | number>
      return {
        totalSignals: Number(row.total_signals),
        executed: Number(row.executed),
        paperExecuted: Number(row.paper_executed),
        failed: Number(row.failed),
        unpriced: Number(row.unpriced),
        profitUsdE8: BigInt(row.profit_usd_e8 ?? 0),
        expectedProfitUsd: Number(row.expected_profit_usd),
      }
    },
    write({ totalSignals, executed, paperExecuted, failed, unpriced, profitUsdE8, expectedProfitUsd }) {
      update.run(totalSignals, executed, paperExecuted, failed, profitUsdE8, expectedProfitUsd)
      updateUnpriced.run(unpriced)
    },
  }
}
