import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Launch } from './startTitan.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const NPM_START = ['npm', 'start', '--silent', '--ignore-scripts'] as const
const NPX_START = ['npx', '--no', 'titan', 'start'] as const
/** A container's process 1 is a process 1 to the kernel: signals that it does not handle do not reach it. */
const AS_PROCESS_1 = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'] as const

/** Whether this machine lets us make a process 1. */
export function canBeProcess1(): boolean {
  try {
    execFileSync('unshare', [...AS_PROCESS_1.slice(1), 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** The ways in which users run the server and end it, and who gets the signal. */
export const LAUNCHES: Readonly<Record<string, Launch>> = {
  'npm start, by its pid': byPid(NPM_START),
  'npm start, by its process group': byGroup(NPM_START),
  'npx titan start, by its pid': byPid(NPX_START),
  'npx titan start, by its process group': byGroup(NPX_START),
}

export const LAUNCHES_AS_PROCESS_1: Readonly<Record<string, Launch>> = {
  'npm start as process 1': asProcess1(NPM_START),
  'npx titan start as process 1': asProcess1(NPX_START),
  'node dist/main.js as process 1': asProcess1([process.execPath, 'dist/main.js']),
}

function byPid(command: readonly string[]): Launch {
  return (options) => {
    const child = run(command, options)
    return { child, kill: (signal) => child.kill(signal) }
  }
}

function byGroup(command: readonly string[]): Launch {
  return (options) => {
    const child = run(command, options)
    return { child, kill: (signal) => process.kill(-(child.pid as number), signal) }
  }
}

function asProcess1(command: readonly string[]): Launch {
  return (options) => {
    const child = run([...AS_PROCESS_1, ...command], options)
    return { child, kill: (signal) => process.kill(onlyChildOf(child.pid as number), signal) }
  }
}

/** Runs in a project of its own in the folder, so that no .env of a developer takes part and nothing is built. */
function run([program = '', ...args]: readonly string[], options: Parameters<Launch>[0]): ChildProcess {
  for (const name of ['package.json', '.npmrc', 'bin'])
    cpSync(join(ROOT, name), join(options.cwd, name), { recursive: true })
  for (const name of ['dist', 'node_modules'])
    if (!existsSync(join(options.cwd, name))) symlinkSync(join(ROOT, name), join(options.cwd, name))
  return spawn(program, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
}

function onlyChildOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
}

/**
 * Command lines of the processes that still have this folder as their DATA_DIR: npm, shell, launcher, server and
 * its anvils.
 */
export function processesOf(dataDir: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
        if (!environment.includes(`DATA_DIR=${dataDir}`)) return []
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`]
      } catch {
        return [] // it has ended meanwhile
      }
    })
}
