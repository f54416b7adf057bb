import { afterAll, beforeAll, expect } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type Broadcast, type BroadcastOutcome, createBroadcast } from '../../src/broadcast/broadcast.ts'
import { createNodeEndpoint } from '../../src/broadcast/sendTransport.ts'
import { openTransport } from '../../src/nodes/openTransport.ts'
import { classifySendError, type SendErrorClass } from '../../src/nodes/sendErrors.ts'
import { type FaultProxy, startFaultProxy } from '../support/faultProxy.ts'
import { refuse } from '../support/faults.ts'
import { sendErrorCorpus } from '../support/sendErrorCorpus.ts'
import { newAccount, type SignedTransfer, signedTransfer } from '../support/signedTransfer.ts'
import { faultCase } from './faultRow.ts'

/** What a class of refusals must be taken for, when the only endpoint words it so. */
const MEANINGS: readonly {
  row: number
  failure: string
  classes: readonly SendErrorClass[]
  status: BroadcastOutcome['status']
  why: string
}[] = [
  {
    row: 1,
    failure: '`nonce too low` on a first send',
    classes: ['nonce_too_low'],
    status: 'contested',
    why: 'the chain is asked which transaction has the nonce',
  },
  {
    row: 3,
    failure: '`already known`',
    classes: ['already_known'],
    status: 'accepted',
    why: 'success for this hash',
  },
  {
    row: 4,
    failure: '`replacement transaction underpriced`',
    classes: ['replacement_underpriced'],
    status: 'contested',
    why: 'never a success',
  },
  {
    row: 6,
    failure: 'blob and normal transactions of one account exclude each other',
    classes: ['already_reserved'],
    status: 'refused',
    why: 'not taken',
  },
  {
    row: 7,
    failure: 'below the minimum, or below the base fee',
    classes: ['underpriced'],
    status: 'refused',
    why: 'not taken',
  },
  {
    row: 9,
    failure: '`exceeds the configured cap` at one endpoint of several',
    classes: ['fee_cap_exceeded'],
    status: 'refused',
    why: 'not taken there',
  },
  {
    row: 10,
    failure: '`insufficient funds`',
    classes: ['insufficient_funds'],
    status: 'refused',
    why: 'not taken, INSUFFICIENT_FUNDS',
  },
  {
    row: 11,
    failure: 'a permanent refusal after a nonce was taken',
    classes: ['intrinsic_gas', 'gas_limit', 'invalid_transaction'],
    status: 'refused',
    why: 'not taken',
  },
  {
    row: 12,
    failure: '`nonce too high`',
    classes: ['nonce_too_high'],
    status: 'unknown',
    why: 'the same bytes again',
  },
  {
    row: 30,
    failure: 'an account with delegated code (EIP-7702)',
    classes: ['delegated_limit'],
    status: 'refused',
    why: 'not taken, now',
  },
  {
    row: 32,
    failure: 'a provider outage looks like failing transactions',
    classes: ['rate_limited'],
    status: 'unknown',
    why: 'a balancer may have passed it on',
  },
]

let devnet: Devnet
let proxy: FaultProxy
let broadcast: Broadcast
let sent: SignedTransfer

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  const node = devnet.chains[0]?.rpc ?? ''
  proxy = await startFaultProxy({ node })
  const opened = openTransport({ url: proxy.url, connectionsMax: 4, responseBytesMax: 100_000 })
  const endpoint = createNodeEndpoint({ ...opened, timeoutMs: 20_000, classify: classifySendError })
  broadcast = createBroadcast({ endpoints: [endpoint] })
  sent = await signedTransfer({ account: await newAccount(node), chainId: 1, nonce: 0 })
})
afterAll(async () => {
  await broadcast?.close()
  await proxy?.stop()
  await devnet?.stop()
})

/** One after the other, since the wording is the proxy's for whoever asks next. */
let turn: Promise<unknown> = Promise.resolve()
function outcomeOf(error: { code: number; message: string }): Promise<BroadcastOutcome> {
  const outcome = turn.then(() => {
    proxy.inject(refuse(error), { times: 1 })
    return broadcast.send({ raw: sent.raw, hash: sent.hash })
  })
  turn = outcome
  return outcome
}

for (const { row, failure, classes, status, why } of MEANINGS) {
  const wordings = sendErrorCorpus().filter(({ expected }) => classes.includes(expected))
  faultCase(
    {
      row,
      failure,
      injected: `the refusal in every wording of the corpus (${wordings.length} lines of test/support/sendErrors.tsv)`,
      expected: `every one is read as ${status}: ${why}`,
      against: 'broadcast/broadcast.ts',
    },
    async () => {
      expect(wordings.length).toBeGreaterThan(0)
      for (const { code, message } of wordings) {
        const outcome = await outcomeOf({ code, message })
        expect(outcome.status, message).toBe(status)
        if (row === 10) expect(outcome).toMatchObject({ failure: { code: 'INSUFFICIENT_FUNDS' } })
      }
      return `${wordings.length} of ${wordings.length} ${status}.`
    },
  )
}
