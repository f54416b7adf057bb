import { mkdirSync, mkdtempSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StartError } from '../errors/startError.ts'
import { readEnvironment } from './env.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'titan-env-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('without .env the variables of the process are all there is', () => {
  expect(readEnvironment({ folder, variables: { EXECUTION_PORT: '8546' } })).toEqual({
    EXECUTION_PORT: '8546',
  })
})

test('the process wins over .env, also with an empty value', () => {
  writeFileSync(join(folder, '.env'), 'EXECUTION_PORT=1\nRPC_BASE=https://base.example\nDATA_DIR="my data"\n')
  expect(readEnvironment({ folder, variables: { EXECUTION_PORT: '8546', RPC_BASE: '' } })).toEqual({
    EXECUTION_PORT: '8546',
    RPC_BASE: '',
    DATA_DIR: 'my data',
  })
})

test('a file from another editor or system reads the same', () => {
  writeFileSync(join(folder, '.env'), '\uFEFFEXECUTION_MODE=PAPER  # or LIVE\r\nexport LOG_LEVEL=debug\r\n')
  expect(readEnvironment({ folder, variables: {} })).toEqual({ EXECUTION_MODE: 'PAPER', LOG_LEVEL: 'debug' })
})

test('a .env that is a folder, or links to nothing that can be read, stops the start', () => {
  const file = join(folder, '.env')
  const read = () => readEnvironment({ folder, variables: {} })
  mkdirSync(file)
  expect(read).toThrow(`${file} is a folder and no file; remove it`)
  rmdirSync(file)
  symlinkSync(file, file)
  expect(read).toThrow(`${file} cannot be read (ELOOP)`)
})

test('a .env with a line that sets nothing stops the start, with its path and line', () => {
  writeFileSync(join(folder, '.env'), 'EXECUTION_MODE=PAPER\nRPC_BASE: https://base.example\n')
  let problems: readonly string[] = []
  try {
    readEnvironment({ folder, variables: { RPC_BASE: 'https://other.example' } })
  } catch (error) {
    if (error instanceof StartError) problems = error.problems
  }
  expect(problems).toEqual([expect.stringContaining(`${join(folder, '.env')} line 2 is not NAME=VALUE;`)])
})

test('the variables of this very process are the default', () => {
  expect(readEnvironment({ folder }).PATH).toBe(process.env.PATH)
})
