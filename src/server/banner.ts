import type { Mode } from '../domain/mode.ts'

const RULE = '='.repeat(80)

/** What the server prints once it listens. `host` as in a URL; `executor` is null when none is deployed. */
export function banner({
  mode,
  host,
  port,
  chains,
  executor,
}: {
  mode: Mode
  host: string
  port: number
  chains: number
  executor: string | null
}): string {
  return `${RULE}
🚀 TITAN EXECUTION SERVER ONLINE
${RULE}
  Mode: ${mode}
  HTTP: http://${host}:${port}
  WebSocket: ws://${host}:${port}
  Chains: ${chains} configured
  Executor: ${executor ?? 'NOT SET'}
${RULE}

📡 Endpoints:
  POST /execute        - Execute single trade signal
  POST /execute/batch  - Execute multiple signals
  POST /simulate       - Simulate trade without execution
  GET  /health         - Server health check
  GET  /stats          - Execution statistics
  WS   /               - WebSocket for real-time updates

✅ Ready to receive trade signals from Python brain`
}
