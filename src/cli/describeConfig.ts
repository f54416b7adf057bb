import type { Config } from '../config/config.ts'

/**
 * The settings in effect, a line each. Endpoints are named by host only: the rest of an RPC URL holds keys.
 */
export function describeConfig(config: Config): string {
  const rows = [
    ['Mode', config.mode],
    ['Server', `${config.host}, port ${config.port}`],
    ['Data', config.dataDir],
    ['Hosts', config.allowedHosts.join(', ')],
    ['Origins', config.allowedOrigins.join(', ')],
    [
      'Chains',
      config.embeddedDevnet
        ? `${config.chains.length}, on the embedded devnet`
        : String(config.chains.length),
    ],
    ...(config.embeddedDevnet
      ? []
      : config.chains.map((chain) => [
          `  ${chain.name}`,
          `${chain.endpoints.map(endpointHost).join(', ')}; executor ${chain.executor ?? 'NOT SET'}`,
        ])),
  ]
  const width = Math.max(...rows.map(([label = '']) => label.length))
  return rows.map(([label = '', value]) => `${label.padEnd(width)}  ${value}\n`).join('')
}

const endpointHost = (endpoint: string): string =>
  URL.canParse(endpoint) ? new URL(endpoint).host : endpoint
