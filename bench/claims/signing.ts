/** How long libsecp256k1 and ethers take for one signature. */
import { keccak256, SigningKey, toUtf8Bytes } from 'ethers'
import { signRecoverable } from 'tiny-secp256k1'

const SIGNATURES = 2_000
const key = keccak256(toUtf8Bytes('a key to measure with'))
const digests = Array.from({ length: SIGNATURES }, (_, index) => keccak256(toUtf8Bytes(`${index}`)))

function micros(sign: (digest: string) => unknown): number {
  for (const digest of digests.slice(0, 200)) sign(digest)
  const before = process.threadCpuUsage()
  for (const digest of digests) sign(digest)
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / SIGNATURES
}

const bytes = Buffer.from(key.slice(2), 'hex')
const ours = micros((digest) => signRecoverable(Buffer.from(digest.slice(2), 'hex'), bytes))
const signer = new SigningKey(key)
const theirs = micros((digest) => signer.sign(digest))
console.log(
  `a signature: libsecp256k1 (tiny-secp256k1) ${ours.toFixed(0)} µs, ethers ${theirs.toFixed(0)} µs (${(theirs / ours).toFixed(1)} times)`,
)
