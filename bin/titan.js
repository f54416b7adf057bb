#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { runSource, startServer } from './launch.js'

const USAGE = `Usage: titan <command>

  start          start the execution server with the settings of the environment and .env
  config check   check those settings and say what they mean, without starting anything
  deploy         deploy the executor contract and authorise the keys (titan deploy --help)

  --help         this text
  --version      the version

Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 wrong configuration, 5 no node could be reached.`

const words = process.argv.slice(2)
/** Only `deploy` takes options. */
const command = words[0] === 'deploy' ? 'deploy' : words.join(' ')
switch (command) {
  case 'start':
    process.exitCode = await startServer()
    break
  case 'config check':
    process.exitCode = await runSource({ file: 'src/cli/configCheck.ts', args: [] })
    break
  case 'deploy':
    process.exitCode = await runSource({ file: 'src/cli/deploy.ts', args: words.slice(1) })
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
