const PROBE_TIMEOUT_MS = 1_500
const ANSWER_CHARS_MAX = 100_000

/**
 * Says in words what answers on a port that could not be taken, e.g. `anvil/v1.7.1 answers there`. Never
 * throws.
 */
export async function describePortHolder({ host, port }: { host: string; port: number }): Promise<string> {
  try {
    const response = await fetch(`http://${host}:${port}/`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'web3_clientVersion', params: [] }),
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    })
    return describeAnswer((await response.text()).slice(0, ANSWER_CHARS_MAX))
  } catch {
    return 'another program holds it'
  }
}

function describeAnswer(text: string): string {
  // The name stands in our own JSON-RPC courtesy, and in nobody else's answer to web3_clientVersion.
  if (text.includes('Titan Execution Layer')) return 'another Titan answers there'
  const client = readClient(text)
  return client === null ? 'another HTTP server answers there' : `${client} answers there`
}

function readClient(text: string): string | null {
  try {
    const { result } = JSON.parse(text) as { result?: unknown }
    // A stranger's words, printed on a terminal: letters and a few signs only.
    return typeof result === 'string' ? result.replace(/[^\w./+ -]/g, '').slice(0, 60) || null : null
  } catch {
    return null
  }
}
