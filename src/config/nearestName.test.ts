import { expect, test } from 'vitest'
import { nearestName } from './nearestName.ts'

const known = ['RPC_POLYGON', 'RPC_OPTIMISM', 'RPC_OPBNB', 'LOG_LEVEL']

test.each([
  ['RPC_POLYGN', 'RPC_POLYGON'],
  ['RPC_POLYOGN', 'RPC_POLYGON'],
  ['RPC_PPOLYGON', 'RPC_POLYGON'],
  ['RPC_PULYGON', 'RPC_POLYGON'],
  ['log_level', 'LOG_LEVEL'],
  ['RPC_POL', 'RPC_POLYGON'],
  ['RPC_OPT', 'RPC_OPTIMISM'],
])('%s is meant to be %s', (name, meant) => {
  expect(nearestName({ name, known })).toBe(meant)
})

test.each(['RPC_OP', 'RPC_BSC', 'PATH', ''])('%s is like none, or like several', (name) => {
  expect(nearestName({ name, known })).toBeNull()
})
