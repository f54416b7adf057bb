import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { describe, expect, test } from 'vitest'
import { problemsOf } from '../../test/support/problemsOf.ts'
import { envExample } from './envExample.ts'
import { knownNames, loadConfig } from './loadConfig.ts'

describe('.env.example', () => {
  test('is what the table of settings says', () => {
    const committed = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8')
    expect(committed, 'run: node scripts/envExample.ts').toBe(envExample())
  })

  test('copied as it is means the same as no file', () => {
    expect(loadConfig(parseEnv(envExample()))).toEqual(loadConfig({}))
  })

  test('is valid with every line switched on, and names only settings', () => {
    const all = parseEnv(envExample().replace(/^#([A-Z_]+=)/gm, '$1'))
    expect(problemsOf(all)).toEqual([])
    expect(Object.keys(all).filter((name) => !knownNames().includes(name))).toEqual([])
    const shown = knownNames().filter(
      (name) =>
        name === 'RELAY_AUTH_KEY' ||
        !/^(RELAY|SEND_ONLY|EXECUTOR_ADDRESS|BALANCER_VAULT|AAVE_PROVIDER|WRAPPED_NATIVE|MAX_FEE_GWEI|MAX_TX_COST_NATIVE|MAX_GAS_SPEND_PER_HOUR_NATIVE|MAX_REPAIR_SPEND_PER_HOUR_NATIVE|HEAD_AGE_MAX_S)_/.test(
          name,
        ),
    )
    expect(shown.filter((name) => !(name in all))).toEqual([])
  })
})
