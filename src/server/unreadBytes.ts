/** Bytes that clients have not taken yet, all together. */
export interface UnreadBytes {
  /** @param giveUp ends this client at once, and with it what it has not taken (`remove`) */
  add(giveUp: () => void): {
    set(bytes: number): void
    remove(): void
  }
  sum(): number
}

interface Client {
  bytes: number
  readonly giveUp: () => void
}

/**
 * Keeps the sum below `bytesMax`, whatever the number of clients: when it is passed, those who have the most
 * unread are given up first.
 */
export function createUnreadBytes({ bytesMax }: { bytesMax: number }): UnreadBytes {
  const clients = new Set<Client>()
  let sum = 0

  function set(client: Client, bytes: number): void {
    if (!clients.has(client)) return
    sum += bytes - client.bytes
    client.bytes = bytes
  }

  function remove(client: Client): void {
    set(client, 0)
    clients.delete(client)
  }

  function giveUpMost(): void {
    const [first, ...others] = clients
    if (first === undefined) return
    const most = others.reduce((one, other) => (other.bytes > one.bytes ? other : one), first)
    remove(most)
    most.giveUp()
  }

  return {
    add(giveUp) {
      const client: Client = { bytes: 0, giveUp }
      clients.add(client)
      return {
        set(bytes) {
          set(client, bytes)
          while (sum > bytesMax) giveUpMost()
        },
        remove: () => remove(client),
      }
    },
    sum: () => sum,
  }
}
