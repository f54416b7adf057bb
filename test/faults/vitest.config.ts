import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/faults/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Cases mostly wait for blocks, each in a world of its own.
    maxWorkers: 2,
    maxConcurrency: 4,
    reporters: ['default', './test/faults/matrixReporter.ts'],
  },
})
