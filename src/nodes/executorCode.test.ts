import { expect, test } from 'vitest'
import artifact from '../../contracts/artifacts/OmniArbExecutor.json' with { type: 'json' }
import type { Hex } from '../domain/signal.ts'
import { executorVersion } from './executorCode.ts'

const code = artifact.deployedBytecode as Hex

test('the compiled executor is the current one, and nothing else is', () => {
  expect(executorVersion(code)).toBe('current')
  for (const other of ['0x', '0xfe', `${code}00`, code.replace('6080', '6081')])
    expect(executorVersion(other as Hex)).toBeNull()
})
