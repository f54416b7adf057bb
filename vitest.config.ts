import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{src,workers,contracts,devnet,bench,scripts,execution,bin,test}/**/*.test.ts'],
    // `devnet/build` is tested by the devnet package itself, with the protocol packages only it installs.
    // Suites of their own: `npm run test:clients` needs another client, `npm run test:faults` takes as long as all else.
    exclude: ['**/node_modules/**', 'devnet/build/**', 'test/clients/**', 'test/faults/**'],
    // Real chains, sockets and threads on a small machine: generous, and still an end to a hanging test.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
})
