import { AbiCoder, getAddress, getCreate2Address, getCreateAddress, Interface, keccak256 } from 'ethers'
import artifact from '../../contracts/artifacts/OmniArbExecutor.json' with { type: 'json' }
import type { ChainConfig } from '../config/chainConfig.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import { StartError } from '../errors/startError.ts'
import type { ChainFacts } from '../nodes/chainFacts.ts'
import { createProbeReader } from '../nodes/probeReader.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import type { OwnerAccount } from './ownerAccount.ts'

/** Deploys what it is sent, at an address made of the salt (first word) and the init code; on most chains (Arachnid's deterministic-deployment-proxy). */
const DEPLOYER: Address = '0x4e59b44847b379578588920ca78fbf26c0b4956c'
const SALT: Hex = `0x${'0'.repeat(64)}`
const NOBODY: Address = `0x${'0'.repeat(40)}`
/** Without that deployer the address follows from the owner's nonce; so many of its first ones are looked through. */
const NONCES_SEARCHED = 50

const abi = new Interface(artifact.abi)
const encode = (name: string, values: readonly unknown[] = []) => abi.encodeFunctionData(name, values) as Hex
const lower = (address: string) => address.toLowerCase() as Address

/** An executor that is ready for the lanes. Addresses carry their checksum. */
export interface Deployment {
  readonly address: string
  readonly chainId: number
  /** What was sent, in this order; none when everything was in place. */
  readonly transactions: readonly {
    readonly action: 'deploy' | 'configure' | 'authorise'
    readonly hash: Hex
  }[]
  /** Accounts that may trade through it: the owner and those that it has authorised. */
  readonly lanes: readonly string[]
}

/**
 * Brings the executor of one owner on one chain to where it can trade, sending only what is missing: its code (the same address
 * wherever the usual deployer is), its lenders, its lanes.
 *
 * @param options.facts of the chain, probed without an executor, so that the lenders are those of the chain
 * @param options.keys addresses; the first one is the owner
 * @throws {@link StartError} when the configured executor is not ours to set up, or nobody lends on this chain
 */
export async function deployExecutor({
  chain,
  facts,
  keys,
  rpc,
  account,
  say,
}: {
  chain: ChainConfig
  facts: ChainFacts
  keys: readonly Address[]
  rpc: Pick<JsonRpc, 'call'>
  account: OwnerAccount
  say: (sentence: string) => void
}): Promise<Result<Deployment>> {
  const [owner, ...others] = keys
  if (owner === undefined) throw new Error('There is no owner.')
  const read = createProbeReader(rpc)
  const transactions: { action: 'deploy' | 'configure' | 'authorise'; hash: Hex }[] = []
  const { 1: vault, 2: pool } = facts.lenders
  if (vault === null && pool === null) throw new StartError([noLender(chain)])

  async function send(action: 'deploy' | 'configure' | 'authorise', to: Address | null, data: Hex) {
    const sent = await account.send({ to, data })
    if (sent.ok) transactions.push({ action, hash: sent.value })
    return sent.ok ? null : sent.failure
  }

  const initCode =
    `${artifact.bytecode}${AbiCoder.defaultAbiCoder().encode(['address'], [owner]).slice(2)}` as Hex
  const place = await findPlace({ chain, owner, initCode, read })
  if (read.failure) return fail(read.failure)
  if (place.deployed) say(`The executor is at ${getAddress(place.address)} already.`)
  else {
    say(
      place.to === null
        ? `${chain.name} has no deterministic deployer at ${getAddress(DEPLOYER)}: the executor gets an address of its own there. Deploying it to ${getAddress(place.address)}.`
        : `Deploying the executor to ${getAddress(place.address)}.`,
    )
    const problem = await send('deploy', place.to, place.data)
    if (problem) return fail(problem)
    const code = await read.code(place.address)
    if (code !== artifact.deployedBytecode) return fail(read.failure ?? notThere(place.address))
  }
  const { address } = place

  const [configuredVault, configuredPool, ...allowed] = await Promise.all([
    read.address(address, encode('balancerVault')),
    read.address(address, encode('aavePool')),
    ...others.map(async (lane) => (await read.words(address, encode('isLane', [lane])))[0] === 1n),
  ])
  if (read.failure) return fail(read.failure)
  if (configuredVault === vault && configuredPool === pool) say('Its lenders are set already.')
  else {
    say(`Setting its lenders: Balancer V3 ${vault ?? 'none'}, Aave V3 ${pool ?? 'none'}.`)
    const problem = await send('configure', address, encode('configure', [vault ?? NOBODY, pool ?? NOBODY]))
    if (problem) return fail(problem)
  }

  const missing = others.filter((_, index) => allowed[index] !== true)
  if (missing.length === 0) say('Every key may trade through it already.')
  else {
    say(`Authorising ${missing.map((lane) => getAddress(lane)).join(', ')}.`)
    const problem = await send('authorise', address, encode('setLanes', [missing, true]))
    if (problem) return fail(problem)
  }

  if (chain.executor !== address)
    say(
      `Put EXECUTOR_ADDRESS=${getAddress(address)} into .env, or EXECUTOR_ADDRESS_${chain.envName} for this chain alone.`,
    )
  return succeed({
    address: getAddress(address),
    chainId: chain.chainId,
    transactions,
    lanes: keys.map((lane) => getAddress(lane)),
  })
}

