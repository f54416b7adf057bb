/**
 * A transport server in a process of its own, with the given CONNECTIONS_MAX; prints its port and ends with
 * its stdin.
 */
import { startTransportServer } from './transportServer.ts'

const server = await startTransportServer({
  config: { connectionsMax: Number(process.argv[2]) },
  idleTimeoutS: 240,
})
process.stdout.write(`${JSON.stringify({ port: server.port })}\n`)
process.stdin.resume().on('end', () => {
  void server.stop()
})
