import { resolve } from 'node:path'
import { inspect, parseEnv } from 'node:util'
import { describe, expect, test } from 'vitest'
import { problemsOf } from '../../test/support/problemsOf.ts'
import { CHAINS } from './chains.ts'
import type { Config } from './config.ts'
import { loadConfig } from './loadConfig.ts'
import { SETTINGS, type Setting } from './settings.ts'
import { withDevnet } from './withDevnet.ts'

const key = `0x${'4c'.repeat(32)}`
const executor = '0x7a250d5630b4cf539739df2c5dacb4c659f2488d'

const chain = (config: Config, chainId: number) => config.chains.find((entry) => entry.chainId === chainId)

describe('defaults', () => {
  test('an empty environment is PAPER on the embedded devnet, on loopback', () => {
    const config = loadConfig({})
    expect(config).toMatchObject({
      mode: 'PAPER',
      host: 'localhost',
      port: 8545,
      dataDir: resolve('data'),
      embeddedDevnet: true,
      allowedHosts: ['localhost', '127.0.0.1', '[::1]'],
      allowedOrigins: ['http://localhost:8545', 'http://127.0.0.1:8545', 'http://[::1]:8545'],
      connectionsMax: 12_000,
      queueMax: 20_000,
      rpcTimeoutMs: 5_000,
      logLevel: 'info',
      warnings: [],
    })
    expect(config.chains.map((entry) => entry.chainId)).toEqual(CHAINS.map((entry) => entry.chainId))
    expect(config.chains.every((entry) => entry.endpoints.length === 0 && entry.executor === null)).toBe(true)
    expect(new Set(config.chains.map((entry) => entry.wrappedNative)).size).toBe(1)
  })

  test('what .env.example shows for a setting with a default is that default', () => {
    for (const setting of Object.values(SETTINGS) as Setting<unknown>[]) {
      if (setting.fallback === null || Array.isArray(setting.fallback)) continue
      expect([setting.name, setting.parse(setting.example)]).toEqual([
        setting.name,
        { ok: true, value: setting.fallback },
      ])
    }
  })

  test('the configuration is frozen through and through', () => {
    const config = loadConfig({ RPC_BASE: 'https://base.example' })
    for (const value of [
      config,
      config.chains,
      config.chains[0],
      config.chains[0]?.endpoints,
      config.allowedHosts,
    ])
      expect(Object.isFrozen(value)).toBe(true)
  })
})

describe('text of a value', () => {
  test('a comment after the value is not part of it, whoever hands it on', () => {
    expect(loadConfig(parseEnv('EXECUTION_MODE=PAPER  # or LIVE')).mode).toBe('PAPER')
    expect(loadConfig({ EXECUTION_MODE: 'PAPER  # or LIVE', EXECUTION_PORT: ' 8546\t# ours' }).port).toBe(
      8546,
    )
    expect(loadConfig({ EXECUTOR_ADDRESS: '0x...  # Your deployed contract' }).warnings).toEqual([])
  })

  test('empty values and placeholders count as not set', () => {
    const config = loadConfig({
      EXECUTION_MODE: '',
      EXECUTION_PORT: '# nothing',
      RPC_ETHEREUM: 'https://...',
      RPC_POLYGON: 'https://..., wss://...',
      RPC_BASE: '   ',
      EXECUTOR_ADDRESS: '0x...',
      PRIVATE_KEY: 'your_private_key_here',
    })
    expect(config).toEqual(loadConfig({}))
  })
})

