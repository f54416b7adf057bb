import { expect, test } from 'vitest'
import { chooseBinary, DIGESTS } from './chooseBinary.ts'

const linux = { platform: 'linux', arch: 'x64', abi: '137' }

test.each(['2.38', '2.41', '3.0'])('glibc %s runs the binary of the package', (glibc) => {
  expect(chooseBinary({ ...linux, glibc })).toEqual({ kind: 'package' })
})

test.each(['2.36', '2.37'])('glibc %s needs a fitted copy', (glibc) => {
  const file = 'uws_linux_x64_137.node'
  expect(chooseBinary({ ...linux, glibc })).toEqual({ kind: 'fitted', file, digests: DIGESTS[file] })
})

test.each(['x64', 'arm64'])('there are digests for every Linux binary on %s', (arch) => {
  for (const abi of ['115', '127', '137', '141'])
    expect(chooseBinary({ platform: 'linux', arch, abi, glibc: '2.36' }).kind).toBe('fitted')
})

test.each([
  [{ ...linux, glibc: '2.35' }, /needs glibc 2\.36 or newer .* this system has 2\.35\.$/],
  [{ ...linux, glibc: '2.9' }, /needs glibc 2\.36 or newer/],
  [{ ...linux, glibc: null }, /musl/],
  [{ ...linux, arch: 'riscv64', glibc: '2.40' }, /no binary for linux-riscv64/],
  [{ ...linux, platform: 'freebsd', glibc: null }, /no binary for freebsd-x64/],
  [{ ...linux, abi: '108', glibc: '2.40' }, /no binary for this version of Node/],
])('%o cannot run it and is told why', (runtime, sentence) => {
  expect(chooseBinary(runtime)).toEqual({ kind: 'none', sentence: expect.stringMatching(sentence) })
})

test.each([
  ['darwin', 'arm64'],
  ['win32', 'x64'],
])('%s on %s runs the binary of the package', (platform, arch) => {
  expect(chooseBinary({ platform, arch, abi: '137', glibc: null })).toEqual({ kind: 'package' })
})
