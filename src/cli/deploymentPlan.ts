import { AbiCoder, getAddress, getCreate2Address, getCreateAddress, Interface, keccak256 } from 'ethers'
import artifact from '../../contracts/artifacts/OmniArbExecutor.json' with { type: 'json' }
import type { ChainConfig } from '../config/chainConfig.ts'
import type { Address, FlashSource, Hex } from '../domain/signal.ts'
import { fail, type Result, succeed } from '../errors/failure.ts'
import { StartError } from '../errors/startError.ts'
import type { ChainFacts } from '../nodes/chainFacts.ts'
import { createProbeReader, type ProbeReader } from '../nodes/probeReader.ts'
import type { JsonRpc } from '../nodes/rpc.ts'

/**
 * Deploys what it is sent, at an address made of the salt (first word) and the init code; on most chains
 * (Arachnid's deterministic-deployment-proxy).
 */
const DEPLOYER: Address = '0x4e59b44847b379578588920ca78fbf26c0b4956c'
const SALT: Hex = `0x${'0'.repeat(64)}`
const NOBODY: Address = `0x${'0'.repeat(40)}`
/**
 * Without that deployer the address follows from the sender's nonce; so many of its first ones are looked
 * through.
 */
const NONCES_SEARCHED = 50

const abi = new Interface(artifact.abi)
const encode = (name: string, values: readonly unknown[] = []) => abi.encodeFunctionData(name, values) as Hex
const lower = (address: string) => address.toLowerCase() as Address

export const EXECUTOR_CODE = artifact.deployedBytecode as Hex

type Lenders = Readonly<Record<FlashSource, Address | null>>

/** One transaction that is missing. */
export interface Step {
  readonly action: 'deploy' | 'configure' | 'authorise' | 'treasury' | 'sweep'
  /** Null for a contract of the sender's own making. */
  readonly to: Address | null
  readonly data: Hex
  /** Whether only the owner can send it, itself or what must come before it. */
  readonly ownersOnly: boolean
  /** What it does, a clause. */
  readonly meaning: string
  /** Gas that it uses at most; null where the node can estimate it, because the contract is there. */
  readonly gas: bigint | null
}

/** What is missing until the executor can trade. */
export interface Plan {
  readonly address: Address
  readonly owner: Address
  /** The executor's code is there. */
  readonly deployed: boolean
  /** Those of the lanes that may trade once the code is there, before any other step. */
  readonly allowed: readonly Address[]
  readonly steps: readonly Step[]
  /** Sentences about what is in place or special. */
  readonly notes: readonly string[]
  /** Lenders that the owner has set and that are not those of the chain; they are left as they are. */
  readonly kept: Lenders | null
}

/**
 * What has to be sent, and nothing of it sent: the executor's code (at one address wherever the usual
 * deployer is), its lenders, its lanes, its treasury.
 *
 * @param options.facts of the chain, probed without an executor, so that the lenders are those of the chain
 * @param options.sender who deploys; the others can only be sent by the owner
 * @param options.treasury null leaves it as it is
 * @param options.sweep tokens of which everything goes to the treasury; the zero address for the native coin
 * @param options.resetLenders whether lenders that the owner has set give way to those of the chain
 * @throws {@link StartError} when the configured executor is not ours to set up, or nobody lends on this
 * chain
 */
