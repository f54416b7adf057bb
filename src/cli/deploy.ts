import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { getAddress } from 'ethers'
import { devnetBook } from '../../devnet/devnetBook.ts'
import { createBroadcast } from '../broadcast/broadcast.ts'
import { createNodeEndpoint } from '../broadcast/sendTransport.ts'
import type { ChainConfig, ChainProfile } from '../config/chainConfig.ts'
import { CHAINS } from '../config/chains.ts'
import { devnetProfile } from '../config/devnetProfile.ts'
import { type Environment, readEnvironment } from '../config/env.ts'
import { LIMITS } from '../config/limits.ts'
import { loadConfig } from '../config/loadConfig.ts'
import type { Parsed } from '../config/parsed.ts'
import { parseAddress, parseUnits } from '../config/scalars.ts'
import { chainSettings } from '../config/settings.ts'
import type { Address, Hex } from '../domain/signal.ts'
import type { Code } from '../errors/codes.ts'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import { StartError } from '../errors/startError.ts'
import { isHeldByServer } from '../journal/heldByServer.ts'
import { type Key, loadKeys } from '../lanes/keys.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import { readNodeError } from '../nodes/nodeErrors.ts'
import { openTransport } from '../nodes/openTransport.ts'
import { probeChain } from '../nodes/probe.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { classifySendError } from '../nodes/sendErrors.ts'
import { createPrices } from '../simulation/prices.ts'
import { askYesNo, isInteractive } from './ask.ts'
import { type Deployment, deployExecutor } from './deployExecutor.ts'
import { createSetupAccount } from './setupAccount.ts'

const USAGE = `Usage: titan deploy --chain CHAIN [options]

Deploys the executor contract, sets its lenders, authorises every key and names the treasury, sending only what is missing, from the
first key. Says what that costs and asks before it sends. Keys are read as in LIVE (PRIVATE_KEY, PRIVATE_KEYS, KEYSTORE).

  --chain CHAIN       chain id or name, e.g. 1 or ethereum
  --rpc URL           endpoint to use instead of the chain's RPC_*
  --owner ADDRESS     the executor's owner, e.g. a cold account or a multisig; without it the first key. What only the owner can
                      send is printed instead of sent: to, data, meaning
  --treasury ADDRESS  where profits are swept to
  --sweep TOKEN       sends all that the executor holds of this token to its treasury; an address, or "native" for the coin of the
                      chain; may be given several times
  --reset-lenders     sets lenders that the owner has configured otherwise back to those of the chain
  --yes               sends without asking
  --max-cost AMOUNT   the most that everything together may cost, in the chain's native coin, e.g. 0.05
  --json              print {"address", "chainId", "owner", "transactions", "calls", "lanes"} instead of the address`

/** How the executor names the chain's own coin. */
const NATIVE: Address = `0x${'0'.repeat(40)}`

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
  const outcome = await deployOn({ ...configured, ...options, keys })
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
        owner: { type: 'string' },
        treasury: { type: 'string' },
        sweep: { type: 'string', multiple: true, default: [] },
        'reset-lenders': { type: 'boolean', default: false },
        yes: { type: 'boolean', default: false },
        'max-cost': { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    if (values.chain === undefined) return USAGE
    const wanted = values.chain.trim().toLowerCase()
    const profile = CHAINS.find(({ chainId, name, envName }) =>
      [String(chainId), name.toLowerCase(), envName.toLowerCase()].includes(wanted),
    )
    if (profile !== undefined) {
      return {
        profile,
        url: values.rpc ?? null,
        json: values.json,
        yes: values.yes,
        resetLenders: values['reset-lenders'],
        owner: parse('--owner', values.owner, parseAddress),
        treasury: parse('--treasury', values.treasury, parseAddress),
        sweep: values.sweep.map((token) =>
          token === 'native' ? NATIVE : (parse('--sweep', token, parseAddress) ?? NATIVE),
        ),
        maxCostWei: parse('--max-cost', values['max-cost'], parseUnits({ decimals: 18 })),
      }
    }
    const known = CHAINS.map(({ chainId, name }) => `${chainId} ${name}`).join(', ')
    return `There is no chain "${values.chain}"; known are ${known}.`
  } catch (error) {
    return `${(error as Error).message}\n\n${USAGE}`
  }
}

/** Null when the option is not given. Throws a sentence when it cannot be read. */
function parse<T>(option: string, text: string | undefined, read: (text: string) => Parsed<T>): T | null {
  if (text === undefined) return null
  const found = read(text)
  if (!found.ok) throw new Error(`${option} ${found.problem}`)
  return found.value
}

/**
 * The chain as the environment configures it. The mode is left out, because LIVE asks for the executor that
 * is to be made here, and so is the server's port: it may be that of the node.
 */
