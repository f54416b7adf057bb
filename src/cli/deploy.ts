import { parseArgs } from 'node:util'
import { devnetBook } from '../../devnet/devnetBook.ts'
import { createBroadcast } from '../broadcast/broadcast.ts'
import { createNodeEndpoint } from '../broadcast/sendTransport.ts'
import type { ChainConfig, ChainProfile } from '../config/chainConfig.ts'
import { CHAINS } from '../config/chains.ts'
import { devnetProfile } from '../config/devnetProfile.ts'
import { type Environment, loadConfig, readEnvironment } from '../config/env.ts'
import { LIMITS } from '../config/limits.ts'
import { chainSettings } from '../config/settings.ts'
import type { Code } from '../errors/codes.ts'
import type { Result } from '../errors/failure.ts'
import { StartError } from '../errors/startError.ts'
import { type Key, loadKeys } from '../lanes/keys.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import { openTransport } from '../nodes/openTransport.ts'
import { probeChain } from '../nodes/probe.ts'
import { classifySendError } from '../nodes/sendErrors.ts'
import { type Deployment, deployExecutor } from './deployExecutor.ts'
import { createOwnerAccount } from './ownerAccount.ts'

const USAGE = `Usage: titan deploy --chain CHAIN [--rpc URL] [--json]

Deploys the executor contract, sets its lenders and authorises every key, sending only what is missing.
The first key becomes its owner; keys are read as in LIVE (PRIVATE_KEY, PRIVATE_KEYS, KEYSTORE).

  --chain CHAIN   chain id or name, e.g. 1 or ethereum
  --rpc URL       endpoint to use instead of the chain's RPC_*
  --json          print {"address", "chainId", "transactions", "lanes"} instead of the address`

const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`)

process.exitCode = await run(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof StartError)) throw error
  for (const problem of error.problems) say(problem)
  return 3
})

/** Resolves with the exit code. */
async function run(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${USAGE}\n`)
    return 0
  }
  const options = readOptions(args)
  if (typeof options === 'string') {
    say(options)
    return 2
  }
  const environment = readEnvironment()
  const configured = configuredChain({ environment, ...options })
  const { keys, warnings } = await loadKeys(environment)
  for (const warning of warnings) say(warning)
  const outcome = await deployOn({ ...configured, keys })
  if (!outcome.ok) {
    say(outcome.failure.sentence)
    return exitCode(outcome.failure.code)
  }
  const { address } = outcome.value
  process.stdout.write(`${options.json ? JSON.stringify(outcome.value) : address}\n`)
  return 0
}

/** What is asked for; a text is what is wrong with it. */
function readOptions(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        chain: { type: 'string' },
        rpc: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    if (values.chain === undefined) return USAGE
    const wanted = values.chain.trim().toLowerCase()
    const profile = CHAINS.find(({ chainId, name, envName }) =>
      [String(chainId), name.toLowerCase(), envName.toLowerCase()].includes(wanted),
    )
    if (profile !== undefined) return { profile, url: values.rpc ?? null, json: values.json }
    const known = CHAINS.map(({ chainId, name }) => `${chainId} ${name}`).join(', ')
    return `There is no chain "${values.chain}"; known are ${known}.`
  } catch (error) {
    return `${(error as Error).message}\n\n${USAGE}`
  }
}

/**
 * The chain as the environment configures it. The mode is left out, because LIVE asks for the executor that is to be made here,
 * and so is the server's port: it may be that of the node.
 */
function configuredChain({
  environment,
  profile,
  url,
}: {
  environment: Environment
  profile: ChainProfile
  url: string | null
}): { chain: ChainConfig; timeoutMs: number } {
  const { name } = chainSettings(profile).endpoints
  const config = loadConfig({
    ...environment,
    EXECUTION_MODE: 'PAPER',
    EXECUTION_PORT: '0',
    ...(url !== null && { [name]: url }),
  })
  const chain = config.chains.find(({ chainId }) => chainId === profile.chainId)
  if (config.embeddedDevnet || chain === undefined)
    throw new StartError([`${name} is not set; set it, or name an endpoint with --rpc.`])
  return { chain, timeoutMs: config.rpcTimeoutMs }
}

async function deployOn({
  chain,
  keys,
  timeoutMs,
}: {
  chain: ChainConfig
  keys: readonly Key[]
  timeoutMs: number
}): Promise<Result<Deployment>> {
  const [owner] = keys
  if (owner === undefined) throw new Error('There is no key.')
  const rpc = createJsonRpc({ endpoints: chain.endpoints, timeoutMs, limits: LIMITS })
  const broadcast = createBroadcast({
    endpoints: chain.endpoints.map((url) => {
      const { transport, host } = openTransport({
        url,
        connectionsMax: 1,
        responseBytesMax: LIMITS.rpcResponseBytesMax,
      })
      return createNodeEndpoint({ host, transport, timeoutMs, classify: classifySendError })
    }),
  })
  try {
    const probed = await probeChain({ rpc, chain: { ...chain, executor: null }, devnetBook })
    if (!probed.ok) return probed
    const facts = probed.value
    for (const note of facts.notes) say(note)
    const local = facts.devnet ? devnetProfile(chain) : chain
    const account = createOwnerAccount({ key: owner, chain: local, rpc, broadcast, say })
    return await deployExecutor({ chain, facts, keys: keys.map(({ address }) => address), rpc, account, say })
  } finally {
    await Promise.all([rpc.close(), broadcast.close()])
  }
}

/** As all commands: 1 failed, 3 wrong configuration (another chain behind the endpoint is one), 5 unreachable. */
function exitCode(code: Code): number {
  if (code === 'NODE_UNAVAILABLE' || code === 'NODE_TIMEOUT') return 5
  return code === 'CHAIN_UNAVAILABLE' ? 3 : 1
}
