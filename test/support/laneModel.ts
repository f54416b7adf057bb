import fc from 'fast-check'
import type { createLane, ForeignUse, Lane, Place } from '../../src/lanes/lane.ts'

/**
 * A signed transaction: whose, and at which nonce. A foreign one comes from another program with the same
 * key.
 */
interface Transaction {
  readonly nonce: number
  readonly intent: string
}

const FOREIGN = 'foreign'

/** A right that the lane gave out, and what we have told the lane of it. */
interface Held {
  readonly place: Place
  readonly intent: string
  /** `unsure` is signed too: whether it is on disk is not known. */
  told: 'open' | 'reserved' | 'unsure' | 'signed' | 'mined'
  /** What a restart would find of it. */
  onDisk: boolean
}

/** What is true, wherever the lane stands: the chain, what nodes hold, and what is held. */
interface World {
  /** Index is the nonce. */
  mined: Transaction[]
  /** The chain as an endpoint that has not seen the last reorg still tells it. */
  before: Transaction[]
  finalCount: number
  /** Able to land while its nonce is the next one: dropped bytes stay valid for ever. */
  readonly mempool: Set<Transaction>
  held: Held[]
  /** Below it every nonce of ours was told to be final: nothing of it is read at a start. */
  floor: number
  intents: number
}

interface Real {
  lane: Lane
}

export type MakeLane = typeof createLane

type Step = fc.Command<World, Real>

/** A step that picks one of what is held, by stage; it runs only where there is one. */
function onHeld(
  name: string,
  isMeant: (each: Held, world: Readonly<World>) => boolean,
  run: (each: Held, world: World, real: Real) => void,
) {
  return (index: number): Step => ({
    check: (world) => world.held.some((each) => isMeant(each, world)),
    run(world, real) {
      const meant = world.held.filter((each) => isMeant(each, world))
      run(meant[index % meant.length] as Held, world, real)
      inspect(world, real)
    },
    toString: () => `${name}[${index}]`,
  })
}

function step(name: string, run: (world: World, real: Real) => void): Step {
  return {
    check: () => true,
    run(world, real) {
      run(world, real)
      inspect(world, real)
    },
    toString: () => name,
  }
}

const nonceOf = ({ place }: Held): number => place.nonce as number
const isAt = (world: Readonly<World>, each: Held): boolean =>
  world.mined[nonceOf(each)]?.intent === each.intent
const hasSigned = ({ told }: Held): boolean => told === 'unsure' || told === 'signed' || told === 'mined'

/** Every nonce the lane gives out passes here. */
function takeNonce(world: World, place: Place, intent: string): Held {
  const nonce = place.nonce as number
  const holder = world.held.find((each) => each.told !== 'open' && nonceOf(each) === nonce)
  if (holder) throw new Error(`Nonce ${nonce} was given to ${intent}, and ${holder.intent} holds it.`)
  if (nonce < world.floor) throw new Error(`Nonce ${nonce} was given out below the floor ${world.floor}.`)
  const held: Held = { place, intent, told: 'reserved', onDisk: false }
  world.held.push(held)
  return held
}

function sign(held: Held): void {
  held.place.signed()
  held.told = 'signed'
  held.onDisk = true
}

/** What the lane may claim at any time. */
function inspect(world: World, { lane }: Real): void {
  const nonces = world.held.filter(({ told }) => told !== 'open')
  const top = Math.max(lane.minedCount(), ...nonces.map((each) => nonceOf(each) + 1))
  if (lane.next() !== top) throw new Error(`The next nonce is ${top}, the lane says ${lane.next()}.`)
  const gaps: number[] = []
  for (let nonce = lane.minedCount(); nonce < top; nonce += 1) {
    const holder = nonces.find((each) => nonceOf(each) === nonce)
    if (holder === undefined || holder.told === 'unsure') gaps.push(nonce)
  }
  if (gaps.join() !== lane.gaps().join())
    throw new Error(`The gaps are [${gaps}], the lane says [${lane.gaps()}].`)
  const inFlight = world.held.filter(({ told }) => told !== 'mined').length
  if (inFlight !== lane.inFlight())
    throw new Error(`In flight are ${inFlight}, the lane says ${lane.inFlight()}.`)
}

/** What is told to be somebody else's is what we have signed nothing for, and nothing but that. */
function expectForeign(world: World, from: number, to: number, foreign: ForeignUse | null): void {
  const unsigned: number[] = []
  for (let nonce = from; nonce < to; nonce += 1)
    if (!world.held.some((each) => hasSigned(each) && nonceOf(each) === nonce)) unsigned.push(nonce)
  const told = foreign === null ? 'none' : `${foreign.count} from ${foreign.lowest}`
  const wanted = unsigned.length === 0 ? 'none' : `${unsigned.length} from ${unsigned[0]}`
  if (told !== wanted) throw new Error(`Used by others are ${wanted}, the lane says ${told}.`)
}

function resync(world: World, { lane }: Real, readings: readonly number[]): void {
  const before = lane.minedCount()
  const foreign = lane.resync(readings)
  if (lane.minedCount() !== Math.max(before, ...readings))
    throw new Error(`The mined count is ${lane.minedCount()} after ${before} and readings of ${readings}.`)
  expectForeign(world, before, lane.minedCount(), foreign)
}

