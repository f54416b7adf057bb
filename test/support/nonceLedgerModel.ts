import fc from 'fast-check'
import type { createNonceLedger, NonceLedger } from '../../src/lanes/nonceLedger.ts'

/** A signed transaction: whose, and at which nonce. A foreign one comes from another program with the same key. */
interface Transaction {
  readonly nonce: number
  readonly intent: string
}

const isForeign = ({ intent }: Transaction): boolean => intent.startsWith('foreign')

/** What is true, wherever the ledger stands: the chain, what nodes hold, and what our journal has on disk. */
interface World {
  /** Index is the nonce. */
  mined: Transaction[]
  finalCount: number
  /** Signed by us or foreign, and able to land while its nonce is the next one: dropped bytes stay valid for ever. */
  readonly mempool: Set<Transaction>
  /** Our signed attempts by nonce, written before any byte leaves. */
  readonly journal: Map<number, Transaction>
  /** Journaled nonces that the chain has passed, told to the ledger. */
  readonly settled: Set<number>
  /** Those of them that are journaled as final: no longer among the open ones. */
  readonly finalNonces: Set<number>
  /** Nonces handed out for which nothing is signed; gone after a crash. */
  readonly reserved: Map<number, string>
  /** Highest count that the ledger was shown since the last reorg. */
  shown: number
  intents: number
}

interface Real {
  ledger: NonceLedger
}

export type MakeLedger = typeof createNonceLedger

abstract class Step implements fc.Command<World, Real> {
  abstract run(world: World, real: Real): void
  abstract toString(): string

  check(_world: Readonly<World>): boolean {
    return true
  }
}

const pick = <T>(items: Iterable<T>, index: number): T => {
  const all = [...items]
  const item = all[index % all.length]
  if (item === undefined) throw new Error('A step ran without what its check asked for.')
  return item
}

/** Every nonce the ledger hands out passes here. */
function handOut(world: World, nonce: number, intent: string): void {
  const holder = world.reserved.get(nonce) ?? world.journal.get(nonce)?.intent
  if (holder !== undefined) throw new Error(`Nonce ${nonce} was handed to ${intent}, and ${holder} holds it.`)
  if (nonce < world.shown) throw new Error(`Nonce ${nonce} was handed out after a count of ${world.shown}.`)
  world.reserved.set(nonce, intent)
}

function sign(world: World, real: Real, nonce: number): void {
  const intent = world.reserved.get(nonce)
  if (intent === undefined) throw new Error(`Nonce ${nonce} is not reserved.`)
  world.reserved.delete(nonce)
  world.journal.set(nonce, { nonce, intent })
  real.ledger.commit(nonce)
}

const open = (world: World): number[] =>
  [...world.journal.keys()].filter((nonce) => !world.finalNonces.has(nonce))

/** What the ledger may claim at any time. */
function inspect(world: World, { ledger }: Real): void {
  if (ledger.minedCount() < world.shown)
    throw new Error(`The mined count fell from ${world.shown} to ${ledger.minedCount()}.`)
  const holders = [...world.reserved.keys(), ...open(world)]
  const gaps: number[] = []
  for (let nonce = ledger.minedCount(); nonce < Math.max(...holders); nonce += 1)
    if (!holders.includes(nonce)) gaps.push(nonce)
  if (gaps.join() !== ledger.gaps().join())
    throw new Error(`The gaps are [${gaps}], the ledger says [${ledger.gaps()}].`)
  const inFlight = world.reserved.size + open(world).filter((nonce) => !world.settled.has(nonce)).length
  if (inFlight !== ledger.inFlight())
    throw new Error(`In flight are ${inFlight}, the ledger says ${ledger.inFlight()}.`)
}

class Reserve extends Step {
  run(world: World, real: Real): void {
    world.intents += 1
    handOut(world, real.ledger.reserve(), `intent ${world.intents}`)
    inspect(world, real)
  }
  toString = () => 'reserve'
}

class Release extends Step {
  readonly index: number
  constructor(index: number) {
    super()
    this.index = index
  }
  override check = (world: World) => world.reserved.size > 0
  run(world: World, real: Real): void {
    const nonce = pick(world.reserved.keys(), this.index)
    world.reserved.delete(nonce)
    real.ledger.release(nonce)
    inspect(world, real)
  }
  toString = () => `release reserved[${this.index}]`
}

class Sign extends Step {
  readonly index: number
  constructor(index: number) {
    super()
    this.index = index
  }
  override check = (world: World) => world.reserved.size > 0
  run(world: World, real: Real): void {
    sign(world, real, pick(world.reserved.keys(), this.index))
    inspect(world, real)
  }
  toString = () => `sign reserved[${this.index}]`
}

