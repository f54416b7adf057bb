import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encryptKeystoreJsonSync } from 'ethers'
import { afterEach, expect, test } from 'vitest'
import { devAccount, type LiveTitan, startLiveTitan } from '../support/liveTitan.ts'

let live: LiveTitan | null = null
const folder = mkdtempSync(join(tmpdir(), 'titan-keystore-'))
afterEach(async () => {
  await live?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('a keystore is opened once for all chains: its passphrase may come from a pipe', async () => {
  const { address, privateKey } = devAccount(1)
  const keystore = join(folder, 'keystore.json')
  const passphrase = join(folder, 'passphrase')
  const weak = { scrypt: { N: 2, r: 1, p: 1 } }
  writeFileSync(keystore, encryptKeystoreJsonSync({ address, privateKey }, 'correct horse', weak), {
    mode: 0o600,
  })
  // Who opens it a second time waits for ever.
  execFileSync('mkfifo', ['-m', '600', passphrase])
  const writer = spawn('/bin/sh', ['-c', 'printf "correct horse" > "$0"', passphrase])
  try {
    live = await startLiveTitan({
      chainIds: [56, 1],
      env: { PRIVATE_KEYS: '', KEYSTORE: keystore, KEYSTORE_PASSPHRASE_FILE: passphrase },
    })
  } finally {
    writer.kill()
  }
  expect((await live.submit({ signal_id: 'by-keystore' })).json).toMatchObject({
    success: true,
    status: 'included',
  })
}, 120_000)
