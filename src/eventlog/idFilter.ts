/** 16 MiB: with 10 million ids 3 in 1000 of the others are taken for known ones, with 30 million 140. */
const BITS = 2 ** 27
const HASHES = 5

/**
 * Which ids may have been seen: a Bloom filter in memory that threads share. It forgets nothing, so that "no"
 * is certain, and an id that is new (nearly all are) needs no look into the log.
 */
export interface IdFilter {
  add(id: string): void
  /** False only for an id that was never added. */
  mayHave(id: string): boolean
}

export const newIdFilterMemory = (): SharedArrayBuffer => new SharedArrayBuffer(BITS / 8)

export function createIdFilter(memory: SharedArrayBuffer): IdFilter {
  const words = new Int32Array(memory)

  /** Calls `visit` with the places of an id, by double hashing, until it returns false. */
  function everyPlace(id: string, visit: (word: number, bit: number) => boolean): boolean {
    let [a, b] = [0x811c9dc5, 0x9747b28c]
    for (let at = 0; at < id.length; at++) {
      const unit = id.charCodeAt(at)
      a = Math.imul(a ^ unit, 0x01000193)
      b = Math.imul(b ^ unit, 0x5bd1e995)
      b ^= b >>> 15
    }
    // The steps must be odd, or some would meet.
    const step = mixed(b) | 1
    let place = mixed(a)
    for (let hash = 0; hash < HASHES; hash++) {
      const at = place & (BITS - 1)
      if (!visit(at >>> 5, 1 << (at & 31))) return false
      place = (place + step) | 0
    }
    return true
  }

  return {
    add(id) {
      everyPlace(id, (word, bit) => {
        Atomics.or(words, word, bit)
        return true
      })
    },
    mayHave: (id) => everyPlace(id, (word, bit) => ((words[word] ?? 0) & bit) !== 0),
  }
}

/** The end of MurmurHash3: each bit of the input reaches each of the output. */
function mixed(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}