/** Where the executor is, or will be and by which call. What could not be read is in `read.failure`. */
async function findPlace({
  chain,
  owner,
  initCode,
  read,
}: {
  chain: ChainConfig
  owner: Address
  initCode: Hex
  read: ReturnType<typeof createProbeReader>
}): Promise<{ deployed: boolean; address: Address; to: Address | null; data: Hex }> {
  const runs = async (address: Address) => (await read.code(address)) === artifact.deployedBytecode
  const at = (address: Address) => ({ deployed: true, address, to: address, data: '0x' as Hex })

  if (chain.executor !== null && (await read.code(chain.executor)) !== null) {
    await checkOwn({ chain, address: chain.executor, owner, read, isExecutor: await runs(chain.executor) })
    return at(chain.executor)
  }
  const fixed = lower(getCreate2Address(DEPLOYER, SALT, keccak256(initCode)))
  if (await runs(fixed)) return at(fixed)
  if ((await read.code(DEPLOYER)) !== null)
    return { deployed: false, address: fixed, to: DEPLOYER, data: `${SALT}${initCode.slice(2)}` as Hex }

  const mined = Number((await read.result('eth_getTransactionCount', [owner, 'latest'])) ?? 0)
  const byNonce = (nonce: number) => lower(getCreateAddress({ from: owner, nonce }))
  const earlier = Array.from({ length: Math.min(mined, NONCES_SEARCHED) }, (_, nonce) => byNonce(nonce))
  const found = await Promise.all(earlier.map(runs))
  const known = earlier[found.indexOf(true)]
  return known === undefined
    ? { deployed: false, address: byNonce(mined), to: null, data: initCode }
    : at(known)
}

async function checkOwn({
  chain,
  address,
  owner,
  read,
  isExecutor,
}: {
  chain: ChainConfig
  address: Address
  owner: Address
  read: ReturnType<typeof createProbeReader>
  isExecutor: boolean
}): Promise<void> {
  const actual = await read.address(address, encode('owner'))
  if (read.failure !== null) return
  const setting = `EXECUTOR_ADDRESS ${getAddress(address)} on ${chain.name}`
  if (!isExecutor)
    throw new StartError([
      `${setting} is not this version of the executor; remove the setting to deploy one.`,
    ])
  if (actual !== owner)
    throw new StartError([
      `${setting} belongs to ${actual === null ? 'nobody' : getAddress(actual)}, not to the first key, ${getAddress(owner)}; put the owner's key first, or remove the setting to deploy another.`,
    ])
}

const noLender = ({ name, envName }: ChainConfig) =>
  `Nobody is known to lend on ${name}, so an executor could do nothing there; set BALANCER_VAULT_${envName} or AAVE_PROVIDER_${envName}.`

const notThere = (address: Address): Failure =>
  failure(
    'NODE_UNAVAILABLE',
    `The node does not show the executor at ${getAddress(address)} yet; run this again.`,
  )
