/**
 * Bundles the composition roots for production: a bundled chain thread starts in half the time of one
 * that loads node_modules, and in less memory.
 */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

await build({
  absWorkingDir: root,
  entryPoints: {
    main: 'src/main.ts',
    'workers/chain': 'workers/chain.ts',
    'workers/eventLog': 'workers/eventLog.ts',
  },
  outdir: 'dist',
  bundle: true,
  // What is imported dynamically becomes a file of its own: the code of LIVE is not even read in PAPER.
  splitting: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  sourcemap: 'linked',
  // uWebSockets.js is a native addon; Piscina and pino start their own worker files from their packages;
  // tiny-secp256k1 reads its WebAssembly beside itself; the rest is only heavy when split.
  external: ['uWebSockets.js', 'piscina', 'pino', 'pino-pretty', 'prom-client', 'tiny-secp256k1'],
  // Bundled CommonJS packages call require for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
})
