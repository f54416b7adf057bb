import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Plain JavaScript for any Node from 18 on: this file only finds the Node that runs the rest.

/** The folder of the project, where `.env` and `data` are; everything is run in it, wherever it was started from. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** The oldest Node that runs TypeScript without a flag. */
const NODE_MIN = [22, 18]

/** What the bundle is made from. */
const SOURCES = ['src', 'workers', 'devnet', 'contracts', 'scripts', 'package-lock.json', 'tsconfig.json']
const NOT_SOURCES = ['node_modules', 'world']

/**
 * Runs the server: builds it first when the build is missing or older than the sources.
 *
 * @returns {Promise<number>} its exit code; 1 when it could not be started, the reason being on stderr
 */
export async function startServer() {
  return whenInstalled(async (node) => {
    if (isStale()) {
      console.error('Building...')
      for (const script of ['scripts/generate.ts', 'scripts/build.ts']) {
        const code = await run({ node, args: [script], stdout: 2 })
        if (code !== 0) return 1
      }
    }
    return run({ node, args: ['dist/main.js', '--with-parent'] })
  })
}

/**
 * Runs a TypeScript file of the project.
 *
 * @param {{ file: string, args: readonly string[] }} options
 * @returns {Promise<number>} its exit code; 1 when it could not be started, the reason being on stderr
 */
export async function runSource({ file, args }) {
  return whenInstalled((node) => run({ node, args: [file, ...args] }))
}

async function whenInstalled(work) {
  if (!existsSync(join(root, 'node_modules', '.package-lock.json'))) {
    console.error(`The dependencies are not installed. Run npm ci in ${root} first.`)
    return 1
  }
  const pinned = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (existsSync(pinned)) return work(pinned)
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return work(process.execPath)
  console.error(
    `Node ${NODE_MIN.join('.')} or newer is needed, best Node 24; this is ${process.version}. ` +
      'On Linux (x64, arm64) npm ci brings Node 24 along unless optional dependencies are switched off.',
  )
  return 1
}

function isStale() {
  const built = modifiedMs(join(root, 'dist', 'main.js'))
  return SOURCES.some((source) => modifiedMs(join(root, source)) > built) || built === 0
}

/** When a file, or the newest file in a folder, was changed; 0 when there is none. */
function modifiedMs(path) {
  const status = statSync(path, { throwIfNoEntry: false })
  if (status === undefined) return 0
  if (!status.isDirectory()) return status.mtimeMs
  return readdirSync(path)
    .filter((name) => !NOT_SOURCES.includes(name))
    .reduce((newest, name) => Math.max(newest, modifiedMs(join(path, name))), 0)
}

/** Runs Node in the project's folder until it ends; signals meant to end us are handed on, and we end as it ends. */
function run({ node, args, stdout = 'inherit' }) {
  return new Promise((resolve) => {
    const child = spawn(node, args, { cwd: root, stdio: ['inherit', stdout, 'inherit'] })
    const handOn = (signal) => {
      // A terminal sends Ctrl-C to the child as well; twice would mean "at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    }
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, handOn)
    // npx (or the shell that it runs us in) may end by a signal that it did not hand on.
    const parent = process.ppid
    const watch = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(watch)
      child.kill('SIGTERM')
    }, 250)
    if (process.env.npm_lifecycle_event !== 'npx') clearInterval(watch)
    const end = (code) => {
      clearInterval(watch)
      for (const signal of signals) process.off(signal, handOn)
      resolve(code)
    }
    child.on('error', (error) => {
      console.error(`${node} cannot be run: ${error.message}`)
      end(1)
    })
    child.on('exit', (code, signal) => {
      end(code ?? 1)
      if (signal !== null) process.kill(process.pid, signal)
    })
  })
}
