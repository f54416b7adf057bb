import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string }

/**
 * A Node of the system, older than the pinned one where there is such a one: what a user types `node` with.
 */
const systemNode =
  (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .map((folder) => join(folder, 'node'))
    .find((file) => existsSync(file)) ?? process.execPath

/**
 * A project with the real launcher and dependencies, whose build and server only tell what became of them.
 */
let project: string
beforeEach(() => {
  project = realpathSync(mkdtempSync(join(tmpdir(), 'titan-launch-')))
  cpSync(join(repository, 'bin'), join(project, 'bin'), { recursive: true })
  mkdirSync(join(project, 'execution'))
  cpSync(join(repository, 'execution/execution_server.js'), join(project, 'execution/execution_server.js'))
  symlinkSync(join(repository, 'node_modules'), join(project, 'node_modules'))
  write('package.json', `{ "type": "module", "version": "${version}" }`)
  write('src/server.js', 'export const seven = 7')
  write('scripts/generate.ts', "console.log('generate' as string)")
  write(
    'scripts/build.ts',
    `import { cpSync } from 'node:fs'
     console.log('build' as string)
     cpSync('src/server.js', 'dist/main.js')`,
  )
})
afterEach(() => rmSync(project, { recursive: true, force: true }))

function write(file: string, text: string): void {
  mkdirSync(join(project, file, '..'), { recursive: true })
  writeFileSync(join(project, file), text)
}

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

function start(file: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(systemNode, [join(project, file), ...args], {
    cwd: tmpdir(),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal, stdout, stderr }))
  return { child, ended }
}

const entries = [
  ['execution/execution_server.js', []],
  ['bin/titan.js', ['start']],
] as const

test.each(entries)(
  '%s %j builds, then runs the server in the project with its exit code',
  async (file, args) => {
    write(
      'src/server.js',
      'console.log(process.cwd(), process.versions.node, process.env.EXECUTION_MODE); process.exitCode = 37',
    )
    const { code, stdout, stderr } = await start(file, args, { EXECUTION_MODE: 'PAPER' }).ended
    const pinned = join(project, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin/node')
    const expected = execFileSync(existsSync(pinned) ? pinned : systemNode, ['-v'], {
      encoding: 'utf8',
    }).trim()
    expect(stdout).toBe(`${project} ${expected.slice(1)} PAPER\n`)
    expect(stderr).toBe('Building...\ngenerate\nbuild\n')
    expect(code).toBe(37)
  },
  60_000,
)

test('builds again only when a source is newer than the build', async () => {
  write('dist/main.js', "console.log('old build')")
  const soon = new Date(Date.now() + 60_000)
  utimesSync(join(project, 'dist/main.js'), soon, soon)
  expect((await start('execution/execution_server.js').ended).stdout).toBe('old build\n')

  write('src/server.js', "console.log('new build')")
  const later = new Date(Date.now() + 120_000)
  utimesSync(join(project, 'src/server.js'), later, later)
  expect(await start('execution/execution_server.js').ended).toMatchObject({ code: 0, stdout: 'new build\n' })
}, 60_000)

test('a build that fails starts nothing', async () => {
  write('scripts/build.ts', "throw new Error('no such module')")
  const { code, stdout, stderr } = await start('execution/execution_server.js').ended
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toContain('no such module')
}, 60_000)

test('without dependencies it says what to run', async () => {
  rmSync(join(project, 'node_modules'))
  expect(await start('execution/execution_server.js').ended).toMatchObject({
    code: 1,
    stderr: `The dependencies are not installed. Run npm ci in ${project}/ first.\n`,
  })
}, 60_000)

test('without the pinned Node it runs on the one it has, unless that is too old', async () => {
  rmSync(join(project, 'node_modules'))
  write('node_modules/.package-lock.json', '{}')
  write('src/server.js', 'console.log(process.version)')
  const version = execFileSync(systemNode, ['-v'], { encoding: 'utf8' }).trim()
  const [major = 0, minor = 0] = version.slice(1).split('.').map(Number)
  const expected =
    major > 22 || (major === 22 && minor >= 18)
      ? { code: 0, stdout: `${version}\n` }
      : {
          code: 1,
          stderr: expect.stringContaining(`Node 22.18 or newer is needed, best Node 24; this is ${version}.`),
        }
  expect(await start('execution/execution_server.js').ended).toMatchObject(expected)
}, 60_000)

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
  '%s reaches the server, which ends in order',
  async (signal) => {
    write(
      'src/server.js',
      `process.once('${signal}', () => { console.log('drained'); process.exit(0) })
     setInterval(() => {}, 1_000)
     console.log('ready')`,
    )
    const { child, ended } = start('execution/execution_server.js')
    await once(child.stdout, 'data')
    child.kill(signal)
    expect(await ended).toMatchObject({ code: 0, signal: null, stdout: 'ready\ndrained\n' })
  },
  60_000,
)