describe('quotes that a container runtime has left in a value', () => {
  const left = 'has quotes left in its value; remove them'
  test.each([
    ['DATA_DIR', '"/x"'],
    ['EXECUTION_MODE', '"PAPER"'],
    ['EXECUTION_PORT', "'8545'"],
    ['RPC_BASE', '"https://base.example"'],
    ['RPC_BASE', 'https://base.example,"https://other.example"'],
    ['ALLOWED_HOSTS', '“titan.internal”'],
    ['ANVIL_BIN', '"/usr/bin/anvil"'],
    ['DATA_DIR', '/x"'],
  ])('%s=%s is named', (name, value) => {
    expect(problemsOf({ [name]: value })).toEqual([expect.stringContaining(`${name} ${left}`)])
  })

  test('others are part of a value', () => {
    expect(problemsOf({ DATA_DIR: "/home/o'brien/data" })).toEqual([])
    expect(problemsOf({ RPC_BASE: '"https://..."' })).toEqual([])
  })
})

describe('EXECUTION_MODE', () => {
  test('is spelled exactly, with a hint for a wrong case', () => {
    expect(problemsOf({ EXECUTION_MODE: 'PAPER' })).toEqual([])
    expect(problemsOf({ EXECUTION_MODE: 'paper' })).toEqual([
      'EXECUTION_MODE must be PAPER or LIVE, not "paper"; write it as PAPER.',
    ])
    expect(problemsOf({ EXECUTION_MODE: 'DEMO' })).toEqual([
      'EXECUTION_MODE must be PAPER or LIVE, not "DEMO".',
    ])
  })

  test('LIVE checks relays and the key they know us by before any thread starts', () => {
    const relays = {
      RPC_POLYGON: 'http://127.0.0.1:8546',
      RELAY_POLYGON: 'bloxroute|https://api.example|SECRET',
      RELAY_AUTH_KEY: '0x5ec4e7',
    }
    const live = { EXECUTION_MODE: 'LIVE', PRIVATE_KEY: '0x1', EXECUTOR_ADDRESS: `0x${'1'.repeat(40)}` }
    expect(problemsOf({ ...live, ...relays })).toEqual([
      'RELAY_POLYGON is bloXroute, which has no known private method for chain 137; remove that relay.',
      'RELAY_AUTH_KEY must be 32 bytes in hexadecimal.',
    ])
    // A key is not read in PAPER, this one neither.
    expect(loadConfig({ RELAY_AUTH_KEY: relays.RELAY_AUTH_KEY }).mode).toBe('PAPER')
  })

  test.each([
    ['unset', undefined],
    ['empty', ''],
    ['a placeholder', '0x...your_private_key...'],
  ])('LIVE with a private key that is %s has no wallet', (_case, privateKey) => {
    const [problem, ...others] = problemsOf({ EXECUTION_MODE: 'LIVE', PRIVATE_KEY: privateKey })
    expect(problem).toMatch(/^No wallet configured for LIVE execution/)
    expect(others).toEqual([expect.stringMatching(/^LIVE has no chain/)])
  })

  test.each(['PRIVATE_KEY', 'PRIVATE_KEYS', 'KEYSTORE'])(
    'LIVE with %s needs an executor on every chain, and the key is not repeated',
    (name) => {
      const live = { EXECUTION_MODE: 'LIVE', RPC_POLYGON: 'http://127.0.0.1:8546', [name]: key }
      const [problem, ...others] = problemsOf(live)
      expect(problem).toMatch(/^LIVE on Polygon has no executor contract: .*EXECUTOR_ADDRESS_POLYGON\.$/)
      expect(others).toEqual([])
      const executor = '0x3aade2dcd2df6a8cac689ee797591b2913658659'
      expect(loadConfig({ ...live, EXECUTOR_ADDRESS: executor }).mode).toBe('LIVE')
    },
  )

  test.each([{}, { EXECUTION_MODE: 'PAPER' }, { EXECUTION_MODE: 'Live' }])(
    'private keys are not read in %o',
    (mode) => {
      const reads: string[] = []
      const watched = new Proxy<Record<string, string>>(
        { ...mode, PRIVATE_KEY: key, PRIVATE_KEYS: key, KEYSTORE: 'a', KEYSTORE_PASSPHRASE_FILE: 'b' },
        {
          get(target, name) {
            reads.push(String(name))
            return Reflect.get(target, name)
          },
        },
      )
      let text = ''
      try {
        text = inspect(loadConfig(watched), { depth: null })
      } catch (error) {
        text = String(error)
      }
      expect(reads).toContain('EXECUTION_MODE')
      expect(text).not.toContain(key)
      expect(reads.filter((name) => /^(PRIVATE_KEY|KEYSTORE)/.test(name))).toEqual([])
    },
  )
})

