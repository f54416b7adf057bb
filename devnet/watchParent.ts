import { readFileSync } from 'node:fs'

const intervalMs = 250

/**
 * Calls `onGone` once, within a quarter of a second of the death of the process that started this one. Under `npm run`
 * there can be a shell between npm and us that outlives a killed npm; so npm is watched too.
 *
 * A process that has been started without a parent (as process 1, or detached) is never gone. Does not keep the process
 * alive.
 *
 * @param options.environment tells by `npm_lifecycle_event` whether npm runs us
 */
export function watchParent(options: {
  environment: Readonly<Record<string, string | undefined>>
  onGone: () => void
}): void {
  const parent = process.ppid
  if (parent <= 1) return
  const npm = options.environment.npm_lifecycle_event === undefined ? undefined : parentOf(parent)
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