/** Sends journaled bytes, the first time or again. A node that has seen the nonce mined takes nothing. */
class Send extends Step {
  readonly index: number
  constructor(index: number) {
    super()
    this.index = index
  }
  override check = (world: World) => open(world).length > 0
  run(world: World): void {
    const transaction = world.journal.get(pick(open(world), this.index)) as Transaction
    if (transaction.nonce >= world.mined.length) world.mempool.add(transaction)
  }
  toString = () => `send open[${this.index}]`
}

/** An endpoint refuses signed bytes, wherever else they are; a hasty caller would have the nonce back. */
class Refuse extends Step {
  readonly index: number
  constructor(index: number) {
    super()
    this.index = index
  }
  override check = (world: World) => open(world).length > 0
  run(world: World, real: Real): void {
    if (real.ledger.release(pick(open(world), this.index))) return
    inspect(world, real)
  }
  toString = () => `release open[${this.index}] because a node refused it`
}

class Drop extends Step {
  readonly index: number
  constructor(index: number) {
    super()
    this.index = index
  }
  override check = (world: World) => world.mempool.size > 0
  run(world: World): void {
    world.mempool.delete(pick(world.mempool, this.index))
  }
  toString = () => `drop mempool[${this.index}]`
}

function mine(world: World): void {
  for (;;) {
    const found = [...world.mempool].find(({ nonce }) => nonce === world.mined.length)
    if (found === undefined) break
    world.mempool.delete(found)
    world.mined.push(found)
  }
  for (const transaction of world.mempool)
    if (transaction.nonce < world.mined.length) world.mempool.delete(transaction)
}

class Mine extends Step {
  run(world: World): void {
    mine(world)
  }
  toString = () => 'mine'
}

/** Another program uses the key and is faster. */
class Foreign extends Step {
  run(world: World): void {
    world.mined.push({ nonce: world.mined.length, intent: `foreign ${world.mined.length}` })
    mine(world)
  }
  toString = () => 'foreign transaction mined'
}

/** Each endpoint lags by so many transactions. */
class Resync extends Step {
  readonly lags: readonly number[]
  constructor(lags: readonly number[]) {
    super()
    this.lags = lags
  }
  run(world: World, real: Real): void {
    resync(
      world,
      real,
      this.lags.map((lag) => Math.max(0, world.mined.length - lag)),
    )
    inspect(world, real)
  }
  toString = () => `resync while endpoints lag by ${this.lags.join(' and ')}`
}

function resync(world: World, real: Real, readings: readonly number[]): void {
  const { passed } = real.ledger.resync(readings)
  world.shown = Math.max(world.shown, ...readings)
  const unsettled = [...world.reserved.keys(), ...open(world)].filter((nonce) => nonce < world.shown)
  const missed = unsettled.filter((nonce) => !passed.includes(nonce) && world.reserved.has(nonce))
  if (missed.length > 0) throw new Error(`Nonces [${missed}] were passed unnoticed.`)
  for (const nonce of passed) {
    if (world.reserved.delete(nonce)) {
      real.ledger.release(nonce)
      continue
    }
    real.ledger.settle(nonce)
    world.settled.add(nonce)
    if (nonce < world.finalCount) world.finalNonces.add(nonce)
  }
}

class Finalise extends Step {
  run(world: World, real: Real): void {
    world.finalCount = Math.max(world.finalCount, Math.min(world.mined.length, world.shown))
    real.ledger.finalise(world.finalCount)
    for (const nonce of world.settled) if (nonce < world.finalCount) world.finalNonces.add(nonce)
    inspect(world, real)
  }
  toString = () => 'finalise'
}

/** What left the chain is in the mempool again, or lost; the engine notices by block hashes. */
class Reorg extends Step {
  readonly depth: number
  readonly isKept: boolean
  constructor(depth: number, isKept: boolean) {
    super()
    this.depth = depth
    this.isKept = isKept
  }
  override check = (world: World) => world.mined.length > world.finalCount
  run(world: World, real: Real): void {
    const count = Math.max(world.finalCount, world.mined.length - this.depth)
    const removed = world.mined.slice(count)
    world.mined = world.mined.slice(0, count)
    if (this.isKept) for (const transaction of removed) world.mempool.add(transaction)
    const reopened = real.ledger.reorg(count)
    for (const nonce of reopened) world.settled.delete(nonce)
    world.shown = count
    inspect(world, real)
  }
  toString = () => `reorg ${this.depth} deep that ${this.isKept ? 'keeps' : 'loses'} the transactions`
}

