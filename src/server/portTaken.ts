import { once } from 'node:events'
import { createServer } from 'node:net'
import { bindAddresses, inHeader } from '../config/hosts.ts'
import { StartError } from '../errors/startError.ts'
import { describePortHolder } from './portHolder.ts'

/** Why the port cannot be had, naming what holds it. */
export async function portTaken(address: string, port: number): Promise<StartError> {
  const reachable = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address
  const holder = await describePortHolder({ host: inHeader(reachable), port })
  return new StartError([
    `EXECUTION_PORT ${port} on ${address} is not free: ${holder}. Stop it, or set EXECUTION_PORT to another port.`,
  ])
}

/**
 * Takes the port for a moment on every address the server will listen on, so that a start that cannot succeed
 * ends before it has begun anything. Throws `StartError` when it is taken or the address cannot be used; port
 * 0 is always free.
 */
export async function assertPortFree({ host, port }: { host: string; port: number }): Promise<void> {
  for (const address of bindAddresses(host)) {
    const server = createServer()
    try {
      server.listen({ host: address, port, exclusive: true })
      await once(server, 'listening')
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      if (code === 'EADDRINUSE') throw await portTaken(address, port)
      throw new StartError([`EXECUTION_PORT ${port} on ${address} cannot be used: ${code}.`])
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  }
}
