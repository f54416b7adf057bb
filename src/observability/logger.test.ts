import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { expect, test } from 'vitest'

/** What the main thread and a worker of a process write, each one line. */
function linesOf(options: object): string[] {
  const module = JSON.stringify(new URL('logger.ts', import.meta.url).href)
  const log = (thread: string) =>
    `const { createLogger } = await import(${module}); createLogger(${JSON.stringify({ level: 'info', thread, ...options })}).info({ chainId: 137 }, 'From ${thread}.')`
  const worker = `data:text/javascript,${encodeURIComponent(log('chain-137'))}`
  const script = `import { Worker } from 'node:worker_threads'
    ${log('main')}
    new Worker(new URL(${JSON.stringify(worker)}))`
  return execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
    .trimEnd()
    .split('\n')
}

test('every thread writes JSON lines where nobody looks', () => {
  expect(linesOf({}).map((line) => JSON.parse(line))).toMatchObject([
    { thread: 'main', chainId: 137, msg: 'From main.' },
    { thread: 'chain-137', chainId: 137, msg: 'From chain-137.' },
  ])
})

test('every thread writes for people on a terminal', () => {
  const lines = linesOf({ pretty: true })
  expect(lines.filter((line) => /INFO.*From (main|chain-137)\./.test(line))).toHaveLength(2)
  expect(lines.filter((line) => line.startsWith('{'))).toEqual([])
})

test('a log that cannot be written ends nothing, and lets the process end', () => {
  const module = JSON.stringify(new URL('logger.ts', import.meta.url).href)
  const script = `const { createLogger } = await import(${module})
    const logger = createLogger({ level: 'info', thread: 'main' })
    for (let count = 0; count < 1000; count++) logger.info('A line.')
    setTimeout(() => {
      logger.fatal('Still here.')
      process.exitCode = 7
    }, 50)`
  const full = openSync('/dev/full', 'w')
  try {
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', full, 'pipe'],
      timeout: 20_000,
      killSignal: 'SIGKILL',
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([7, ''])
  } finally {
    closeSync(full)
  }
})