test('ends by the signal that ended the server', async () => {
  write('src/server.js', "process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1_000)")
  expect(await start('execution/execution_server.js').ended).toMatchObject({ code: null, signal: 'SIGTERM' })
}, 60_000)

test('titan knows its version, its usage, and what it does not know', async () => {
  expect(await start('bin/titan.js', ['--version']).ended).toMatchObject({ code: 0, stdout: `${version}\n` })
  expect(await start('bin/titan.js', ['--help']).ended).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('config check'),
  })
  expect(await start('bin/titan.js', ['stop']).ended).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/^titan has no command "stop"\./),
  })
  expect(await start('bin/titan.js').ended).toMatchObject({ code: 2, stdout: '' })
}, 60_000)

test('titan deploy is handed its options, and ends as it does', async () => {
  write('src/cli/deploy.ts', 'console.log(process.argv.slice(2).join(" ")); process.exitCode = 5')
  expect(await start('bin/titan.js', ['deploy', '--chain', '137', '--json']).ended).toMatchObject({
    code: 5,
    stdout: '--chain 137 --json\n',
  })
}, 60_000)

test('titan config check reads .env of the project and tells right from wrong', async () => {
  rmSync(join(project, 'src'), { recursive: true })
  cpSync(join(repository, 'src'), join(project, 'src'), { recursive: true })
  symlinkSync(join(repository, 'devnet'), join(project, 'devnet'))
  write('.env', 'EXECUTION_PORT=8617\nRPC_BASE=https://base.example/v2/s3cret\n')
  const right = await start('bin/titan.js', ['config', 'check']).ended
  expect(right).toMatchObject({ code: 0, stderr: '' })
  expect(right.stdout).toMatch(/port 8617[\s\S]*Base +base\.example; executor NOT SET\n$/)

  write('.env', 'EXECUTION_PORT=86170\nRPC_BAES=https://base.example/v2/s3cret\n')
  expect(await start('bin/titan.js', ['config', 'check']).ended).toMatchObject({
    code: 3,
    stdout: '',
    stderr:
      'RPC_BAES is not a setting; did you mean RPC_BASE?\n' +
      'EXECUTION_PORT must be a whole number from 0 to 65535, not "86170".\n',
  })

  const key = `0x${'3f'.repeat(32)}`
  write(
    '.env',
    `EXECUTION_MODE=LIVE\nRPC_BASE=https://base.example\nPRIVATE_KEY=${key}\nRELAY_AUTH_KEY=${key}\n` +
      `EXECUTOR_ADDRESS=0x${'1'.repeat(40)}\n`,
  )
  expect(await start('bin/titan.js', ['config', 'check']).ended).toMatchObject({
    code: 3,
    stdout: '',
    stderr: 'RELAY_AUTH_KEY is the key of a sending account; use another key, it needs no funds.\n',
  })
}, 60_000)
