import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { StartError } from '../errors/startError.ts'

/** Variables by name, as raw text. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The variables of the process and, for names it does not have, those of the file `.env` in `folder`; an
 * empty variable of the process wins too. This is the only place that reads the environment.
 *
 * @throws {@link StartError} when there is a `.env` that cannot be read; that there is none is fine
 */
export function readEnvironment({
  folder = process.cwd(),
  variables = process.env,
}: {
  folder?: string
  variables?: Environment
} = {}): Environment {
  const file = join(folder, '.env')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { ...variables }
    throw new StartError([`${file} cannot be read (${code}); correct its permissions or remove it.`])
  }
  // Some editors begin a file with a byte order mark, which would become part of the first name.
  return { ...parseEnv(text.replace(/^\uFEFF/, '')), ...variables }
}

export { loadConfig } from './loadConfig.ts'
export { withDevnet } from './withDevnet.ts'