describe('numbers', () => {
  test.each([
    ['EXECUTION_PORT', 'port', 0, 65_535],
    ['CONNECTIONS_MAX', 'connectionsMax', 1, 1_000_000],
    ['QUEUE_MAX', 'queueMax', 1, 1_000_000],
    ['RPC_TIMEOUT_MS', 'rpcTimeoutMs', 100, 120_000],
  ] as const)('%s stays in its range', (name, field, min, max) => {
    expect(loadConfig({ [name]: String(min) })[field]).toBe(min)
    expect(loadConfig({ [name]: String(max) })[field]).toBe(max)
    for (const wrong of [String(min - 1), String(max + 1), '5.5', '1e3', '0x10', 'many'])
      expect(problemsOf({ [name]: wrong })).toEqual([
        `${name} must be a whole number from ${min} to ${max}, not "${wrong}".`,
      ])
  })

  test('a key pasted into the wrong line is not repeated', () => {
    expect(problemsOf({ EXECUTION_PORT: key, LOG_LEVEL: key }).join()).not.toContain('4c4c')
  })
})

describe('addresses', () => {
  test('the executor is the same everywhere unless a chain has its own', () => {
    const config = loadConfig({
      RPC_BASE: 'https://base.example',
      RPC_CELO: 'https://celo.example',
      EXECUTOR_ADDRESS: '0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D',
      EXECUTOR_ADDRESS_CELO: '0xe592427a0aece92de3edee1f18e0157c05861564',
    })
    expect(chain(config, 8453)?.executor).toBe(executor)
    expect(chain(config, 42220)?.executor).toBe('0xe592427a0aece92de3edee1f18e0157c05861564')
  })

  test('the built-in addresses of a chain can be replaced', () => {
    const config = loadConfig({
      RPC_BASE: 'https://base.example',
      RPC_CELO: 'https://celo.example',
      BALANCER_VAULT_CELO: '0x1111111111111111111111111111111111111112',
      AAVE_PROVIDER_CELO: '0x2222222222222222222222222222222222222223',
      WRAPPED_NATIVE_CELO: '0x3333333333333333333333333333333333333334',
    })
    expect(chain(config, 42220)).toMatchObject({
      balancerVault: '0x1111111111111111111111111111111111111112',
      aavePoolAddressesProvider: '0x2222222222222222222222222222222222222223',
      wrappedNative: '0x3333333333333333333333333333333333333334',
    })
    expect(chain(config, 8453)).toMatchObject({ ...CHAINS.find((entry) => entry.chainId === 8453) })
  })

  test.each([
    ['0x7a250d5630B4cF539739dF2C5dAcb4c659F2488', /must be an address/],
    ['7a250d5630b4cf539739df2c5dacb4c659f2488d', /must be an address/],
    ['0x7A250d5630B4cF539739dF2C5dAcb4c659F2488D', /checksum/],
    ['0x0000000000000000000000000000000000000000', /zero address/],
  ])('%s is refused', (value, sentence) => {
    expect(problemsOf({ EXECUTOR_ADDRESS: value })).toEqual([expect.stringMatching(sentence)])
  })

  test('an address without effect is said', () => {
    expect(loadConfig({ EXECUTOR_ADDRESS: executor }).warnings).toEqual([
      expect.stringMatching(/^EXECUTOR_ADDRESS has no effect/),
    ])
    expect(loadConfig({ RPC_BASE: 'https://base.example', BALANCER_VAULT_CELO: executor }).warnings).toEqual([
      'BALANCER_VAULT_CELO has no effect: RPC_CELO is not set.',
    ])
  })
})