export async function planDeployment({
  chain,
  facts,
  owner,
  sender,
  lanes,
  treasury,
  sweep,
  resetLenders,
  rpc,
}: {
  chain: ChainConfig
  facts: ChainFacts
  owner: Address
  sender: Address
  lanes: readonly Address[]
  treasury: Address | null
  sweep: readonly Address[]
  resetLenders: boolean
  rpc: Pick<JsonRpc, 'call'>
}): Promise<Result<Plan>> {
  const read = createProbeReader(rpc)
  const { 1: vault, 2: pool } = facts.lenders
  if (vault === null && pool === null) throw new StartError([noLender(chain)])

  const place = await findPlace({ chain, owner, sender, lanes, read })
  if (read.failure) return fail(read.failure)
  const { address, deployed } = place
  const shown = getAddress(address)
  const unseen = (gas: bigint) => (deployed ? null : gas)
  const steps: Step[] = []
  const notes: string[] = [...place.notes]
  if (deployed) notes.push(`The executor is at ${shown} already.`)
  else {
    if (place.to === null)
      notes.push(
        `${chain.name} has no deterministic deployer at ${getAddress(DEPLOYER)}: the executor gets an address of its own there.`,
      )
    const meaning = `deploy the executor of ${getAddress(owner)} to ${shown}`
    steps.push({ action: 'deploy', to: place.to, data: place.data, ownersOnly: false, meaning, gas: null })
  }

  const [configuredVault, configuredPool, currentTreasury, ...listed] = await Promise.all([
    ...['balancerVault', 'aavePool', 'treasury'].map((name) =>
      deployed ? read.address(address, encode(name)) : null,
    ),
    ...lanes.map(async (lane) =>
      deployed && (await read.words(address, encode('isLane', [lane])))[0] === 1n ? lane : null,
    ),
  ])
  if (read.failure) return fail(read.failure)
  const configured = { 1: configuredVault ?? null, 2: configuredPool ?? null }
  const isSet = configured[1] !== null || configured[2] !== null
  const isRight = configured[1] === vault && configured[2] === pool
  const kept = isSet && !isRight && !resetLenders ? configured : null
  if (isRight) notes.push('Its lenders are set already.')
  else if (kept === null) {
    const data = encode('configure', [vault ?? NOBODY, pool ?? NOBODY])
    const meaning = `set its lenders: ${nameLenders(facts.lenders)}`
    steps.push({ action: 'configure', to: address, data, ownersOnly: true, meaning, gas: unseen(80_000n) })
  }

  const allowed = lanes.filter((lane, index) => listed[index] === lane || lane === owner)
  const missing = lanes.filter((lane) => !allowed.includes(lane))
  if (missing.length === 0) notes.push('Every key may trade through it already.')
  else {
    const meaning = `let these accounts trade: ${missing.map((lane) => getAddress(lane)).join(', ')}`
    const data = encode('setLanes', [missing, true])
    const gas = unseen(30_000n + 30_000n * BigInt(missing.length))
    steps.push({ action: 'authorise', to: address, data, ownersOnly: true, meaning, gas })
  }
  const isNewTreasury = treasury !== null && treasury !== currentTreasury
  if (isNewTreasury) {
    const meaning = `name the treasury that profits are swept to: ${getAddress(treasury)}`
    const data = encode('setTreasury', [treasury])
    steps.push({ action: 'treasury', to: address, data, ownersOnly: true, meaning, gas: unseen(60_000n) })
  }

  const held = await Promise.all(
    sweep.map(async (token) => ({
      token,
      amount: deployed ? await balanceOf({ read, token, address }) : 0n,
    })),
  )
  if (read.failure) return fail(read.failure)
  const full = held.filter(({ amount }) => amount > 0n)
  const target = treasury ?? currentTreasury ?? null
  if (sweep.length > 0 && target === null)
    throw new StartError(['The executor has no treasury to sweep to; name one with --treasury.'])
  if (sweep.length > 0 && full.length === 0) notes.push('It holds nothing of what is to be swept.')
  if (full.length > 0 && target !== null) {
    const what = full.map(
      ({ token, amount }) => `${amount} of ${token === NOBODY ? chain.nativeSymbol : getAddress(token)}`,
    )
    steps.push({
      action: 'sweep',
      to: address,
      data: encode('sweep', [full.map(({ token }) => token)]),
      // It goes to the treasury that is named at that time, so it must not come before the owner names it.
      ownersOnly: isNewTreasury || !allowed.includes(sender),
      meaning: `send to the treasury ${getAddress(target)}, in base units: ${what.join(', ')}`,
      // The treasury may be named only just before.
      gas: 50_000n + 100_000n * BigInt(full.length),
    })
  }
  return succeed({ address, owner, deployed, allowed, steps, notes, kept })
}

async function balanceOf({
  read,
  token,
  address,
}: {
  read: ProbeReader
  token: Address
  address: Address
}): Promise<bigint> {
  if (token === NOBODY) return BigInt(String((await read.result('eth_getBalance', [address, 'latest'])) ?? 0))
  const [balance] = await read.words(token, `0x70a08231${address.slice(2).padStart(64, '0')}`)
  return balance ?? 0n
}

export const nameLenders = ({ 1: vault, 2: pool }: Lenders): string =>
  `Balancer V3 ${vault === null ? 'none' : getAddress(vault)}, Aave V3 ${pool === null ? 'none' : getAddress(pool)}`

/** What deploys the executor of its first owner. */
const initCodeFor = (firstOwner: Address): Hex =>
  `${artifact.bytecode}${AbiCoder.defaultAbiCoder().encode(['address'], [firstOwner]).slice(2)}` as Hex
/**
 * The deterministic deployer puts it at an address that stays with its first owner, whoever owns it later.
 */
const fixedAddress = (firstOwner: Address): Address =>
  lower(getCreate2Address(DEPLOYER, SALT, keccak256(initCodeFor(firstOwner))))

