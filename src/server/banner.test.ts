import { expect, it } from 'vitest'
import { banner } from './banner.ts'

const DOCUMENTED = `================================================================================
🚀 TITAN EXECUTION SERVER ONLINE
================================================================================
  Mode: PAPER
  HTTP: http://localhost:8545
  WebSocket: ws://localhost:8545
  Chains: 15 configured
  Executor: NOT SET
================================================================================

📡 Endpoints:
  POST /execute        - Execute single trade signal
  POST /execute/batch  - Execute multiple signals
  POST /simulate       - Simulate trade without execution
  GET  /health         - Server health check
  GET  /stats          - Execution statistics
  WS   /               - WebSocket for real-time updates

✅ Ready to receive trade signals from Python brain`

it('is the documented text', () => {
  expect(banner({ mode: 'PAPER', host: 'localhost', port: 8545, chains: 15, executor: null })).toBe(
    DOCUMENTED,
  )
})

it('shows what differs', () => {
  const executor = '0x1111111254EEB25477B68fb85Ed929f73A960582'
  const text = banner({ mode: 'LIVE', host: '[::1]', port: 9001, chains: 2, executor })
  expect(text.split('\n').slice(3, 8)).toEqual([
    '  Mode: LIVE',
    '  HTTP: http://[::1]:9001',
    '  WebSocket: ws://[::1]:9001',
    '  Chains: 2 configured',
    `  Executor: ${executor}`,
  ])
})