describe('limits of fees', () => {
  const limits = (environment: Record<string, string>, chainId: number) =>
    chain(
      loadConfig({ RPC_BASE: 'https://base.example', RPC_CELO: 'https://celo.example', ...environment }),
      chainId,
    )?.feeLimits
  const own = (chainId: number) => CHAINS.find((profile) => profile.chainId === chainId)?.feeLimits

  test('are the built-in ones of each chain, of Ethereum on the devnet', () => {
    expect(limits({}, 8453)).toEqual(own(8453))
    expect(limits({}, 42220)).toEqual(own(42220))
    expect(chain(loadConfig({}), 42220)?.feeLimits).toEqual(own(1))
  })

  test('the age of a head has the chain’s own limit, a setting for all and one for each', () => {
    const RPC = { RPC_BASE: 'http://a.example', RPC_ETHEREUM: 'http://b.example' }
    const ages = (environment: Record<string, string>) =>
      [1, 8453].map((chainId) => {
        const config = chain(loadConfig({ ...RPC, ...environment }), chainId)
        return [config?.headAgeMaxMs, config?.headAgeIsSet]
      })
    expect(ages({})).toEqual([
      [60_000, false],
      [30_000, false],
    ])
    expect(ages({ HEAD_AGE_MAX_S: '45', HEAD_AGE_MAX_S_BASE: '7' })).toEqual([
      [45_000, true],
      [7_000, true],
    ])
    expect(chain(loadConfig({ HEAD_AGE_MAX_S: '45' }), 1)).toMatchObject({
      headAgeMaxMs: 45_000,
      headAgeIsSet: true,
    })
    expect(problemsOf({ HEAD_AGE_MAX_S: '0' })).toHaveLength(1)
  })

  test('are replaced everywhere, and on one chain by its own setting', () => {
    const environment = { MAX_FEE_GWEI: '7.25', MAX_TX_COST_NATIVE: '0.031', MAX_TX_COST_NATIVE_CELO: '12' }
    expect(limits(environment, 8453)).toEqual({
      maxFeeWei: 7_250_000_000n,
      maxTxCostWei: 31_000_000_000_000_000n,
      maxSpendPerHourWei: own(8453)?.maxSpendPerHourWei,
      maxRepairSpendPerHourWei: own(8453)?.maxRepairSpendPerHourWei,
    })
    expect(limits({ ...environment, MAX_GAS_SPEND_PER_HOUR_NATIVE: '55' }, 42220)).toEqual({
      maxFeeWei: 7_250_000_000n,
      maxTxCostWei: 12n * 10n ** 18n,
      maxSpendPerHourWei: 55n * 10n ** 18n,
      maxRepairSpendPerHourWei: 11n * 10n ** 18n,
    })
    expect(limits({ ...environment, MAX_REPAIR_SPEND_PER_HOUR_NATIVE_CELO: '0.7' }, 42220)).toMatchObject({
      maxRepairSpendPerHourWei: 7n * 10n ** 17n,
    })
    expect(chain(loadConfig(environment), 42220)?.feeLimits).toEqual({
      ...own(1),
      maxFeeWei: 7_250_000_000n,
      maxTxCostWei: 31_000_000_000_000_000n,
    })
  })

  test.each(['0', '0.0', '-1', '1e3', 'NaN', '.5', '1,5', '0.0000000001', '1.'])(
    '%s gwei is refused',
    (text) => {
      expect(problemsOf({ MAX_FEE_GWEI: text })).toEqual([
        `MAX_FEE_GWEI must be a positive number with at most 9 decimals, not "${text}".`,
      ])
    },
  )

  test('a misspelled one is a problem', () => {
    expect(problemsOf({ MAX_FEE_GWEI_POLIGON: '3' })).toEqual([
      'MAX_FEE_GWEI_POLIGON is not a setting; did you mean MAX_FEE_GWEI_POLYGON?',
    ])
  })
})