function mine(world: World): void {
  for (;;) {
    const found = [...world.mempool].find(({ nonce }) => nonce === world.mined.length)
    if (found === undefined) break
    world.mined.push(found)
  }
  for (const transaction of world.mempool)
    if (transaction.nonce < world.mined.length) world.mempool.delete(transaction)
}

const offer = (world: World, each: Held): void => {
  if (nonceOf(each) >= world.mined.length) world.mempool.add({ nonce: nonceOf(each), intent: each.intent })
}

/** Endpoints that lag by so many transactions, on the chain as it is or as it was before the last reorg. */
const readingsOf = (world: World, lags: readonly (readonly [lag: number, isOld: boolean])[]): number[] =>
  lags.map(([lag, isOld]) => Math.max(world.finalCount, (isOld ? world.before : world.mined).length - lag))

function tellMined(each: Held, world: World, { lane }: Real): void {
  const before = lane.minedCount()
  const foreign = each.place.mined()
  each.told = 'mined'
  expectForeign(world, before, lane.minedCount(), foreign)
}

/** One place is told that its block is gone. Of all others nothing may change. */
function tellReopened(each: Held, { lane }: Real, count: number): void {
  const before = lane.minedCount()
  each.place.reopened(count)
  each.told = 'signed'
  if (lane.minedCount() > before) throw new Error('The mined count has risen by a reorg.')
}

function tellFinal(each: Held, world: World, { lane }: Real): void {
  each.place.final()
  world.held = world.held.filter((other) => other !== each)
  world.floor = Math.max(world.floor, lane.floor())
  if (world.floor > world.finalCount) throw new Error(`The floor ${world.floor} is above what is final.`)
}

/** The process ends and starts again from its journal and what lagging endpoints say. */
function crash(world: World, real: Real, makeLane: MakeLane, readings: readonly number[]): void {
  const left = world.held.filter(({ onDisk }) => onDisk)
  const lane = makeLane({
    address: real.lane.address,
    minedCount: Math.max(world.floor, ...readings),
  })
  real.lane = lane
  world.held = left.map((each) => ({
    place: lane.adopt(nonceOf(each)),
    intent: each.intent,
    told: 'signed',
    onDisk: true,
  }))
}

/**
 * The trouble is over: the lane learns the truth, everything open is sent again, gaps are filled, the chain
 * goes on.
 */
function calm(world: World, real: Real): void {
  const truth = world.mined.length
  resync(world, real, [truth])
  if (real.lane.minedCount() > truth) real.lane.rewind(truth)
  for (const each of world.held.filter(({ told }) => told === 'open')) {
    each.place.release()
    world.held = world.held.filter((other) => other !== each)
  }
  for (const each of world.held.filter(({ told }) => told === 'mined'))
    if (!isAt(world, each) && nonceOf(each) >= truth) tellReopened(each, real, truth)
  for (const each of world.held.filter(({ told }) => told === 'reserved'))
    if (nonceOf(each) >= truth) sign(each)
    else {
      each.place.release()
      world.held = world.held.filter((other) => other !== each)
    }
  for (const gap of real.lane.gaps()) {
    const place = real.lane.claim(gap)
    if (place === null) throw new Error(`Gap ${gap} cannot be filled.`)
    const orphan = world.held.find((each) => each.place === place)
    const filler = orphan ?? takeNonce(world, place, `filler of ${gap}`)
    sign(filler)
  }
  inspect(world, real)
  for (const each of world.held) offer(world, each)
  mine(world)
  const ours = (transaction: Transaction) => transaction.intent !== FOREIGN
  const stuck = [...world.mempool].filter(ours)
  if (stuck.length > 0) throw new Error(`Nonces [${stuck.map(({ nonce }) => nonce)}] wait for ever.`)
  const landed = world.mined.filter(ours).map(({ intent }) => intent)
  if (new Set(landed).size < landed.length) throw new Error('An intent landed twice.')
  for (const each of world.held)
    if (!isAt(world, each) && world.mined[nonceOf(each)]?.intent !== FOREIGN)
      throw new Error(`${each.intent} lost nonce ${nonceOf(each)} to another of our intents.`)
  resync(world, real, [world.mined.length])
  world.finalCount = world.mined.length
  for (const each of world.held.filter(({ told }) => told !== 'mined')) tellMined(each, world, real)
  const own = Math.max(world.floor, ...world.held.map((each) => nonceOf(each) + 1))
  for (const each of [...world.held]) tellFinal(each, world, real)
  if (real.lane.inFlight() > 0) throw new Error(`${real.lane.inFlight()} are in flight for ever.`)
  if (world.floor < own) throw new Error(`The floor stays at ${world.floor} below ${own}.`)
}

