import type { ChainTask } from '../../src/dispatch/protocol.ts'
import run from '../../workers/chain.ts'

/**
 * The real chain thread, which ends when a signal's id tells it to: at once and without a word, as by a bug
 * in native code, or by an exception or a rejection that nobody handles, a moment after the task was
 * acknowledged. It may also be told to hang, or to keep everything in memory.
 */
export default async function runUntilCrash(task: ChainTask) {
  const outcome = await run(task)
  if (task.task !== 'signals') return outcome
  const told = (word: string) => task.signals.some(({ signal }) => signal.signalId.startsWith(word))
  if (told('crash-')) process.exit(1)
  if (told('hang-')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000)
  if (told('throw-'))
    setTimeout(() => {
      throw new Error('a bug at https://node.example/v2/s3cret')
    }, 20)
  if (told('leak-')) {
    const kept: string[][] = []
    setInterval(() => kept.push(Array.from({ length: 200_000 }, (_, index) => `${kept.length}-${index}`)), 1)
  }
  if (told('reject-')) setTimeout(() => void Promise.reject(new TypeError('nobody waits for this')), 20)
  return outcome
}