describe('unknown names', () => {
  test.each([
    ['RPC_POLYGN', 'RPC_POLYGON'],
    ['RPC_ETH', 'RPC_ETHEREUM'],
    ['rpc_polygon', 'RPC_POLYGON'],
    ['RPC_TIMEOUT', 'RPC_TIMEOUT_MS'],
    ['EXECUTION_PROT', 'EXECUTION_PORT'],
    ['EXECUTOR_ADRESS', 'EXECUTOR_ADDRESS'],
    ['EXECUTOR_ADDRESS_POLIGON', 'EXECUTOR_ADDRESS_POLYGON'],
    ['AAVE_PROVIDER_BAES', 'AAVE_PROVIDER_BASE'],
    ['RELAY_ETHERUM', 'RELAY_ETHEREUM'],
    ['SEND_ONLY_BAES', 'SEND_ONLY_BASE'],
    ['HEAD_AGE_MAX_MS', 'HEAD_AGE_MAX_S'],
  ])('%s is a problem that names %s', (name, meant) => {
    expect(problemsOf({ [name]: 'https://node.example' })).toEqual([
      `${name} is not a setting; did you mean ${meant}?`,
    ])
  })

  test('a name of ours that resembles none gets the list', () => {
    const [problem] = problemsOf({ RPC_MATIC: 'https://node.example' })
    expect(problem).toMatch(
      /^RPC_MATIC is not a setting; those that begin with RPC_ are RPC_TIMEOUT_MS, RPC_ETHEREUM, /,
    )
  })

  test('a near miss elsewhere is a warning, other programs are left alone', () => {
    const config = loadConfig({
      LOGLEVEL: 'debug',
      PATH: '/bin',
      HOME: '/root',
      LOGNAME: 'me',
      HOSTNAME: 'box',
      npm_config_cache: 'x',
    })
    expect(config.warnings).toEqual([
      'LOGLEVEL is not a setting of this server and is ignored; did you mean LOG_LEVEL?',
    ])
    expect(config.logLevel).toBe('info')
  })
})

test('DATA_DIR is made absolute, and ~ and variables are refused', () => {
  expect(loadConfig({ DATA_DIR: 'var/titan' }).dataDir).toBe(resolve('var/titan'))
  for (const path of ['~/titan', '$HOME/titan', '/var/$'.concat('{NAME}')])
    expect(problemsOf({ DATA_DIR: path })).toEqual([
      'DATA_DIR must be a whole path: ~ and $NAME mean nothing in .env.',
    ])
})

test('every problem is reported at once', () => {
  const problems = problemsOf({
    EXECUTION_MODE: 'live',
    EXECUTION_PORT: '99999',
    RPC_POLYGN: 'https://node.example',
    RPC_BASE: 'base.example',
    EXECUTOR_ADDRESS: '0x12',
    LOG_LEVEL: 'INFO',
  })
  expect(problems).toHaveLength(6)
  for (const name of [
    'EXECUTION_MODE',
    'EXECUTION_PORT',
    'RPC_POLYGN',
    'RPC_BASE',
    'EXECUTOR_ADDRESS',
    'LOG_LEVEL',
  ])
    expect(problems.some((problem) => problem.startsWith(`${name} `))).toBe(true)
})

describe('withDevnet', () => {
  const { chains } = loadConfig({})
  const served = chains.map(({ chainId }, index) => ({ chainId, rpc: `http://127.0.0.1:${19_001 + index}` }))

  test('gives each chain its own endpoint', () => {
    const filled = withDevnet(chains, served.toReversed())
    expect(filled.map(({ chainId, endpoints }) => [chainId, ...endpoints])).toEqual(
      served.map(({ chainId, rpc }) => [chainId, rpc]),
    )
  })

  test('refuses a devnet that lacks a chain', () => {
    expect(() => withDevnet(chains, served.slice(1))).toThrow('The devnet does not serve chain 1.')
  })
})
