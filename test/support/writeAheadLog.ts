/**
 * The frames of a SQLite write-ahead log (https://www.sqlite.org/fileformat2.html#the_write_ahead_log) up to
 * its last commit: what a reader would take in after a crash. A frame counts when its salts are those of the
 * header and the checksums hold from the header to it; frames behind the last commit frame belong to a
 * transaction that is not committed, or to an earlier use of the file.
 */
export function committedFrames(log: Buffer, known: LogPlace | null = null): LogPlace | null {
  if (log.length < HEADER_BYTES) return null
  const magic = log.readUInt32BE(0)
  if (magic !== LITTLE_ENDIAN && magic !== BIG_ENDIAN) return null
  const sum = magic === BIG_ENDIAN ? sumBigEndian : sumLittleEndian
  const salts = log.toString('hex', 16, 24)
  const pageBytes = log.readUInt32BE(8)
  let place = known
  if (place === null || place.salts !== salts || place.end > log.length) {
    const checksum = sum(log, 0, 24, [0, 0])
    if (!isChecksum(log, 24, checksum)) return null
    place = { salts, end: HEADER_BYTES, checksum }
  }
  let { checksum } = place
  for (let at = place.end; at + FRAME_HEADER_BYTES + pageBytes <= log.length; ) {
    if (log.toString('hex', at + 8, at + 16) !== salts) break
    const page = at + FRAME_HEADER_BYTES
    checksum = sum(log, page, page + pageBytes, sum(log, at, at + 8, checksum))
    if (!isChecksum(log, at + 16, checksum)) break
    const isCommit = log.readUInt32BE(at + 4) !== 0
    at = page + pageBytes
    if (isCommit) place = { salts, end: at, checksum }
  }
  return place
}

/** How far a log is committed; reading can go on from there while the salts are the same. */
export interface LogPlace {
  readonly salts: string
  /** Offset of the byte behind the last commit frame. */
  readonly end: number
  readonly checksum: Checksum
}

type Checksum = readonly [number, number]

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const LITTLE_ENDIAN = 0x377f0682
const BIG_ENDIAN = 0x377f0683

const isChecksum = (log: Buffer, at: number, [first, second]: Checksum): boolean =>
  log.readUInt32BE(at) === first && log.readUInt32BE(at + 4) === second

function sumLittleEndian(log: Buffer, from: number, to: number, [first, second]: Checksum): Checksum {
  let [a, b] = [first, second]
  for (let at = from; at < to; at += 8) {
    a = (a + log.readUInt32LE(at) + b) >>> 0
    b = (b + log.readUInt32LE(at + 4) + a) >>> 0
  }
  return [a, b]
}

function sumBigEndian(log: Buffer, from: number, to: number, [first, second]: Checksum): Checksum {
  let [a, b] = [first, second]
  for (let at = from; at < to; at += 8) {
    a = (a + log.readUInt32BE(at) + b) >>> 0
    b = (b + log.readUInt32BE(at + 4) + a) >>> 0
  }
  return [a, b]
}