/** The process ends and starts again from its journal and what lagging endpoints say. */
class Crash extends Step {
  readonly makeLedger: MakeLedger
  readonly lag: number
  constructor(makeLedger: MakeLedger, lag: number) {
    super()
    this.makeLedger = makeLedger
    this.lag = lag
  }
  run(world: World, real: Real): void {
    world.reserved.clear()
    world.settled.clear()
    const journaledCount = Math.max(0, ...[...world.finalNonces].map((nonce) => nonce + 1))
    const minedCount = Math.max(journaledCount, world.mined.length - this.lag)
    world.shown = minedCount
    real.ledger = this.makeLedger({
      minedCount,
      open: open(world).map((nonce) => ({ nonce, left: true })),
      epoch: real.ledger.epoch + 1,
    })
    inspect(world, real)
  }
  toString = () => `crash while endpoints lag by ${this.lag}`
}

/** Signed and on disk, and the process ends before the ledger hears of it. */
class SignAndCrash extends Crash {
  override check = (world: World) => world.reserved.size > 0
  override run(world: World, real: Real): void {
    const nonce = pick(world.reserved.keys(), 0)
    world.journal.set(nonce, { nonce, intent: world.reserved.get(nonce) as string })
    super.run(world, real)
  }
  override toString = () => `sign reserved[0] and crash while endpoints lag by ${this.lag}`
}

/** The trouble is over: the ledger learns the truth, everything open is sent again, gaps are filled, the chain goes on. */
function calm(world: World, real: Real): void {
  resync(world, real, [world.mined.length])
  for (const nonce of [...world.reserved.keys()]) sign(world, real, nonce)
  for (const gap of real.ledger.gaps()) {
    if (!real.ledger.claim(gap)) throw new Error(`Gap ${gap} cannot be filled.`)
    handOut(world, gap, `filler of ${gap}`)
    sign(world, real, gap)
  }
  for (const nonce of open(world))
    if (nonce >= world.mined.length) world.mempool.add(world.journal.get(nonce) as Transaction)
  mine(world)
  const stuck = [...world.mempool].filter((transaction) => !isForeign(transaction))
  if (stuck.length > 0) throw new Error(`Nonces [${stuck.map(({ nonce }) => nonce)}] wait for ever.`)
  const landed = world.mined.filter((transaction) => !isForeign(transaction)).map(({ intent }) => intent)
  if (new Set(landed).size < landed.length) throw new Error('An intent landed twice.')
  for (const [nonce, { intent }] of world.journal)
    if (world.mined[nonce]?.intent !== intent && !isForeign(world.mined[nonce] as Transaction))
      throw new Error(`${intent} lost nonce ${nonce} to another of our intents.`)
}

function steps(makeLedger: MakeLedger) {
  const index = fc.nat({ max: 3 })
  const lag = fc.nat({ max: 4 })
  const trading = [
    fc.constant(new Reserve()),
    index.map((chosen) => new Sign(chosen)),
    index.map((chosen) => new Send(chosen)),
    fc.constant(new Mine()),
  ]
  const trouble = [
    index.map((chosen) => new Release(chosen)),
    index.map((chosen) => new Refuse(chosen)),
    index.map((chosen) => new Drop(chosen)),
    fc.constant(new Foreign()),
    fc.array(lag, { minLength: 1, maxLength: 3 }).map((lags) => new Resync(lags)),
    fc.constant(new Finalise()),
    fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean()).map(([depth, kept]) => new Reorg(depth, kept)),
    lag.map((chosen) => new Crash(makeLedger, chosen)),
    lag.map((chosen) => new SignAndCrash(makeLedger, chosen)),
  ]
  return fc.commands([...trading, ...trading, ...trading, ...trouble], { size: '+1', disableReplayLog: true })
}

/**
 * That a ledger survives any script of trades and trouble: no nonce goes to two intents that may both land, the mined count
 * falls only by a reorg, gaps and what is in flight are told truly, and once the trouble is over nothing waits for ever.
 */
export const keepsNonces = (makeLedger: MakeLedger) =>
  fc.property(steps(makeLedger), (script) => {
    const world: World = {
      mined: [],
      finalCount: 0,
      mempool: new Set(),
      journal: new Map(),
      settled: new Set(),
      finalNonces: new Set(),
      reserved: new Map(),
      shown: 0,
      intents: 0,
    }
    const real: Real = { ledger: makeLedger({ minedCount: 0, open: [], epoch: 1 }) }
    fc.modelRun(() => ({ model: world, real }), script)
    calm(world, real)
  })
