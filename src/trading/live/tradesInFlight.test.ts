import { describe, expect, it } from 'vitest'
import { liveTrade } from '../../../test/support/liveContext.ts'
import { sharesPool } from '../../route/sharesPool.ts'
import { createTradesInFlight } from './tradesInFlight.ts'

const trades = () => createTradesInFlight({ sharesPool })
const add = (into: ReturnType<typeof trades>, signalId: string) =>
  into.add({ signal: liveTrade(signalId), signalId, calldata: `0x${signalId}` })
const ids = (of: ReturnType<typeof trades>) => of.behind(liveTrade('aa')).map(({ signalId }) => signalId)

describe('a new trade', () => {
  it('comes behind those on its pools that are signed, in their order, and not behind itself', () => {
    const inFlight = trades()
    for (const signalId of ['bb', 'aa', 'cc']) add(inFlight, signalId)
    expect(ids(inFlight)).toEqual(['bb', 'cc'])
    const elsewhere = liveTrade('dd', { hops: [] })
    expect(inFlight.behind(elsewhere)).toEqual([])
  })

  it('comes behind none that has no effect any more, and again behind one that a reorg brought back', () => {
    const inFlight = trades()
    for (const signalId of ['bb', 'cc']) add(inFlight, signalId)
    inFlight.remove('bb')
    expect(ids(inFlight)).toEqual(['cc'])
    inFlight.included('cc', 77)
    expect(ids(inFlight)).toEqual([])
    add(inFlight, 'cc')
    expect(ids(inFlight)).toEqual(['cc'])
  })

  it('is simulated on no block before that of one on its pools, which the newest state shows', () => {
    const inFlight = trades()
    for (const signalId of ['bb', 'cc']) add(inFlight, signalId)
    inFlight.included('cc', 78)
    inFlight.included('bb', 77)
    expect(inFlight.since(liveTrade('aa'))).toBe(78)
    inFlight.onHead(200)
    expect(inFlight.since(liveTrade('aa'))).toBe(0)
  })
})

describe('a turn', () => {
  it('comes in the order of asking to those that may meet in a pool, and at once to any other', async () => {
    const inFlight = trades()
    const begun: string[] = []
    const ask = (signalId: string, over = {}) =>
      inFlight.turn(liveTrade(signalId, over)).then((end) => {
        begun.push(signalId)
        return end
      })
    const turns = [ask('aa'), ask('bb'), ask('cc')]
    await ask('dd', { hops: [] })
    expect(begun).toEqual(['aa', 'dd'])
    expect(inFlight.isTaken(liveTrade('ee'))).toBe(true)
    for (const turn of turns) (await turn)()
    expect(begun).toEqual(['aa', 'dd', 'bb', 'cc'])
    expect(inFlight.isTaken(liveTrade('ee'))).toBe(false)
  })
})
