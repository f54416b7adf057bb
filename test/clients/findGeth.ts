import { execFile } from 'node:child_process'
import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The release that is built where none is installed. */
const VERSION = 'v1.17.10'
/** The first minor release of 1.x with `testing_commitBlockV1`, by which a test says what is in a block. */
const MINOR_MIN = 17
const BUILD_TIMEOUT_MS = 20 * 60_000

export type FoundGeth =
  | { readonly path: string; readonly version: string }
  /** There is none and none can be made: the sentence says why. */
  | { readonly path: null; readonly why: string }

/**
 * A go-ethereum to test with: `GETH_BIN`, else one on the PATH or in Go's folders, else the one of an earlier
 * build, else it is built from the Go module proxy (some minutes), once for this user. One that is older than
 * 1.17 is passed over.
 */
export async function findGeth({ say }: { say: (sentence: string) => void }): Promise<FoundGeth> {
  const go = await goFolders()
  const built = join(cacheFolder(), 'geth')
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...(go ?? [])].filter((each) => each !== '')
  const candidates = [process.env.GETH_BIN, ...folders.map((folder) => join(folder, 'geth')), built]
  for (const path of candidates) {
    const version = path && (await versionOf(path))
    if (path && version) return { path, version }
  }
  if (go === null)
    return {
      path: null,
      why: 'there is no geth of 1.17 or newer, and no Go to build one with (https://go.dev/dl).',
    }
  say(`Building go-ethereum ${VERSION} into ${dirname(built)}; this takes some minutes, once.`)
  try {
    await build(built)
  } catch (cause) {
    return { path: null, why: `go-ethereum ${VERSION} could not be built: ${lastLines(cause)}` }
  }
  const version = await versionOf(built)
  return version === null ? { path: null, why: `${built} does not run.` } : { path: built, version }
}

function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  return join(base, 'titan', `geth-${VERSION}`)
}

/** Where `go install` puts programs; null without Go. */
async function goFolders(): Promise<readonly string[] | null> {
  try {
    const { stdout } = await run('go', ['env', 'GOBIN', 'GOPATH'])
    const [gobin = '', gopath = ''] = stdout.split('\n')
    return [gobin, ...gopath.split(delimiter).map((folder) => join(folder, 'bin'))].filter(
      (each) => each !== '',
    )
  } catch {
    return null
  }
}

/** Null when there is none, or an older one. */
async function versionOf(path: string): Promise<string | null> {
  try {
    await access(path, constants.X_OK)
    const { stdout } = await run(path, ['version'], { timeout: 30_000 })
    const [, text, major, minor] = /^Version: ((\d+)\.(\d+)\S*)/m.exec(stdout) ?? []
    return text && (Number(major) > 1 || Number(minor) >= MINOR_MIN) ? text : null
  } catch {
    return null
  }
}

/** Into a folder beside it first: a build that is cut off leaves nothing behind that looks whole. */
async function build(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const folder = await mkdtemp(join(dirname(path), 'build-'))
  try {
    const env = { ...process.env, GOBIN: folder, GOFLAGS: '' }
    const of = `github.com/ethereum/go-ethereum/cmd/geth@${VERSION}`
    await run('go', ['install', of], { env, timeout: BUILD_TIMEOUT_MS, maxBuffer: 2 ** 26, cwd: folder })
    await rename(join(folder, 'geth'), path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function lastLines(cause: unknown): string {
  const { stderr = '', message } = cause as { stderr?: string; message: string }
  return stderr.trim().split('\n').slice(-5).join('\n') || message
}
