/** Writes `.env.example` from the table of settings. */
import { writeFileSync } from 'node:fs'
import { envExample } from '../src/config/envExample.ts'

writeFileSync(new URL('../.env.example', import.meta.url), envExample())
