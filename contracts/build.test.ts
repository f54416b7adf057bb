import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { buildArtifacts, contractNames } from './build.ts'
import { readArtifact } from './test/readArtifact.ts'

describe('the committed artifacts', { timeout: 120_000 }, () => {
  it('are, byte for byte, what the sources compile to', () => {
    const built = buildArtifacts()
    for (const [name, text] of built) {
      expect(readFileSync(new URL(`./artifacts/${name}.json`, import.meta.url), 'utf8'), name).toBe(text)
    }
    expect(readdirSync(new URL('./artifacts/', import.meta.url)).sort()).toEqual(
      contractNames.map((name) => `${name}.json`),
    )
  })

  it('keep the storage layout that overrides rely on', () => {
    const slots = readArtifact('OmniArbExecutor').storageLayout.map(({ label, slot, offset, type }) => [
      label,
      slot,
      offset,
      type,
    ])
    expect(slots).toEqual([
      ['_owner', '0', 0, 't_address'],
      ['_phase', '0', 20, 't_uint8'],
      ['balancerVault', '1', 0, 't_address'],
      ['aavePool', '2', 0, 't_address'],
      ['isLane', '3', 0, 't_mapping(t_address,t_bool)'],
      ['consumed', '4', 0, 't_mapping(t_bytes32,t_bool)'],
      ['_pendingOwner', '5', 0, 't_address'],
      ['treasury', '6', 0, 't_address'],
    ])
  })

  it('keep the interface of execute', () => {
    expect(readArtifact('OmniArbExecutor').methodIdentifiers).toMatchObject({
      'execute(uint8,address,uint256,bytes)': 'd47b33fb',
      'executeOperation(address,uint256,uint256,address,bytes)': '1b11d0ff',
    })
    expect(readArtifact('OmniArbExecutor').abi).toContainEqual(
      expect.objectContaining({
        type: 'constructor',
        inputs: [expect.objectContaining({ type: 'address' })],
      }),
    )
  })

  it('hold no instruction that is younger than Paris', () => {
    for (const name of contractNames) {
      const { bytecode, deployedBytecode } = readArtifact(name)
      expect(
        instructionsOf(deployedBytecode).filter((opcode) =>
          [0x49, 0x4a, 0x5c, 0x5d, 0x5e, 0x5f].includes(opcode),
        ),
      ).toEqual([])
      expect(bytecode.endsWith(deployedBytecode.slice(2))).toBe(true)
    }
  })
})

/** Opcodes in order; what PUSH1 to PUSH32 carry is skipped. */
function instructionsOf(code: `0x${string}`): number[] {
  const bytes = Buffer.from(code.slice(2), 'hex')
  const opcodes: number[] = []
  for (let at = 0; at < bytes.length; at++) {
    const opcode = bytes[at] as number
    opcodes.push(opcode)
    if (opcode >= 0x60 && opcode <= 0x7f) at += opcode - 0x5f
  }
  return opcodes
}
