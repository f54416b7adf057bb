import type { HeadAge } from './headAge.ts'
import type { Head } from './heads.ts'

/** How far an endpoint's newest block is from the best one. */
export interface Lag {
  readonly blocks: number
  readonly seconds: number
}

/** The newest block of each endpoint, held against the others' and the clock. */
export interface HeadBoard {
  saw(index: number, head: Head): void
  /**
   * The block that its own `eth_call` stood on, asked after it had shown `head`; null where that tells none.
   * Where it is too far below, its head is not believed while another's is.
   *
   * @returns whether other heads than before are believed now
   */
  stoodOn(index: number, own: { readonly block: number | null; readonly head: Head }): boolean
  head(index: number): Head | null
  /** Null while it keeps up, or nothing is known of it. */
  behind(index: number): Lag | null
  /** Its blocks do not fit the others': it follows another chain, or does not tell the truth. */
  strays(index: number): boolean
  /**
   * Heads differ, and this endpoint's is doubted or among the highest: those that are behind mislead nobody.
   */
  matters(index: number): boolean
}

/** Blocks and seconds by which two endpoints that are both well may differ. */
export function lagMax(blockTimeMs: number): Lag {
  return {
    blocks: Math.max(3, Math.ceil(6_000 / blockTimeMs)),
    seconds: Math.max(6, (3 * blockTimeMs) / 1_000),
  }
}

/**
 * Heads of one chain differ by no more blocks than come in the time between them, and what two that are well
 * may differ by. Blocks come at most so many times as often as usual, and timestamps are whole seconds: test
 * nodes make two in one.
 */
const FIT_FACTOR = 4
const FIT_PER_SECOND_MIN = 2
/** Where blocks are made on demand many may be of one second. */
const ON_DEMAND_BLOCKS = 64

/**
 * Compares an endpoint with the best each time it shows a block, so that one that is polled more rarely is
 * not taken for one that is behind. Where heads do not fit each other the greater number of endpoints is
 * believed; among equals those that have not jumped, then those whose own calls tell a block where another's
 * stand on its head, then the first configured. One whose own calls do not stand on its head is believed only
 * where there is no other. One that has fallen silent has no say: nobody takes back its last word.
 *
 * @param options.count endpoints, known by their index in order of configuration
 * @param options.speaks whether an endpoint still shows its blocks; asked whenever one is shown
 */
export function createHeadBoard({
  count,
  blockTimeMs,
  age,
  speaks = () => true,
}: {
  count: number
  blockTimeMs: number
  age: Pick<HeadAge, 'ageMs' | 'isTooOld' | 'isAhead' | 'maxMs'> | null
  speaks?: (index: number) => boolean
}): HeadBoard {
  const heads: (Head | null)[] = Array(count).fill(null)
  /** What its own calls stand on; null until they were asked. */
  const ground: ('head' | 'below' | 'untold' | null)[] = Array(count).fill(null)
  const jumped: boolean[] = Array(count).fill(false)
  const lags: (Lag | null)[] = Array(count).fill(null)
  let group: ReadonlySet<number> = new Set()
  const limit = lagMax(blockTimeMs)
  const perSecond = Math.max((FIT_FACTOR * 1_000) / blockTimeMs, FIT_PER_SECOND_MIN)

  const differMax = () => ((age?.maxMs() ?? null) === null ? ON_DEMAND_BLOCKS : limit.blocks)
  const agree = (a: Head, b: Head) =>
    Math.abs(a.number - b.number) <= differMax() + perSecond * Math.abs(a.timestamp - b.timestamp)

  /** The endpoints whose heads fit that of the one most others fit. */
  function believed(): ReadonlySet<number> {
    const all = heads.flatMap((head, index) => (head === null ? [] : [{ head, index }]))
    const undoubted = someOf(all, ({ index }) => ground[index] !== 'below')
    // Of test nodes whose time was moved all are ahead; among nodes of a chain one that is alone with it is
    // not believed.
    const speaking = someOf(undoubted, ({ index }) => speaks(index))
    const voters = someOf(speaking, ({ head }) => !age?.isAhead(head))
    const isTold = voters.some(({ index }) => ground[index] === 'head')
    const groups = voters.map(({ head }) => {
      const members = voters.filter((other) => agree(head, other.head))
      return {
        head,
        size: members.length,
        steady: members.some(({ index }) => !jumped[index]) ? 1 : 0,
        untold: isTold && members.every(({ index }) => ground[index] === 'untold') ? 1 : 0,
      }
    })
    const [first] = groups.toSorted((a, b) => b.size - a.size || b.steady - a.steady || a.untold - b.untold)
    if (first === undefined) return new Set()
    const isInTime = !age?.isAhead(first.head)
    const members = undoubted.filter(
      ({ head }) => agree(first.head, head) && !(isInTime && age?.isAhead(head)),
    )
    return new Set(members.map(({ index }) => index))
  }

  /** Whether other endpoints are believed now. */
  function regroup(): boolean {
    const members = believed()
    const isSame = members.size === group.size && [...members].every((member) => group.has(member))
    if (!isSame) lags.fill(null)
    group = members
    return !isSame
  }

  function behind(index: number): Lag | null {
    const head = heads[index]
    const lag = lags[index] ?? { blocks: 0, seconds: 0 }
    if (!head) return null
    if (age?.isTooOld(head))
      return { ...lag, seconds: Math.max(lag.seconds, Math.round(age.ageMs(head) / 1_000)) }
    return lag.blocks > limit.blocks || lag.seconds > limit.seconds ? lag : null
  }

  const strays = (index: number) => heads[index] !== null && !group.has(index)

  return {
    saw(index, head) {
      const before = heads[index] ?? null
      heads[index] = head
      const isAlone = [...group].every((member) => member === index)
      const isContradicted = heads.some((other) => other !== null && !agree(other, head))
      jumped[index] =
        (before !== null && !agree(before, head)) ||
        (jumped[index] === true && (!group.has(index) || (isAlone && isContradicted)))
      regroup()
      const fitting = heads.filter(
        (_, other) => group.has(other) && (other === index || speaks(other)),
      ) as Head[]
      lags[index] = {
        blocks: Math.max(0, ...fitting.map(({ number }) => number - head.number)),
        seconds: Math.max(0, ...fitting.map(({ timestamp }) => timestamp - head.timestamp)),
      }
    },
    stoodOn(index, { block, head }) {
      if (block === null) ground[index] ??= 'untold'
      else ground[index] = head.number - block > limit.blocks ? 'below' : 'head'
      return regroup()
    },
    head: (index) => heads[index] ?? null,
    behind,
    strays,
    matters: (index) =>
      heads.some((_, other) => speaks(other) && (strays(other) || behind(other) !== null)) &&
      (strays(index) || behind(index) === null),
  }
}

/** Those of which something holds; all where it holds of none. */
function someOf<T>(all: readonly T[], holds: (one: T) => boolean): readonly T[] {
  const some = all.filter(holds)
  return some.length > 0 ? some : all
}
