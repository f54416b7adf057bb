import type { SendErrorPatterns } from './sendErrors.ts'

/**
 * What sequencers say beyond their client's words. Sources: zksync-era
 * core/node/api_server/src/tx_sender/result.rs; Arbitrum Nitro and Metis as collected in chainlink-evm
 * pkg/client/errors.go; Linea's transaction validators; OP-stack nodes wrap the sequencer's words in "failed
 * to forward tx to sequencer …", which the other tables read through.
 */
export const ROLLUP_SEND_ERRORS: SendErrorPatterns = {
  replacement_underpriced: [/insertion of another transaction with the same nonce is in progress/i],
  // Classic Arbitrum nodes said this of a nonce on either side: in both cases the chain has to be asked.
  nonce_too_low: [/invalid transaction nonce/i],
  intrinsic_gas: [
    /not enough gas for transaction validation/i,
    /failed to pay the fee to the operator/i,
    /not enough gas to publish compressed bytecodes/i,
  ],
  insufficient_funds: [/not enough balance to cover the fee/i],
  underpriced: [
    /\bgas price too low/i,
    /\bfee too low: \d+/i,
    /unacceptable gas price|fair pubdata price too high/i,
  ],
  txpool_full: [/\bqueue full\b/i, /sequencer pending tx pool full/i, /dropped due to L2 congestion/i],
  invalid_transaction: [
    /too many factory dependencies/i,
    /can't start a transaction from a non-account/i,
    /invalid message format|forbidden sender address/i,
    /is not in the allow list/i,
    /transaction line count for module/i,
  ],
}
