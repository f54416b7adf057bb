import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A port that nothing listens on.
 *
 * @param options.port 0 for any, else the port to check
 * @throws a sentence when the given port cannot be had
 */
export async function findFreePort(options: { host: string; port: number }): Promise<number> {
  const server = createServer()
  try {
    server.listen({ host: options.host, port: options.port, exclusive: true })
    await once(server, 'listening')
    return (server.address() as { port: number }).port
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const reason = code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${code ?? String(cause)})`
    throw new Error(`Port ${options.port} on ${options.host} ${reason}.`)
  } finally {
    server.close()
  }
}
