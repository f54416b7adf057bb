import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createBlockTree } from '../../test/support/blockTree.ts'
import type { Hex } from '../domain/signal.ts'
import { createBlockTrail } from './blockTrail.ts'
import type { Block } from './heads.ts'

/** Longer than missed blocks are given the benefit of the doubt. */
const LONG_MS = 100_000

type Step =
  /** The chain grows; only the last of the new blocks is announced. */
  | { readonly kind: 'grow'; readonly blocks: number; readonly sends: boolean; readonly announced: boolean }
  | { readonly kind: 'reorg'; readonly depth: number; readonly sends: boolean }
  /** An endpoint that lags behind is asked for the head. */
  | { readonly kind: 'goBack'; readonly by: number }
  | { readonly kind: 'sign' }
  | { readonly kind: 'relink' | 'learn'; readonly answers: 'well' | 'late' | 'not' }
  | { readonly kind: 'confirm'; readonly below: number }
  | { readonly kind: 'pass'; readonly ms: number }

const answers = fc.constantFrom('well' as const, 'late' as const, 'not' as const)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('grow' as const),
      blocks: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 400 })),
      sends: fc.boolean(),
      announced: fc.boolean(),
    }),
  },
  fc.record({
    kind: fc.constant('reorg' as const),
    depth: fc.integer({ min: 1, max: 5 }),
    sends: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('goBack' as const), by: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('sign' as const) }),
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('relink' as const, 'learn' as const), answers }),
  },
  fc.record({ kind: fc.constant('confirm' as const), below: fc.integer({ min: 0, max: 300 }) }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1_000, max: 90_000 }) }),
)

/**
 * A chain with forks, gaps and answers of other forks; whatever the trail says is held against the chain of
 * the newest head it saw.
 */
async function run(steps: readonly Step[]): Promise<void> {
  const tree = createBlockTree()
  let nowMs = 1
  let tip = tree.grow(tree.grow(tree.genesis))
  let seen = tip
  /** Tips that have been, some of other forks. */
  const tips: Block[] = [tip]
  let answering: Block | null = tip
  const trail = createBlockTrail({ rpc: tree.node(() => answering), now: () => nowMs })
  /** Signed and not in a block yet; and all that was ever signed, with the newest head then. */
  let waiting: Hex[] = []
  const signed: { readonly hash: Hex; readonly since: number }[] = []
  const marks: { readonly height: number; readonly hash: Hex; readonly mark: number }[] = []
  const see = (block: Block, announced = false) => {
    seen = block
    // As a subscription tells of it, or as it is answered.
    trail.see(announced ? { ...block, transactions: null } : block)
  }
  see(tip)

  async function take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'grow':
        for (let index = 0; index < step.blocks; index++) {
          tip = tree.grow(tip, step.sends && index === 0 ? waiting : [])
          if (step.sends) waiting = []
        }
        tips.push(tip)
        return see(tip, step.announced)
      case 'reorg': {
        const fork = tree.ancestor(tip, Math.max(0, tip.number - step.depth)) ?? tree.genesis
        const length = tip.number - fork.number + 1
        tip = fork
        // What was in replaced blocks may be in any of the new ones.
        for (let index = 0; index < length; index++)
          tip = tree.grow(tip, step.sends && index === 0 ? signed.map(({ hash }) => hash) : [])
        if (step.sends) waiting = []
        tips.push(tip)
        return see(tip)
      }
      case 'goBack':
        return see(tree.ancestor(seen, Math.max(0, seen.number - step.by)) ?? seen)
      case 'sign': {
        const hash: Hex = `0x${signed.length.toString(16).padStart(64, '0')}`
        signed.push({ hash, since: seen.number })
        waiting.push(hash)
        return
      }
      case 'relink':
      case 'learn': {
        const late = tips[Math.floor(tips.length / 2)] ?? tip
        answering = step.answers === 'well' ? seen : step.answers === 'late' ? late : null
        if (step.kind === 'relink') return await trail.relink(0)
        return await trail.learn([...signed, ...signed].map(({ since }) => since))
      }
      case 'confirm': {
        const block = tree.ancestor(seen, seen.number - step.below)
        if (block === null) return
        trail.confirm(block.number, block.hash)
        marks.push({ height: block.number, hash: block.hash, mark: trail.mark() })
        return
      }
      case 'pass':
        nowMs += step.ms
        return
      default:
        step satisfies never
    }
  }

  function check(): void {
    const { number } = seen
    for (const height of [number + 1, number, number - 1, number - 2, number - 5, number - 250, 1, 0]) {
      const known = trail.hashAt(height)
      if (known !== null) expect(known).toBe(tree.ancestor(seen, height)?.hash)
    }
    const onChain = new Map<Hex, Hex>()
    for (let block: Block | null = seen; block !== null; block = tree.ancestor(block, block.number - 1))
      for (const hash of block.transactions ?? []) onChain.set(hash, block.hash)
    for (const { hash, since } of signed) {
      const held = trail.held([hash], since)
      if (held !== null)
        expect(held.map(({ blockHash }) => blockHash)).toEqual([onChain.get(hash) ?? []].flat())
    }
    const before = nowMs
    nowMs += LONG_MS
    for (const { height, hash, mark } of marks) {
      const stands = tree.ancestor(seen, height)?.hash
      if (!trail.changedSince(height, mark)) expect(stands ?? hash).toBe(hash)
      const confirmed = trail.confirmedAt(height)
      if (confirmed !== null && stands !== undefined) expect(confirmed).toBe(stands)
    }
    nowMs = before
  }

  for (const one of steps) {
    await take(one)
    check()
  }
}

it('tells nothing that is not of the chain of the newest head, over reorgs, gaps and answers of other forks', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), run), {
    numRuns: 400,
  })
}, 120_000)
