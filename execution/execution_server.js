import { startServer } from '../bin/launch.js'

process.exitCode = await startServer()
