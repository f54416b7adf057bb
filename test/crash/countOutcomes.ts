import type { FinalRecord } from './audit.ts'

/** How many trades ended how: the status, and the reason where there is one. */
export function countOutcomes(records: readonly FinalRecord[]): Record<string, number> {
  const reasonOf = (record: FinalRecord) =>
    (record?.facts as { reason?: unknown } | undefined)?.reason ?? record?.code
  const names = records.map((record) => `${record?.status ?? 'no record'} ${reasonOf(record) ?? ''}`.trim())
  return Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]))
}
