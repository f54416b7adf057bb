import { readFileSync } from 'node:fs'

const intervalMs = 250

/**
 * Calls `onGone` once, within a quarter of a second of the death of the process that started this one. Under `npm run`
 * there is a shell between npm and us that outlives a killed npm; so npm is watched too.
 *
 * A process that has been started without a parent (as process 1, or detached) is never gone. Does not keep the process
 * alive.
 */
export function watchParent(options: { onGone: () => void }): void {
  const parent = process.ppid
  if (parent <= 1) return
  const npm = process.env.npm_lifecycle_event === undefined ? undefined : parentOf(parent)
  const timer = setInterval(() => {
    if (process.ppid === parent && (npm === undefined || parentOf(parent) === npm)) return
    clearInterval(timer)
    options.onGone()
  }, intervalMs)
  timer.unref()
}

/** Undefined where there is no /proc. */
function parentOf(pid: number): number | undefined {
  try {
    // The second field is the program's name in parentheses and may itself hold blanks and parentheses.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return Number(fields[1])
  } catch {
    return undefined
  }
}
