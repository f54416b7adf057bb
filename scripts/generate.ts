/**
 * Turns `src/wire/schema` (types) into `src/wire/generated` (plain TypeScript checks) with typia, when a
 * schema is newer. No typia plugin is needed anywhere else: Node runs the output by stripping its types.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const input = `${root}src/wire/schema`
const output = `${root}src/wire/generated`

const sources = globSync(`${input}/*.ts`)
const made = (source: string) => source.replace('/schema/', '/generated/')
const newest = Math.max(...[...sources, `${root}package-lock.json`].map((file) => statSync(file).mtimeMs))
const fresh = sources.every((source) => existsSync(made(source)) && statSync(made(source)).mtimeMs > newest)

if (!fresh) {
  rmSync(output, { recursive: true, force: true })
  const typia = `${root}node_modules/typia/lib/executable/typia.js`
  execFileSync(
    process.execPath,
    [typia, 'generate', '--input', input, '--output', output, '--project', `${root}tsconfig.json`],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  )
}