/**
 * Where the executor is, or will be and by which call. What could not be read is in `read.failure`.
 *
 * @param options.lanes who may have been its first owner, besides the owner
 */
async function findPlace({
  chain,
  owner,
  sender,
  lanes,
  read,
}: {
  chain: ChainConfig
  owner: Address
  sender: Address
  lanes: readonly Address[]
  read: ProbeReader
}): Promise<{ deployed: boolean; address: Address; to: Address | null; data: Hex; notes: string[] }> {
  const runs = async (address: Address) => (await read.code(address)) === EXECUTOR_CODE
  /** Null for one that is not there. */
  const ownerOf = async (address: Address) =>
    (await runs(address)) ? ((await readOwner(address, read)) ?? NOBODY) : null
  const at = (address: Address, ...notes: string[]) => ({
    deployed: true,
    address,
    to: address,
    data: '0x' as Hex,
    notes,
  })
  const setting = (address: Address) => `EXECUTOR_ADDRESS_${chain.envName}=${getAddress(address)}`

  if (chain.executor !== null && (await read.code(chain.executor)) !== null) {
    await checkOwn({ chain, address: chain.executor, owner, read, isExecutor: await runs(chain.executor) })
    return at(chain.executor)
  }

  const firstOwners = [owner, ...lanes.filter((lane) => lane !== owner)]
  const fixed = firstOwners.map(fixedAddress) as [Address, ...Address[]]
  const owners = await Promise.all(fixed.map(ownerOf))
  const index = owners.indexOf(owner)
  if (index === 0) return at(fixed[0])
  const [firstOwner, handedOver] = [firstOwners[index], fixed[index]]
  if (firstOwner !== undefined && handedOver !== undefined)
    return at(
      handedOver,
      `${getAddress(owner)} was given the executor of its first owner ${getAddress(firstOwner)}, from whom its address comes.`,
    )
  const [holder] = owners
  if (holder && read.failure === null)
    throw new StartError([
      `The executor of ${getAddress(owner)} on ${chain.name}, ${getAddress(fixed[0])}, belongs to ${getAddress(holder)} now. Its address comes from its first owner, so there is no second one for ${getAddress(owner)}: set ${setting(fixed[0])} and name its owner with --owner, or put the owner's key first.`,
    ])
  const initCode = initCodeFor(owner)
  if ((await read.code(DEPLOYER)) !== null) {
    const note = `The address comes from the executor's first owner: if ${getAddress(owner)} was given one that another account had made, set EXECUTOR_ADDRESS_${chain.envName} to that.`
    const data = `${SALT}${initCode.slice(2)}` as Hex
    return { deployed: false, address: fixed[0], to: DEPLOYER, data, notes: [note] }
  }

  const mined = Number((await read.result('eth_getTransactionCount', [sender, 'latest'])) ?? 0)
  const byNonce = (nonce: number) => lower(getCreateAddress({ from: sender, nonce }))
  const earlier = Array.from({ length: Math.min(mined, NONCES_SEARCHED) }, (_, nonce) => byNonce(nonce))
  const found = await Promise.all(earlier.map(ownerOf))
  const known = earlier[found.indexOf(owner)]
  if (known !== undefined) return at(known)
  const notes = found.flatMap((other, nonce) =>
    other === null
      ? []
      : `${getAddress(sender)} has made the executor ${getAddress(byNonce(nonce))}, which belongs to ${getAddress(other)}; to use it, set ${setting(byNonce(nonce))} and name its owner.`,
  )
  return { deployed: false, address: byNonce(mined), to: null, data: initCode, notes }
}

/** Null when it has none. */
const readOwner = (address: Address, read: ProbeReader): Promise<Address | null> =>
  read.named(address, encode('owner'), 'its owner')

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
  read: ProbeReader
  isExecutor: boolean
}): Promise<void> {
  const setting = `EXECUTOR_ADDRESS ${getAddress(address)} on ${chain.name}`
  if (!isExecutor)
    throw new StartError([
      `${setting} is not this version of the executor; remove the setting to deploy one. What the other holds is its owner's to withdraw.`,
    ])
  const actual = await readOwner(address, read)
  if (read.failure !== null || actual === owner) return
  const holder = actual === null ? 'nobody' : getAddress(actual)
  throw new StartError([
    `${setting} belongs to ${holder}, not to ${getAddress(owner)}; name its owner with --owner, put the owner's key first, or remove the setting to deploy another.`,
  ])
}

const noLender = ({ name, envName }: ChainConfig) =>
  `Nobody is known to lend on ${name}, so an executor could do nothing there; set BALANCER_VAULT_${envName} or AAVE_PROVIDER_${envName}.`
