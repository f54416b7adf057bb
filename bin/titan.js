#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { runSource, startServer } from './launch.js'

const USAGE = `Usage: titan <command>

  start          start the execution server with the settings of the environment and .env
  config check   check those settings and say what they mean, without starting anything
  deploy         deploy the executor contract and authorise the keys (titan deploy --help)

  lanes          the chains of the running server and the accounts that send (titan lanes --help)
  pause, resume  a chain or a lane of the running server (titan pause --help)
  cancel, speed-up, abandon
                 one trade of the running server

  --help         this text
  --version      the version

Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 wrong configuration, 5 no node or no server could be reached.`

const words = process.argv.slice(2)
/** Commands that take words and options of their own, and what runs them. */
const WITH_OPTIONS = {
  deploy: { file: 'src/cli/deploy.ts', args: words.slice(1) },
  lanes: { file: 'src/cli/lanes.ts', args: words.slice(1) },
  ...Object.fromEntries(
    ['pause', 'resume', 'cancel', 'speed-up', 'abandon'].map((action) => [
      action,
      { file: 'src/cli/control.ts', args: words },
    ]),
  ),
}
const withOptions = Object.hasOwn(WITH_OPTIONS, words[0] ?? '') ? WITH_OPTIONS[words[0]] : null
const command = withOptions === null ? words.join(' ') : words[0]
if (withOptions !== null) process.exitCode = await runSource(withOptions)
else
  switch (command) {
    case 'start':
      process.exitCode = await startServer()
      break
    case 'config check':
      process.exitCode = await runSource({ file: 'src/cli/configCheck.ts', args: [] })
      break
    case '--help':
    case '-h':
      console.log(USAGE)
      break
    case '--version':
    case '-v':
      console.log(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version)
      break
    default:
      console.error(command === '' ? USAGE : `titan has no command "${command}".\n\n${USAGE}`)
      process.exitCode = 2
  }
