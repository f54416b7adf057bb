import { networkInterfaces } from 'node:os'
import { describe, expect, test } from 'vitest'
import { problemsOf } from '../../test/support/problemsOf.ts'
import { bindAddresses } from './hosts.ts'
import { loadConfig } from './loadConfig.ts'

test('localhost is bound on every loopback address of the machine, any other host as it is', () => {
  const ipv6 = Object.values(networkInterfaces())
    .flat()
    .some((entry) => entry?.address === '::1')
  expect(bindAddresses('localhost')).toEqual(ipv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'])
  expect(bindAddresses('10.0.0.7')).toEqual(['10.0.0.7'])
  expect(bindAddresses('::')).toEqual(['::'])
})

describe('where the server listens', () => {
  test.each(['localhost', '127.0.0.1', '127.3.2.1', '::1', '[::1]', 'titan.localhost'])(
    '%s is loopback and needs no warning',
    (host) => {
      expect(loadConfig({ EXECUTION_HOST: host }).warnings).toEqual([])
    },
  )

  test('another host is allowed, answered to, and said', () => {
    const config = loadConfig({ EXECUTION_HOST: '0.0.0.0', EXECUTION_PORT: '8547' })
    expect(config.host).toBe('0.0.0.0')
    expect(config.allowedHosts).toEqual(['localhost', '127.0.0.1', '[::1]', '0.0.0.0'])
    expect(config.allowedOrigins).toContain('http://0.0.0.0:8547')
    expect(config.warnings).toEqual([
      expect.stringMatching(/^EXECUTION_HOST=0\.0\.0\.0 opens .* ALLOWED_HOSTS\.$/),
    ])
    expect(loadConfig({ EXECUTION_HOST: 'FE80::1' }).allowedHosts).toContain('[fe80::1]')
  })

  test.each(['http://localhost', 'localhost:8545', '256.1.1.1', 'a b', '-x'])('%s is no host', (host) => {
    expect(problemsOf({ EXECUTION_HOST: host })).toEqual([
      'EXECUTION_HOST takes a host name or an IP address, without http:// and without a port.',
    ])
  })

  test('further host names and origins are added to our own', () => {
    const config = loadConfig({
      ALLOWED_HOSTS: 'Titan.internal, ::2,',
      ALLOWED_ORIGINS: 'https://Dash.example.org, http://localhost:3000/',
    })
    expect(config.allowedHosts).toEqual(['localhost', '127.0.0.1', '[::1]', 'titan.internal', '[::2]'])
    expect(config.allowedOrigins.slice(3)).toEqual(['https://dash.example.org', 'http://localhost:3000'])
  })

  test.each(['*', 'dash.example.org', 'https://dash.example.org/page', 'ftp://dash.example.org', 'null'])(
    '%s is no origin',
    (origin) => {
      expect(problemsOf({ ALLOWED_ORIGINS: origin })).toHaveLength(1)
    },
  )
})