function configuredChain({
  environment,
  profile,
  url,
}: {
  environment: Environment
  profile: ChainProfile
  url: string | null
}): { chain: ChainConfig; dataDir: string; timeoutMs: number } {
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
  return { chain, dataDir: config.dataDir, timeoutMs: config.rpcTimeoutMs }
}

async function deployOn({
  chain,
  keys: [first, ...others],
  dataDir,
  timeoutMs,
  owner,
  ...wanted
}: {
  chain: ChainConfig
  keys: readonly Key[]
  dataDir: string
  timeoutMs: number
  owner: Address | null
  treasury: Address | null
  sweep: readonly Address[]
  resetLenders: boolean
  maxCostWei: bigint | null
  yes: boolean
}): Promise<Result<Deployment>> {
  if (first === undefined) throw new Error('There is no key.')
  const nodes = openNodes({ ...chain, timeoutMs })
  let rpc: JsonRpc | null = null
  try {
    const found = await nodes.identify()
    if (!found.ok) return found
    rpc = createJsonRpc({ endpoints: found.value, timeoutMs, limits: LIMITS, chainId: chain.chainId })
    const probed = await probeChain({ rpc, chain: { ...chain, executor: null }, devnetBook })
    if (!probed.ok) return probed
    const facts = probed.value
    for (const note of facts.notes) say(note)
    const local = facts.devnet ? devnetProfile(chain) : chain
    const { maxFeeWei } = chain.feeLimits
    const prices = createPrices({ rpc, facts: () => facts, readNodeError })
    return await deployExecutor({
      ...wanted,
      chain,
      facts,
      owner: owner ?? first.address,
      keys: [first.address, ...others.map(({ address }) => address)],
      busy: () =>
        isHeldByServer(join(dataDir, 'live', `chain-${chain.chainId}.sqlite`))
          ? `A LIVE server works with ${dataDir} on ${chain.name}, and ${getAddress(first.address)} is one of its lanes: a nonce used here would be missing there. Stop the server first; or name another owner with --owner, who sends what is missing.`
          : null,
      rpc,
      nativePrice: () => prices.usdE8(facts.wrappedNative),
      account: createSetupAccount({ key: first, chain: local, maxFeeWei, rpc, broadcast: nodes, say }),
      operator: { say, ask: async (question) => (isInteractive() ? await askYesNo(question) : null) },
    })
  } finally {
    await Promise.all([rpc?.close(), nodes.close()])
  }
}

/** The chain's endpoints as those who send see them. */
function openNodes({
  name,
  chainId,
  endpoints,
  timeoutMs,
}: Pick<ChainConfig, 'name' | 'chainId' | 'endpoints'> & { timeoutMs: number }) {
  const nodes = endpoints.map((url) => {
    const opened = openTransport({ url, connectionsMax: 1, responseBytesMax: LIMITS.rpcResponseBytesMax })
    return createNodeEndpoint({ ...opened, timeoutMs, classify: classifySendError })
  })
  const broadcast = createBroadcast({ endpoints: nodes })
  /** What each has told last; null for one that never has. */
  const served: (number | null)[] = nodes.map(() => null)
  const ask = () =>
    Promise.all(
      nodes.map(async (node, index) => {
        served[index] = (await node.servedChain()) ?? served[index] ?? null
      }),
    )

  return {
    /** The endpoints without those that serve another chain, of which it warns; fails when that is all. */
    async identify(): Promise<Result<readonly string[]>> {
      await ask()
      const isElsewhere = (index: number) => served[index] !== null && served[index] !== chainId
      const left = endpoints.filter((_, index) => !isElsewhere(index))
      if (left.length === 0) {
        const sentence = `The node of ${name} (${chainId}) serves chain ${served.join(' or ')}, not chain ${chainId}.`
        return fail(failure('CHAIN_UNAVAILABLE', sentence))
      }
      for (const [index, { host }] of nodes.entries())
        if (isElsewhere(index))
          say(`The endpoint ${host} serves chain ${served[index]}, not chain ${chainId}: it is left out.`)
      return succeed(left)
    },
    /** Only to those that have told to serve this chain, and are asked again: another may stand there now. */
    async send(transaction: { raw: Hex; hash: Hex }) {
      await ask()
      const through = nodes.filter((_, index) => served[index] === chainId)
      return await broadcast.send({ ...transaction, through })
    },
    close: () => broadcast.close(),
  }
}

/**
 * As all commands: 1 failed, 3 wrong configuration (another chain behind the endpoint is one), 5 unreachable.
 */
function exitCode(code: Code): number {
  if (code === 'NODE_UNAVAILABLE' || code === 'NODE_TIMEOUT') return 5
  return code === 'CHAIN_UNAVAILABLE' ? 3 : 1
}
