/**
 * Runs Biome's binary for this machine with the given arguments. The package `@biomejs/biome` itself cannot
 * be depended on: it names binaries of platforms that not every registry serves, and then `npm ci` finds its
 * lock file incomplete.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'

const binary = createRequire(import.meta.url).resolve(
  `@biomejs/cli-${process.platform}-${process.arch}/biome`,
)
process.exitCode = spawnSync(binary, process.argv.slice(2), { stdio: 'inherit' }).status ?? 1
