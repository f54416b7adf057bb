import type { SendErrorPatterns } from './sendErrors.ts'

/**
 * Clients with words of their own, where these differ from geth's. Sources: reth
 * crates/rpc/rpc-eth-types/src/error/mod.rs and crates/transaction-pool/src/error.rs; foundry
 * crates/anvil/src/eth/error.rs; hardhat provider/TxPool.ts and node.ts; nethermind
 * Nethermind.TxPool/AcceptTxResult.cs with TxPoolErrorMessages; besu RpcErrorType.java; OpenEthereum
 * rpc/src/v1/helpers/errors.rs and its heirs; ethers 6 for gateways that answer with its words.
 */
export const CLIENT_SEND_ERRORS: SendErrorPatterns = {
  already_known: [/\balready ?imported\b/i, /\balreadyknown\b/i, /tx already exists in cache/i],
  replacement_underpriced: [
    /There is another transaction with same nonce/i,
    /insufficient gas price to replace/i,
    /\bReplacementNotAllowed\b/,
    // Not the same bytes: a transaction with the same nonce that was signed by the node itself.
    /\bOwnNonceAlreadyUsed\b/,
    /replacement fee too low/i,
  ],
  delegated_limit: [
    /delegation nonce gap|NotCurrentNonceForDelegation/i,
    /delegation authority has pending transaction|DelegatorHasPendingTx/i,
  ],
  already_reserved: [
    /pending transaction type conflict|PendingTxsOfConflictingType/i,
    /conflicts with existing transaction for/i,
  ],
  nonce_too_low: [
    /\bOldNonce\b/,
    /Pool\(Stale\)/,
    /nonce has already been used/i,
    /transaction already finalized/i,
  ],
  nonce_too_high: [
    /\bNonceGap\b/,
    /nonce too far in (the )?future|NonceTooFarInFuture/i,
    /nonce is too distant from current sender nonce/i,
    /invalid transaction with a lower nonce exists/i,
  ],
  fee_cap_exceeded: [/transaction fee cap exceeded/i],
  gas_limit: [
    /transaction gas limit exceeds/i,
    /exceeds block('s)? gas limit/i,
    /gas limit is greater than the block gas limit/i,
    /intrinsic gas too high/i,
    /\bGasLimitExceeded\b/,
    /transaction cost exceeds current gas limit/i,
    /supplied gas is beyond limit/i,
  ],
  intrinsic_gas: [
    /intrinsic gas exceeds gas limit/i,
    /transaction gas is too low/i,
    /transaction requires at least \d+ gas/i,
    // Ganache: what a transaction costs at least, not the block's base fee.
    /base fee exceeds gas limit/i,
  ],
  insufficient_funds: [
    /upfront cost exceeds account balance/i,
    /\bInsufficientFunds\b/,
    /doesn't have enough funds to send tx/i,
    /insufficient balance for transaction/i,
    /not enough funds for gas/i,
    /transaction overdraws from account/i,
  ],
  underpriced: [
    /gas price below (configured minimum gas price|current base fee)/i,
    /\bFeeTooLow(ToCompete)?\b/,
    /priority fee below minimum/i,
    /does not satisfy your node's minimal gas price/i,
    /is below minimum gas price of/i,
    /\bis too low for the next block, which has a baseFeePerGas/i,
    /feeCap \d+ below chain minimum/i,
    /gas price less than block base fee/i,
  ],
  txpool_full: [
    /dropped due to limit/i,
    /discarded outright due to pool size/i,
    /being identified as a spammer/i,
  ],
  invalid_transaction: [
    /invalid (transaction )?signature/i,
    /invalid transaction (type|params)/i,
    /wrong chainId|chainId not supported|chainId is required/i,
    /max priority fee per gas exceeds max fee per gas/i,
    /`max_priority_fee_per_gas` greater than `max_fee_per_gas`/i,
    /\b(SenderIsContract|Int256Overflow|FailedToResolveSender|NotSupportedTxType|MaxTxSizeExceeded)\b/,
    /failed to recover sender|transaction cost overflow|transaction too large|unsupported transaction type/i,
    /(^|: )(Invalid(, transaction Hash is null)?|transaction invalid(, .*)?)$/i,
    /failed to decode (signed )?transaction/i,
    /empty transaction data|transaction data is empty/i,
    /incompatible EIP-155 transaction/i,
    /invalid RLP/i,
    /transaction is too big|input data too large/i,
    /transaction is not permitted|banned in local queue|not authorized to send transactions/i,
    /plugin has marked the transaction as invalid/i,
  ],
  method_unavailable: [/transaction pool not enabled/i, /\bnode is syncing\b|^Syncing$/i],
}
