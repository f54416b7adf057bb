const QUOTE = 0x22
const BACKSLASH = 0x5c
const isOpening = (byte: number) => byte === 0x7b || byte === 0x5b
const isClosing = (byte: number) => byte === 0x7d || byte === 0x5d

/**
 * Cuts a byte stream into JSON objects and arrays by counting brackets: IPC has no framing, and not every
 * node ends an answer with a newline. `push` returns false once a text grows beyond `bytesMax`; the stream
 * cannot be used after that.
 */
export function createJsonSplitter({
  bytesMax,
  onText,
}: {
  bytesMax: number
  onText: (text: string) => void
}): { push(chunk: Buffer): boolean } {
  let parts: Buffer[] = []
  let bytes = 0
  let depth = 0
  let inString = false
  let escaped = false

  function push(chunk: Buffer): boolean {
    let start = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (inString) {
        if (escaped) escaped = false
        else if (byte === BACKSLASH) escaped = true
        else if (byte === QUOTE) inString = false
        continue
      }
      if (byte === QUOTE) inString = true
      else if (isOpening(byte)) {
        if (depth === 0) start = at
        depth++
      } else if (isClosing(byte) && depth > 0) {
        depth--
        if (depth > 0) continue
        if (bytes + at + 1 - start > bytesMax) return false
        parts.push(chunk.subarray(start, at + 1))
        const text = Buffer.concat(parts).toString()
        parts = []
        bytes = 0
        onText(text)
      }
    }
    if (depth > 0) {
      parts.push(chunk.subarray(start))
      bytes += chunk.length - start
    }
    return bytes <= bytesMax
  }

  return { push }
}
