import { parseArgs } from 'node:util'
import {
  chainIdOf,
  type Json,
  OPERATOR_OPTIONS,
  operatorName,
  operatorServer,
  print,
  refusalText,
  runCommand,
  say,
  UsageError,
} from './operatorServer.ts'

const USAGE = `Usage: titan pause  (--chain CHAIN [--lane ADDRESS] | --all) [--reason TEXT]
       titan resume (--chain CHAIN [--lane ADDRESS] | --all) [--reason TEXT]
       titan cancel   SIGNAL_ID [--reason TEXT]
       titan speed-up SIGNAL_ID [--reason TEXT]
       titan abandon  SIGNAL_ID [--reason TEXT]

Commands to the running server, over HTTP on this machine. Each is journaled before it is carried out.

  pause      takes no new signals on a chain, or no trades on a lane; what is in flight goes on. It outlives a restart
  resume     takes them again; also a lane that the server itself has stopped
  cancel     an empty transaction takes the trade's nonce
  speed-up   the trade goes out again with a higher fee, as far as it pays for it
  abandon    closes a trade whose nonce was taken by a transaction that cannot be found

  --chain CHAIN    chain id or name, e.g. 137 or polygon
  --lane ADDRESS   one account of that chain
  --all            every chain
  --reason TEXT    kept in the journal
  --server URL     instead of EXECUTION_HOST and EXECUTION_PORT
  --json           print the server's answer

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 wrong configuration, 5 no server answers.`

const LANE_ACTIONS = ['pause', 'resume']
const TRADE_ACTIONS = ['cancel', 'speed-up', 'abandon']

/** `titan pause|resume|cancel|speed-up|abandon`. */
await runCommand(USAGE, async () => {
  const [action = '', ...args] = process.argv.slice(2)
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...OPERATOR_OPTIONS,
      lane: { type: 'string' },
      all: { type: 'boolean', default: false },
      reason: { type: 'string' },
    },
  })
  if (values.help) {
    print(USAGE)
    return 0
  }
  const answer = await operatorServer(values.server).post(`/control/${action}`, {
    ...bodyOf({ action, positionals, ...values }),
    ...(values.reason !== undefined && { reason: values.reason }),
    by: operatorName(),
  })
  if (values.json) print(JSON.stringify(answer.json))
  const commands = Array.isArray(answer.json.commands) ? (answer.json.commands as readonly Json[]) : []
  if (!values.json)
    for (const { sentence, outcome } of commands) if (outcome === 'applied') print(String(sentence))
  if (answer.json.success === true) return 0
  const refused = commands.filter(({ outcome }) => outcome !== 'applied')
  if (refused.length === 0) say(refusalText(answer))
  for (const { sentence, code } of refused) say(`${sentence} (${code})`)
  return 1
})

function bodyOf({
  action,
  positionals,
  chain,
  lane,
  all,
}: {
  action: string
  positionals: readonly string[]
  chain?: string | undefined
  lane?: string | undefined
  all: boolean
}): Json {
  const [signalId, ...more] = positionals
  if (TRADE_ACTIONS.includes(action)) {
    if (signalId === undefined || more.length > 0) throw new UsageError(`${action} takes one signal_id.`)
    if (lane !== undefined || all) throw new UsageError(`${action} takes no --lane and no --all.`)
    return { signal_id: signalId, ...(chain !== undefined && { chain: chainIdOf(chain) }) }
  }
  if (!LANE_ACTIONS.includes(action)) throw new UsageError(`There is no command "${action}".`)
  if (signalId !== undefined) throw new UsageError(`${action} takes no argument ${JSON.stringify(signalId)}.`)
  if ((chain === undefined) === !all) throw new UsageError(`${action} takes either --chain or --all.`)
  if (all && lane !== undefined) throw new UsageError('A lane is one of one chain: name it with --chain.')
  return { chain: all || chain === undefined ? 'all' : chainIdOf(chain), ...(lane !== undefined && { lane }) }
}
