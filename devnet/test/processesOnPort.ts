import { readdirSync, readFileSync } from 'node:fs'

/** The node on a port of this machine, and its guard. One that waits to be reaped counts as gone. */
export function processesOnPort(port: number): number[] {
  const words = ['', '--quiet', '--host', '127.0.0.1', '--port', `${port}`, ''].join('\0')
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && read(name, 'cmdline').includes(words))
    .filter((name) => !/^State:\s+Z/m.test(read(name, 'status')))
    .map(Number)
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // it has ended meanwhile
  }
}
