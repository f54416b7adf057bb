import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { startTitan, type Titan } from '../support/startTitan.ts'

const { weth, usdc } = addressBook.tokens
const dataDir = mkdtempSync(join(tmpdir(), 'titan-restored-'))
const file = (name: string) => join(dataDir, 'paper', name)
let devnet: Devnet
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
})
afterAll(async () => {
  await devnet?.stop()
  rmSync(dataDir, { recursive: true })
})

/** One life of the server on the same data. */
async function live(work: (titan: Titan) => Promise<void>): Promise<void> {
  const titan = await startTitan({ dataDir, env: { RPC_ETHEREUM: devnet.chains[0]?.rpc ?? '' } })
  try {
    await work(titan)
  } finally {
    await titan.stop()
  }
}

async function trade(titan: Titan, signalId: string): Promise<void> {
  const { json } = await titan.post('/execute', {
    signal_id: signalId,
    chainId: 1,
    token: usdc.address,
    amount: '1000000000',
    flashSource: 1,
    protocols: [0, 1],
    routers: [addressBook.uniswapV2.router, addressBook.uniswapV3.router],
    path: [usdc.address, weth.address],
    extras: ['0x', '0x'],
  })
  expect(json).toMatchObject({ success: true })
}

const events = async (titan: Titan, query: string) => (await titan.get(`/events?${query}`)).json
const idsOf = (log: { events: { signal: { signal_id: string } }[] }) =>
  log.events.map(({ signal }) => signal.signal_id)

/** Puts a copy of a database, made while no server ran, back in its place. */
function putBack(name: string): void {
  for (const suffix of ['-wal', '-shm']) rmSync(file(name) + suffix, { force: true })
  copyFileSync(file(`${name}.old`), file(name))
}

it('tells a log that was put back from the one that a client has read (F19)', async () => {
  await live((titan) => trade(titan, 'first'))
  copyFileSync(file('events.sqlite'), file('events.sqlite.old'))
  let epoch = ''
  await live(async (titan) => {
    await trade(titan, 'second')
    await trade(titan, 'third')
    const log = await events(titan, 'from_seq=1')
    expect([log.gap, log.next_seq, idsOf(log)]).toEqual([false, 4, ['first', 'second', 'third']])
    epoch = log.epoch
  })
  putBack('events.sqlite')
  await live(async (titan) => {
    const waiting = await events(titan, `from_seq=4&epoch=${epoch}`)
    expect([waiting.gap, waiting.epoch === epoch, idsOf(waiting)]).toEqual([true, false, ['first']])
    expect(await events(titan, 'from_seq=4')).toMatchObject({ events: [], gap: true, next_seq: 2 })
    await trade(titan, 'fourth')
    const next = await events(titan, `from_seq=${waiting.next_seq}&epoch=${waiting.epoch}`)
    expect([next.gap, idsOf(next)]).toEqual([false, ['fourth']])
  })
})

it.each(['made anew', 'put back'])(
  'loses no event of a chain whose journal alone was %s (1.21)',
  async (how) => {
    const name = 'chain-1.sqlite'
    const id = how.replace(' ', '-')
    copyFileSync(file(name), file(`${name}.old`))
    await live((titan) => trade(titan, `before-${id}`))
    if (how === 'put back') putBack(name)
    else for (const suffix of ['', '-wal', '-shm']) rmSync(file(name) + suffix, { force: true })
    await live(async (titan) => {
      await trade(titan, `after-${id}`)
      expect(idsOf(await events(titan, 'from_seq=1')).slice(-2)).toEqual([`before-${id}`, `after-${id}`])
      expect((await titan.get(`/trades/after-${id}`)).status).toBe(200)
    })
  },
)
