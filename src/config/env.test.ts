import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

test('a .env that cannot be read stops the start', () => {
  mkdirSync(join(folder, '.env'))
  expect(() => readEnvironment({ folder, variables: {} })).toThrow(StartError)
})

test('the variables of this very process are the default', () => {
  expect(readEnvironment({ folder }).PATH).toBe(process.env.PATH)
})
