import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Address, bytesToHex } from 'viem'
import { devnetMarker } from '../devnetMarker.ts'
import { devnetFolder, packageAndVersion } from './artifact.ts'
import type { Deployer } from './deployer.ts'

export interface CommonContracts {
  readonly multicall3: Address
  readonly permit2: Address
}

/** Multicall3 and Permit2, which stand at the same address on every chain, and the mark that tells a devnet. */
export async function deployCommonContracts(deployer: Deployer): Promise<CommonContracts> {
  const constants = 'viem/_esm/constants/contracts.js'
  const { multicall3Bytecode } = await import(join(devnetFolder, 'node_modules', constants))
  const multicall3 = await deployer.deploy({
    name: 'Multicall3',
    artifact: {
      from: `${packageAndVersion('viem')} _esm/constants/contracts.js (multicall3Bytecode)`,
      abi: [],
      bytecode: multicall3Bytecode,
      linkReferences: {},
    },
    at: '0xcA11bde05977b3631167028862bE2a173976CA11',
  })
  const permit2At = '0x000000000022D473030F116dDEE9F6B43aC78BA3'
  const file = `bin/${permit2At}.bytecode`
  const permit2 = await deployer.deploy({
    name: 'Permit2',
    artifact: {
      from: `${packageAndVersion('hardhat-predeploy')} ${file}`,
      abi: [],
      bytecode: bytesToHex(readFileSync(join(devnetFolder, 'node_modules', 'hardhat-predeploy', file))),
      linkReferences: {},
    },
    at: permit2At,
  })
  await deployer.place({
    name: 'Devnet marker',
    address: devnetMarker.address,
    code: devnetMarker.code,
    from: 'devnet/devnetMarker.ts',
  })
  return { multicall3, permit2 }
}
