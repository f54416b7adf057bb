import { LIMITS } from '../config/limits.ts'

/** The server's name wherever it says what it is. */
export const PRODUCT = 'Titan Execution Layer'

/**
 * The answer to a JSON-RPC call on `/`: 8545 is the usual port of an Ethereum node, so wallets and scripts
 * knock here by mistake. Sent with HTTP 200, because many JSON-RPC clients do not read the body of anything
 * else.
 */
export function answerJsonRpc(json: unknown): string {
  const many = Array.isArray(json) && json.length > 0 && json.length <= LIMITS.batchSignalsMax
  return JSON.stringify(many ? json.map(answerCall) : answerCall(json))
}

function answerCall(call: unknown) {
  const id = typeof call === 'object' && call !== null && 'id' in call ? call.id : null
  return {
    jsonrpc: '2.0',
    id: typeof id === 'string' || typeof id === 'number' ? id : null,
    error: {
      code: -32601,
      message: `This is the ${PRODUCT}, not an Ethereum node: send trade signals to POST /execute, and JSON-RPC calls to your node.`,
    },
  }
}
