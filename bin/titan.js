#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { runSource, startServer } from './launch.js'

const USAGE = `Usage: titan <command>

  start          start the execution server with the settings of the environment and .env
  config check   check those settings and say what they mean, without starting anything

  --help         this text
  --version      the version

Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 wrong configuration.`

const command = process.argv.slice(2).join(' ')
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
