/** What decides which binary can run. */
export interface Runtime {
  readonly platform: string
  readonly arch: string
  /** Node's module version, e.g. `137` for Node 24. */
  readonly abi: string
  /** Version of the running glibc, e.g. `2.36`; null where the C library is another one. */
  readonly glibc: string | null
}

/** SHA-256 of a binary of the package and of its fitted copy. */
export interface Digests {
  readonly source: string
  readonly fitted: string
}

export type Choice =
  | { readonly kind: 'package' }
  | { readonly kind: 'fitted'; readonly file: string; readonly digests: Digests }
  | { readonly kind: 'none'; readonly sentence: string }

/** What the package's Linux binaries ask for, and what they still ask for once fitted (`arc4random`). */
const GLIBC_WANTED = '2.38'
const GLIBC_FITTED = '2.36'

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64']
const ABIS = ['115', '127', '137', '141']

/** The Linux binaries of uWebSockets.js 20.57.0. */
export const DIGESTS: Readonly<Record<string, Digests>> = {
  'uws_linux_x64_115.node': {
    source: '5b126ee00bf754b02e97e4c27090365a8562c5820c93f93918ac2212d4503e91',
    fitted: '0fdb9722352c4e0f519b42ad8b0c2bd4544b2c27484c1d49ddf143bfd1637cbb',
  },
  'uws_linux_x64_127.node': {
    source: '4b55b1f2cb7a7913febbb65a89496412b96af77e838552980092ba6b33723aac',
    fitted: '4ea0943df7d3202b3ada5eb01c40c37c63bb192fd9c7b1abae5082c5cc1f2803',
  },
  'uws_linux_x64_137.node': {
    source: '98128405dba2fb608448e921a979530f70c946a2cc9889c15f2fa70c2d00ab05',
    fitted: '8d5817f3a52803cb69a0e3d54f6487b533fda603aa63dab8ea09f9762d992e0b',
  },
  'uws_linux_x64_141.node': {
    source: '813d788b347c6fd76b779d8932311ec05a044e612b4b83af220f16e6ea789683',
    fitted: '395fee5c7a644ad0964cc26651b5dd12833c147123c69dbe938fe17eb13a2760',
  },
  'uws_linux_arm64_115.node': {
    source: '6bdbc8ff976b4371af1906175e9025804bacc38a414969f4f02314e6b99f206c',
    fitted: '68016401b908e59200b227ade8fe6b36bc9f8e30892e54cefd590a960612d7a6',
  },
  'uws_linux_arm64_127.node': {
    source: '82b79bd18d1e3563de336156005bd01b7f39fc387b65173d69a29da4ee79f895',
    fitted: 'b28ee349e8a15aa5fd30988fc3935eb1b8898e44f27f2ae903ad9e959567c1e6',
  },
  'uws_linux_arm64_137.node': {
    source: '88618b30ddf6b2b62310db89f40a701616676352aac5e0f6184dd8ef876199ce',
    fitted: '84c03ca18de632e52cce378f073f8b008c0817c957d2e475284ce08f75c88a77',
  },
  'uws_linux_arm64_141.node': {
    source: '81d0186dd1549ed6a7f47e68e323573fc27d69d2920527654ce2dd993af2b0ec',
    fitted: 'de517c5f4cd31f4431fc07e2eb212924b0cd02e770679a36ed063b6b47c1c017',
  },
}

/** Decides whether the package's own binary runs here, a fitted copy of it does, or none, and why. */
export function chooseBinary({ platform, arch, abi, glibc }: Runtime): Choice {
  const none = (sentence: string): Choice => ({
    kind: 'none',
    sentence: `uWebSockets.js cannot run here: ${sentence}`,
  })
  if (!PLATFORMS.includes(`${platform}-${arch}`))
    return none(`it has no binary for ${platform}-${arch}, only for ${PLATFORMS.join(', ')}.`)
  if (!ABIS.includes(abi)) return none(`it has no binary for this version of Node; use Node 24.`)
  if (platform !== 'linux') return { kind: 'package' }
  if (glibc === null)
    return none(
      'it needs the GNU C library, which Alpine and other musl systems lack; use a Debian or Ubuntu image.',
    )
  if (compareVersions(glibc, GLIBC_WANTED) >= 0) return { kind: 'package' }
  if (compareVersions(glibc, GLIBC_FITTED) < 0)
    return none(
      `it needs glibc ${GLIBC_FITTED} or newer (Debian 12, Ubuntu 24.04), and this system has ${glibc}.`,
    )
  const file = `uws_${platform}_${arch}_${abi}.node`
  const digests = DIGESTS[file]
  if (digests === undefined) throw new Error(`There are no digests for ${file}.`)
  return { kind: 'fitted', file, digests }
}

function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number)
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number)
  return aMajor - bMajor || aMinor - bMinor
}
