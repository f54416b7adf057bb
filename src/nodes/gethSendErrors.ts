import type { SendErrorPatterns } from './sendErrors.ts'

/**
 * go-ethereum and what descends from it: bor, BNB's geth, op-geth, Nitro's geth, coreth, Celo's, Mantle's and
 * Fantom's nodes, and Erigon, which keeps geth's words. Sources: go-ethereum core/error.go,
 * core/txpool/{errors,validation}.go, core/txpool/legacypool/legacypool.go, internal/ethapi/api.go; erigon
 * txnprovider/txpool/txpoolcfg/txpoolcfg.go.
 */
export const GETH_SEND_ERRORS: SendErrorPatterns = {
  already_known: [
    // "block already known" is about a block, "unknown transaction" and "known transaction type" say nothing
    // of ours.
    /(?<!block )\balready known\b/i,
    /(?<!\bnot an? )\bknown transaction\b(?! type)/i,
    /existing txn with same hash/i,
  ],
  replacement_underpriced: [
    /replacement transaction underpriced/i,
    /could not replace existing tx/i,
    /replaced by transaction with higher tip/i,
    /there is another tx which has the same nonce/i,
  ],
  delegated_limit: [/in-?flight transaction limit reached/i, /gapped-nonce tx from delegated accounts/i],
  already_reserved: [/(address|authority) already reserved/i, /can't replace blob-txn/i],
  nonce_too_low: [/(?<!authority )\bnonce (is )?too low/i, /^(INTERNAL_ERROR: )?mined$/i],
  nonce_too_high: [/\bnonce (is )?too high/i],
  fee_cap_exceeded: [/tx fee \(.*\) exceeds the configured cap/i],
  gas_limit: [
    /exceeds block gas limit/i,
    /\bgas limit reached/i,
    /\bgas limit (is )?too high/i,
    /exceeds max(imum)? transaction gas limit/i,
  ],
  intrinsic_gas: [/intrinsic gas too low/i, /\bIntrinsicGas\b/, /insufficient gas for floor data gas cost/i],
  insufficient_funds: [
    /insufficient funds/i,
    /insufficient balance for transfer/i,
    /transaction would cause overdraft/i,
  ],
  underpriced: [
    /transaction underpriced/i,
    /transaction gas price below minimum/i,
    /max fee per gas less than block base fee/i,
    /gas ?price is less than gas price minimum/i,
    /^(INTERNAL_ERROR: )?(underpriced|fee too low)$/i,
  ],
  txpool_full: [
    /txpool is full/i,
    /sub-pool is full/i,
    /account limit exceeded/i,
    // A transaction that leaves a gap may not push an executable one out of a full pool.
    /future transaction tries to replace pending/i,
    /^(INTERNAL_ERROR: )?spammer$/i,
  ],
  invalid_transaction: [
    /invalid sender/i,
    /negative value/i,
    /oversized data/i,
    /gas uint64 overflow|GasUintOverflow/,
    /max initcode size exceeded|initcode too large/i,
    /transaction type not supported|transaction type is not activated/i,
    /\brlp: |RLPTooLong/,
    /invalid chain ?id/i,
    /only replay-protected \(EIP-155\) transactions/i,
    /invalid transaction v, r, s values/i,
    /fee per gas higher than/i,
    /sender (is )?not an eoa/i,
    /nonce has max value/i,
    /authority nonce too low/i,
    /typed transaction too short/i,
  ],
  method_unavailable: [/the method \S+ (does not exist|is not available)/i],
}
