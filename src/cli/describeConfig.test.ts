import { expect, test } from 'vitest'
import { loadConfig } from '../config/loadConfig.ts'
import { describeConfig } from './describeConfig.ts'

test('names endpoints by host and keeps their keys to itself', () => {
  const text = describeConfig(
    loadConfig({
      RPC_BASE: 'https://base.example/v2/s3cret, wss://me:s3cret@base2.example?key=s3cret, /run/base.ipc',
      EXECUTOR_ADDRESS: '0x7a250d5630b4cf539739df2c5dacb4c659f2488d',
      DATA_DIR: '/srv/titan',
    }),
  )
  expect(text).toContain(
    'base.example, base2.example, /run/base.ipc; executor 0x7a250d5630b4cf539739df2c5dacb4c659f2488d',
  )
  expect(text).toMatch(/^Mode {2,}PAPER\nServer {2,}localhost, port 8545\nData {2,}\/srv\/titan\n/)
  expect(text).not.toContain('s3cret')
})

test('says that the chains are the devnet when no endpoint is set', () => {
  expect(describeConfig(loadConfig({}))).toMatch(/\nChains {2,}15, on the embedded devnet\n$/)
})
