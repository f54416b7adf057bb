import type { Address } from '../domain/signal.ts'

// Readable addresses nobody has a key for: the ASCII of their names.

/** Where the executor's code stands in simulations when none is deployed: "titan-paper-executor". */
export const PAPER_EXECUTOR: Address = '0x746974616e2d70617065722d6578656375746f72'
/** Who owns and calls it there: "titan-paper-caller" and two zero bytes less one. */
export const PAPER_CALLER: Address = '0x746974616e2d70617065722d63616c6c65720001'
