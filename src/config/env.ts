import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartError } from '../errors/startError.ts'
import { parseEnvFile } from './parseEnvFile.ts'

/** Variables by name, as raw text. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The variables of the process and, for names it does not have, those of the file `.env` in `folder`; an
 * empty variable of the process wins too. This is the only place that reads the environment.
 *
 * @throws {@link StartError} when there is a `.env` that cannot be read, or has a line that sets nothing; that
 *   there is none is fine
 */
export function readEnvironment({
  folder = process.cwd(),
  variables = process.env,
}: {
  folder?: string
  variables?: Environment
} = {}): Environment {
  const path = join(folder, '.env')
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { ...variables }
    throw new StartError([
      code === 'EISDIR'
        ? `${path} is a folder and no file; remove it (docker makes one where the file to mount is missing).`
        : `${path} cannot be read (${code}); correct its permissions or remove it.`,
    ])
  }
  const file = parseEnvFile(bytes)
  if (!file.ok) throw new StartError(file.problems.map((problem) => `${path} ${problem}`))
  return { ...file.variables, ...variables }
}
