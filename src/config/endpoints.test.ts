import { describe, expect, test } from 'vitest'
import { problemsOf } from '../../test/support/problemsOf.ts'
import type { Config } from './config.ts'
import { loadConfig } from './loadConfig.ts'

const chain = (config: Config, chainId: number) => config.chains.find((entry) => entry.chainId === chainId)

describe('RPC endpoints', () => {
  test('one or several of every kind, in order, make the chain configured', () => {
    const config = loadConfig({
      RPC_POLYGON:
        'https://polygon.example/v2/k1, wss://polygon.example ,/run/bor.ipc,bor.ipc,https://polygon.example/v2/k1',
      RPC_ETHEREUM: 'http://10.0.0.7:8545',
      RPC_SCROLL: 'ws://10.0.0.7:8546',
    })
    expect(config.embeddedDevnet).toBe(false)
    expect(config.chains.map((entry) => entry.chainId)).toEqual([1, 137, 534352])
    expect(chain(config, 137)?.endpoints).toEqual([
      'https://polygon.example/v2/k1',
      'wss://polygon.example',
      '/run/bor.ipc',
      'bor.ipc',
    ])
    expect(chain(config, 534352)?.wrappedNative).toBe('0x5300000000000000000000000000000000000004')
  })

  test.each([
    ['polygon.example/v2/s3cret', /^RPC_POLYGON must be a URL that begins with http/],
    ['ftp://polygon.example/s3cret', /^RPC_POLYGON must use http, https, ws or wss, not ftp\.$/],
    ['https://', /^RPC_POLYGON is not a valid URL\.$/],
    ['https://user:s3cret@:80', /^RPC_POLYGON is not a valid URL\.$/],
    ['https://eth.example/v2/YOUR_KEY', /^RPC_POLYGON still holds a placeholder/],
    ['https://eth.example/v2/s3cret...', /^RPC_POLYGON still holds a placeholder/],
    ['https://eth.example/v2/$'.concat('{KEY}'), /^RPC_POLYGON still holds a placeholder/],
    ['https://a.example/s3cret,https://...', /^RPC_POLYGON \(entry 2 of 2\) still holds a placeholder/],
    ['https://a.example/s3cret,', /^RPC_POLYGON \(entry 2 of 2\) is empty/],
    ['http://us%zz:s3cret@node.example', /^RPC_POLYGON has a user or password with a %/],
    ['https://user:s3cret%@node.example', /^RPC_POLYGON has a user or password with a %/],
    ['~/bor.ipc', /^RPC_POLYGON must be a whole path/],
  ])('%s is refused without showing what may be secret', (value, sentence) => {
    const problems = problemsOf({ RPC_POLYGON: value })
    expect(problems).toEqual([expect.stringMatching(sentence)])
    expect(problems.join()).not.toContain('s3cret')
  })

  test.each([
    ['http://localhost:8545', {}],
    ['ws://127.0.0.1:8545/', {}],
    ['http://[::1]:8545', {}],
    ['http://0.0.0.0:8545', {}],
    ['https://node.example, http://localhost:8545', {}],
    ['http://localhost', { EXECUTION_PORT: '80' }],
    ['wss://127.0.0.1', { EXECUTION_PORT: '443' }],
    ['http://titan.internal:9000', { EXECUTION_HOST: 'titan.internal', EXECUTION_PORT: '9000' }],
  ])('%s with %o points at ourselves', (endpoint, others) => {
    expect(problemsOf({ RPC_CELO: endpoint, ...others })).toEqual([
      expect.stringMatching(/^RPC_CELO points at this server itself/),
    ])
  })

  test.each([
    ['http://localhost:8545', { EXECUTION_PORT: '8546' }],
    ['http://localhost:8546', {}],
    ['http://10.0.0.7:8545', {}],
    ['/run/8545.ipc', {}],
  ])('%s with %o does not', (endpoint, others) => {
    expect(problemsOf({ RPC_CELO: endpoint, ...others })).toEqual([])
  })
})
