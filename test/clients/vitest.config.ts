import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/clients/*.test.ts'],
    // Each file runs a node and a server of its own, and mostly waits for blocks.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxWorkers: 3,
  },
})
