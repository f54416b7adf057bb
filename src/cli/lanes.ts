import { parseArgs } from 'node:util'
import {
  chainIdOf,
  OPERATOR_OPTIONS,
  operatorServer,
  print,
  refusalText,
  runCommand,
  say,
} from './operatorServer.ts'

const USAGE = `Usage: titan lanes [--chain CHAIN] [--server URL] [--json]

The chains of the running server and the accounts that send on each.

  --chain CHAIN   chain id or name, e.g. 137 or polygon
  --server URL    instead of EXECUTION_HOST and EXECUTION_PORT
  --json          print [{"chainId", "name", "state", "reason", "stale", "paused", "lanes"}]

Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 wrong configuration, 5 no server answers.`

/** What is read of `GET /health?verbose`. */
interface ChainRow {
  readonly chainId: number
  readonly name: string
  readonly state: string
  readonly reason: string | null
  readonly stale: string | null
  readonly paused: { readonly since: string; readonly by: string; readonly reason: string | null } | null
  readonly lanes: readonly LaneRow[]
}
interface LaneRow {
  readonly address: string
  readonly nonce: number
  readonly inFlight: number
  readonly cap: number
  readonly paused: string | null
  readonly gaps: readonly number[]
}

/** `titan lanes`. */
await runCommand(USAGE, async () => {
  const { values } = parseArgs({ args: process.argv.slice(2), options: OPERATOR_OPTIONS })
  if (values.help) {
    print(USAGE)
    return 0
  }
  const wanted = values.chain === undefined ? null : chainIdOf(values.chain)
  const answer = await operatorServer(values.server).get('/health?verbose')
  const status = answer.json.chain_status as readonly ChainRow[] | undefined
  if (answer.status !== 200 || status === undefined) {
    say(refusalText(answer))
    return 1
  }
  const chains = status.filter(({ chainId }) => wanted === null || chainId === wanted)
  if (chains.length === 0) {
    say('That chain is not configured.')
    return 1
  }
  const rows = chains.map(({ chainId, name, state, reason, stale, paused, lanes }) => ({
    chainId,
    name,
    state,
    reason,
    stale,
    paused,
    lanes,
  }))
  print(values.json ? JSON.stringify(rows) : rows.map(describeChain).join('\n'))
  return 0
})

function describeChain({ chainId, name, state, reason, stale, paused, lanes }: ChainRow): string {
  const trouble = reason ?? (stale === null ? null : `refuses signals: ${stale}`)
  const why = trouble === null ? '' : ` (${trouble})`
  const hand =
    paused === null
      ? ''
      : `, paused since ${paused.since} by ${paused.by}${paused.reason === null ? '' : `: ${paused.reason}`}`
  return [`${name} (${chainId}): ${state}${why}${hand}`, ...lanes.map(describeLane)].join('\n')
}

function describeLane({ address, nonce, inFlight, cap, paused, gaps }: LaneRow): string {
  const open = gaps.length === 0 ? '' : `, gaps at ${gaps.join(', ')}`
  const running = paused === null ? 'running' : `paused: ${paused}`
  return `  ${address}  nonce ${nonce}  in flight ${inFlight} of ${cap}${open}  ${running}`
}
