import { expect, it } from 'vitest'
import { CHAINS } from '../config/chains.ts'
import { missingChain } from './missingChain.ts'

it('names the setting of a known chain and lists the known ones for any other', () => {
  expect(missingChain(CHAINS, 137)).toMatchObject({
    code: 'UNKNOWN_CHAIN',
    sentence: 'Chain 137 not configured: Polygon has no RPC endpoint.',
    hint: 'Set RPC_POLYGON in .env and restart.',
  })
  expect(missingChain(CHAINS, 138).sentence).toMatch(
    /^Chain 138 not configured: the chains are 1, 10, 56, .*534352\.$/,
  )
})
