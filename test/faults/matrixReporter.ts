import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'
import type { FaultCase } from './faultRow.ts'

const FILE = join(import.meta.dirname, '../../docs/fault-matrix.md')
const ROWS = 40

const HEAD = `# What the transaction engine survives

Every way in which a transaction is known to be lost, doubled or stuck, the case that provokes it, and what came out.
Written by \`npm run test:faults\`; the cases are in \`test/faults/\`.

A case of the *system* runs the built server in LIVE over its public API, in front of a real node (anvil) behind proxies that
fail as told (\`test/support/faultProxy.ts\`). The moment a signed transaction comes to a proxy or relay, before anything is done
with it, the bytes of the journal's files are read: its record has to be in a committed transaction of the write-ahead log.
After each case the server is ended and held against the chain: nothing came before its record, a nonce belongs to one signal, no
signal has two effects, no nonce is missing, and every outcome is what the chain says.

| row | failure | injected | expected | observed | against | pass |
|---|---|---|---|---|---|---|
`

interface Line extends FaultCase {
  readonly observed: string
  readonly passed: boolean
}

/**
 * Writes `docs/fault-matrix.md` from a whole run, in the order of the rows and within a row of the file. A
 * run of a part of the cases writes nothing.
 */
export default class MatrixReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const cases = modules
      .toSorted((a, b) => a.moduleId.localeCompare(b.moduleId))
      .flatMap((module) => [...module.children.allTests()])
    const lines = cases.flatMap(lineOf).toSorted((a, b) => a.row - b.row)
    const covered = new Set(lines.map(({ row }) => row))
    const missing = Array.from({ length: ROWS }, (_, index) => index + 1).filter((row) => !covered.has(row))
    const isWhole = cases.every((test) => test.result().state !== 'skipped')
    if (!isWhole || missing.length > 0) {
      process.stdout.write(`docs/fault-matrix.md is left as it is: rows ${missing.join(', ')} did not run.\n`)
      return
    }
    const passed = lines.filter((line) => line.passed).length
    const sum = `\n${passed} of ${lines.length} cases pass, over ${covered.size} of ${ROWS} rows.\n`
    writeFileSync(FILE, HEAD + lines.map(textOf).join('') + sum)
  }
}

function lineOf(test: TestCase): Line[] {
  const entry = test.meta().faultCase
  if (entry === undefined) return []
  const { state, errors } = test.result()
  const passed = state === 'passed'
  const failed = () => `FAILED: ${String(errors?.[0]?.message ?? 'no reason').split('\n')[0]}`
  return [{ ...entry, observed: passed ? (entry.observed ?? '') : failed(), passed }]
}

const textOf = ({ row, failure, injected, expected, observed, against, passed }: Line): string => {
  const cells = [String(row), failure, injected, expected, observed, against, passed ? 'yes' : '**no**']
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
}