function steps(makeLane: MakeLane) {
  const index = fc.nat({ max: 3 })
  const readings = fc.array(fc.tuple(fc.nat({ max: 4 }), fc.boolean()), { minLength: 1, maxLength: 3 })
  const trading = [
    fc.constant(
      step('open', (world, { lane }) => {
        world.intents += 1
        world.held.push({
          place: lane.open(),
          intent: `intent ${world.intents}`,
          told: 'open',
          onDisk: false,
        })
      }),
    ),
    index.map(
      onHeld(
        'reserve',
        ({ told }) => told === 'open',
        (each, world) => {
          each.place.reserve()
          world.held = world.held.filter((other) => other !== each)
          takeNonce(world, each.place, each.intent)
        },
      ),
    ),
    index.map(onHeld('sign', ({ told }) => told === 'reserved', sign)),
    // Bytes leave only when it is known that they are on disk.
    index.map(
      onHeld(
        'send',
        (each) => hasSigned(each) && each.told !== 'unsure',
        (each, world) => offer(world, each),
      ),
    ),
    fc.constant(step('mine', mine)),
    index.map(onHeld('see mined', (each, world) => each.told === 'signed' && isAt(world, each), tellMined)),
  ]
  const trouble = [
    index.map(
      onHeld(
        'release',
        ({ told }) => told === 'open' || told === 'reserved',
        (each, world) => {
          each.place.release()
          world.held = world.held.filter((other) => other !== each)
        },
      ),
    ),
    // A node refuses signed bytes, wherever else they are; a hasty caller would have the nonce back.
    index.map(onHeld('release signed', hasSigned, (each) => each.place.release())),
    fc.tuple(index, fc.boolean()).map(([chosen, onDisk]) =>
      onHeld(
        `write with an outcome that is not known, ${onDisk ? 'on' : 'not on'} disk`,
        ({ told }) => told === 'reserved',
        (each) => {
          each.place.orphan()
          each.told = 'unsure'
          each.onDisk = onDisk
        },
      )(chosen),
    ),
    index.map((chosen) =>
      step(`drop[${chosen}]`, ({ mempool }) => {
        const found = [...mempool][chosen]
        if (found) mempool.delete(found)
      }),
    ),
    fc.constant(
      step('foreign transaction mined', (world) => {
        world.mined.push({ nonce: world.mined.length, intent: FOREIGN })
        mine(world)
      }),
    ),
    readings.map((lags) =>
      step(`resync by ${JSON.stringify(lags)}`, (world, real) =>
        resync(world, real, readingsOf(world, lags)),
      ),
    ),
    index.map((chosen) =>
      onHeld(
        'see the nonce taken by another',
        (each, world) => each.told === 'signed' && world.mined[nonceOf(each)]?.intent === FOREIGN,
        tellMined,
      )(chosen),
    ),
    fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean()).map(([depth, keeps]) =>
      step(`reorg ${depth} deep that ${keeps ? 'keeps' : 'loses'} the transactions`, (world) => {
        const count = Math.max(world.finalCount, world.mined.length - depth)
        world.before = world.mined
        const removed = world.mined.slice(count)
        world.mined = world.mined.slice(0, count)
        if (keeps) for (const transaction of removed) world.mempool.add(transaction)
      }),
    ),
    fc.tuple(index, readings).map(([chosen, lags]) =>
      onHeld(
        `see its block gone by ${JSON.stringify(lags)}`,
        (each, world) => each.told === 'mined' && !isAt(world, each),
        (each, world, real) => {
          const count = Math.max(...readingsOf(world, lags))
          // A count above the nonce means that it is mined: nothing is reopened by that.
          if (count <= nonceOf(each)) tellReopened(each, real, count)
        },
      )(chosen),
    ),
    fc.constant(
      step('blocks become final', (world) => {
        const unsafe = world.held.filter((each) => each.told === 'mined' && !isAt(world, each)).map(nonceOf)
        // What an engine has seen in a block that is gone it has noticed long before a block above is final.
        world.finalCount = Math.max(world.finalCount, Math.min(world.mined.length, ...unsafe))
      }),
    ),
    index.map(
      onHeld(
        'see final',
        (each, world) => each.told === 'mined' && nonceOf(each) < world.finalCount,
        tellFinal,
      ),
    ),
    readings.map((lags) =>
      step(`crash, then ${JSON.stringify(lags)}`, (world, real) =>
        crash(world, real, makeLane, readingsOf(world, lags)),
      ),
    ),
  ]
  return fc.commands([...trading, ...trading, ...trading, ...trouble], { size: '+1', disableReplayLog: true })
}

/**
 * That a lane survives any script of trades and trouble, reorgs told by endpoints that lag or have not seen
 * them included: no nonce goes to two intents that may both land, the mined count falls by a reorg alone,
 * gaps, what is in flight and what others have used are told truly, and once the trouble is over nothing
 * waits for ever and every place is given back.
 */
export const keepsNonces = (makeLane: MakeLane) =>
  fc.property(steps(makeLane), (script) => {
    const world: World = {
      mined: [],
      before: [],
      finalCount: 0,
      mempool: new Set(),
      held: [],
      floor: 0,
      intents: 0,
    }
    const real: Real = { lane: makeLane({ address: `0x${'1a'.repeat(20)}`, minedCount: 0 }) }
    fc.modelRun(() => ({ model: world, real }), script)
    calm(world, real)
  })
