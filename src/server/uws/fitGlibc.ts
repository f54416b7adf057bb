const SHT_DYNSYM = 11
const SHT_GNU_VERNEED = 0x6fff_fffe
const SYMBOL_BYTES = 24

/**
 * GNU C's names, since version 2.38, for the functions that read numbers as C23 does; what follows is the
 * plain name.
 */
const C23_PREFIX = '__isoc23_'

/**
 * The version that the oldest symbols have: x86-64 began with 2.2.5 (and also knows 2.17), aarch64 with 2.17.
 */
const BASE_VERSIONS = ['GLIBC_2.2.5', 'GLIBC_2.17']

/**
 * A copy of a 64-bit little-endian ELF library that asks glibc for nothing newer than version 2.36: its C23
 * number readers (`__isoc23_strtol` and the like) become the plain functions, which differ only in not
 * reading binary literals (`0b101`), and the version they came with becomes the base version. Names are
 * shortened in place, by pointing behind the prefix.
 *
 * @throws when the bytes are no such library
 */
export function fitGlibc(binary: Buffer): Buffer {
  if (binary.length < 64 || binary.readUInt32BE(0) !== 0x7f454c46 || binary[4] !== 2 || binary[5] !== 1)
    throw new Error('The file is not a 64-bit little-endian ELF library.')
  const fitted = Buffer.from(binary)
  const sections = readSections(fitted)
  const symbols = sections.find(({ type }) => type === SHT_DYNSYM)
  const versions = sections.find(({ type }) => type === SHT_GNU_VERNEED)
  const strings = symbols && sections[symbols.link]
  if (!symbols || !versions || !strings)
    throw new Error('The file has no dynamic symbols or no version needs.')

  const text = (offset: number): string => {
    const start = strings.offset + offset
    return fitted.toString('latin1', start, fitted.indexOf(0, start))
  }
  for (let at = symbols.offset; at < symbols.offset + symbols.size; at += SYMBOL_BYTES) {
    const name = fitted.readUInt32LE(at)
    if (text(name).startsWith(C23_PREFIX)) fitted.writeUInt32LE(name + C23_PREFIX.length, at)
  }
  const needs = readNeeds({ fitted, at: versions.offset, text })
  const base = BASE_VERSIONS.flatMap((version) => needs.filter(({ name }) => name === version))[0]
  if (!base) throw new Error('The file does not need the base version of glibc.')
  for (const { at, name } of needs) {
    if (name !== 'GLIBC_2.38') continue
    fitted.writeUInt32LE(fitted.readUInt32LE(base.at), at) // hash of the version's name
    fitted.writeUInt32LE(fitted.readUInt32LE(base.at + 8), at + 8) // the name itself
  }
  return fitted
}

interface Section {
  readonly type: number
  readonly offset: number
  readonly size: number
  readonly link: number
}

function readSections(file: Buffer): Section[] {
  const table = Number(file.readBigUInt64LE(0x28))
  const entryBytes = file.readUInt16LE(0x3a)
  return Array.from({ length: file.readUInt16LE(0x3c) }, (_, index) => {
    const at = table + index * entryBytes
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
    }
  })
}

/** The versions needed of libc: Verneed records, each with a chain of Vernaux records. */
function readNeeds({ fitted, at, text }: { fitted: Buffer; at: number; text: (offset: number) => string }): {
  readonly at: number
  readonly name: string
}[] {
  const needs: { at: number; name: string }[] = []
  for (let need = at, next = 1; next !== 0; need += next) {
    next = fitted.readUInt32LE(need + 12)
    if (text(fitted.readUInt32LE(need + 4)) !== 'libc.so.6') continue
    let version = need + fitted.readUInt32LE(need + 8)
    for (let left = fitted.readUInt16LE(need + 2); left > 0; left--) {
      needs.push({ at: version, name: text(fitted.readUInt32LE(version + 8)) })
      version += fitted.readUInt32LE(version + 12)
    }
  }
  return needs
}
