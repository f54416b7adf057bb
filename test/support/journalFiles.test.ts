import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Transaction } from 'ethers'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callRpc } from '../../devnet/callRpc.ts'
import type { Hex } from '../../src/domain/signal.ts'
import { startFaultProxy } from './faultProxy.ts'
import { swallow } from './faults.ts'
import { openJournalFiles } from './journalFiles.ts'
import { signedTransfer } from './signedTransfer.ts'

const account = privateKeyToAccount(`0x${'7c'.repeat(32)}`)
let dataDir: string
let path: string
let db: DatabaseSync

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'titan-journal-'))
  mkdirSync(join(dataDir, 'live'))
  path = join(dataDir, 'live', 'chain-56.sqlite')
  db = new DatabaseSync(path)
  // As the server opens it; the smallest cache, so that a long transaction is in the log before its commit.
  db.exec('PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA cache_size=1')
  db.exec('CREATE TABLE attempts (hash TEXT PRIMARY KEY, raw TEXT NOT NULL) STRICT')
})
afterEach(() => {
  db.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const sign = async (nonce: number): Promise<Hex> =>
  (await signedTransfer({ account, chainId: 56, nonce })).raw
const write = (raw: Hex) =>
  db.prepare('INSERT INTO attempts VALUES (?, ?)').run(Transaction.from(raw).hash as string, raw)
const filler = () =>
  db.prepare('INSERT INTO attempts VALUES (?, ?)').run(`${Math.random()}`, 'x'.repeat(20_000))

describe('what the files of a journal hold', () => {
  it('is what is committed, not what is written', async () => {
    const files = openJournalFiles({ dataDir })
    const raw = await sign(3)
    expect(files.hold(raw)).toBe(false)
    db.exec('BEGIN')
    write(raw)
    for (let index = 0; index < 40; index++) filler()
    expect(readFileSync(`${path}-wal`).includes(raw.slice(2))).toBe(true)
    expect(files.hold(raw)).toBe(false)
    db.exec('COMMIT')
    expect(files.hold(raw)).toBe(true)
  })

  it('is not what was rolled back, also when other commits follow in its place', async () => {
    const files = openJournalFiles({ dataDir })
    const [lost, kept] = [await sign(4), await sign(5)]
    db.exec('BEGIN')
    for (let index = 0; index < 40; index++) filler()
    write(lost)
    expect(files.hold(lost)).toBe(false)
    db.exec('ROLLBACK')
    write(kept)
    expect([files.hold(lost), files.hold(kept)]).toEqual([false, true])
  })

  it('survives checkpoints and new logs', async () => {
    const files = openJournalFiles({ dataDir })
    const raws = await Promise.all(Array.from({ length: 8 }, (_, nonce) => sign(nonce)))
    for (const raw of raws) {
      write(raw)
      db.exec('PRAGMA wal_checkpoint(RESTART)')
      filler()
    }
    expect(raws.map((raw) => files.hold(raw))).toEqual(raws.map(() => true))
  })

  it('needs the signature too: the hash in somebody else’s record is no attempt', async () => {
    const raw = await sign(6)
    db.prepare('INSERT INTO attempts VALUES (?, ?)').run(Transaction.from(raw).hash as string, 'an event')
    expect(openJournalFiles({ dataDir }).hold(raw)).toBe(false)
  })

  it('ends at the first byte that is not as it was written', async () => {
    const raws = [await sign(7), await sign(8), await sign(9)]
    for (const raw of raws) write(raw)
    const torn = join(dataDir, 'torn')
    mkdirSync(join(torn, 'live'), { recursive: true })
    const copy = join(torn, 'live', 'chain-56.sqlite')
    copyFileSync(path, copy)
    const log = readFileSync(`${path}-wal`)
    const at = log.lastIndexOf((raws[2] as Hex).slice(2))
    log[at] = (log[at] as number) ^ 1
    writeFileSync(`${copy}-wal`, log)
    const files = openJournalFiles({ dataDir: torn })
    expect(raws.map((raw) => files.hold(raw))).toEqual([true, true, false])
    // SQLite itself takes in as much.
    const reader = new DatabaseSync(copy)
    const held = reader.prepare('SELECT count(*) AS held FROM attempts').get()
    reader.close()
    expect(held?.held).toBe(2)
  })
})

describe('a proxy that holds what it is sent against the journal', () => {
  it('finds bytes that left before their record, and none of those that came after it', async () => {
    // No node: the proxy answers in its place.
    const proxy = await startFaultProxy({
      node: 'http://127.0.0.1:9',
      journal: openJournalFiles({ dataDir }),
    })
    proxy.inject(swallow())
    const [early, late] = [await sign(10), await sign(11)]
    const send = (raw: Hex) =>
      callRpc({ rpc: proxy.url, method: 'eth_sendRawTransaction', params: [raw], timeoutMs: 5_000 })
    await send(early)
    write(early)
    write(late)
    await send(late)
    await send(early) // it is there by now, and yet it was not
    await proxy.stop()
    expect(proxy.unjournaled).toEqual([Transaction.from(early).hash])
  })
})
