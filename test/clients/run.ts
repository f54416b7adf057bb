/**
 * `npm run test:clients [-- vitest's arguments]`: see README.md beside this file. With `--find` it only finds
 * the client, or builds it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { findGeth } from './findGeth.ts'

const found = await findGeth({ say: console.error })
if (found.path === null) console.log(`test:clients is SKIPPED: ${found.why}`)
else console.error(`go-ethereum ${found.version}: ${found.path}`)

if (found.path !== null && !process.argv.includes('--find')) {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))
  const args = [vitest, 'run', '--config', 'test/clients/vitest.config.ts', ...process.argv.slice(2)]
  const env = { ...process.env, GETH_BIN: found.path }
  const [code] = await once(spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' }), 'exit')
  process.exitCode = code ?? 1
}
