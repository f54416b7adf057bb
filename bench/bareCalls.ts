import { encodeFunctionData, type Hex } from 'viem'
import { encodeExecute, readContract } from './benchExecutor.ts'
import { isPlausible } from './checkAnswer.ts'
import type { WireSignal } from './tradeSource.ts'

/**
 * Text that occurs once in a call and is replaced by the amount, so that calls of one route are encoded once.
 */
const amountMark = 0xb0a710ad_b0a710ad_b0a710ad_b0a710adn

/**
 * JSON-RPC batches that simulate each signal with one `eth_call`, as bare as can be: the lens stands at the
 * owner's address by code override, calls the executor and reports gas, outcome and balances.
 */
export async function createBareCalls({ executor, owner }: { executor: Hex; owner: Hex }) {
  const lens = await readContract('SimulationLens')
  const { abi } = await readContract('OmniArbExecutor')
  const overrides = JSON.stringify({ [owner]: { code: lens.deployedBytecode } })
  const templates = new Map<string, readonly [string, string]>()

  function templateOf(signal: WireSignal): readonly [string, string] {
    const key = `${signal.flashSource} ${signal.token} ${signal.routers}`
    const known = templates.get(key)
    if (known !== undefined) return known
    const trade = encodeExecute({ abi, signal: { ...signal, amount: amountMark.toString() } })
    const data = encodeFunctionData({
      abi: lens.abi,
      functionName: 'simulate',
      args: [executor, trade, signal.token, 0, signal.path.slice(0, -1)],
    })
    const [before, after] = data.split(word(amountMark)) as [string, string]
    const template = [before, `${after}"},"latest",${overrides}]}`] as const
    templates.set(key, template)
    return template
  }

  return {
    encode(signals: readonly WireSignal[]): string {
      const calls = signals.map((signal, id) => {
        const [before, after] = templateOf(signal)
        const head = `{"jsonrpc":"2.0","id":${id},"method":"eth_call","params":[{"from":"${owner}","to":"${owner}","data":"`
        return `${head}${before}${word(BigInt(signal.amount))}${after}`
      })
      return `[${calls.join(',')}]`
    },
    read({ signals, text }: { signals: readonly WireSignal[]; text: string }) {
      const replies = JSON.parse(text) as readonly { id: number; result?: Hex; error?: unknown }[]
      const byId = new Map(replies.map((reply) => [reply.id, reply]))
      return signals.map((signal, id) => {
        const reply = byId.get(id)
        const refuse = (why: string) =>
          ({ ok: false, reason: `${why}: ${JSON.stringify(reply)?.slice(0, 500)}` }) as const
        if (reply?.result === undefined) return refuse('the node gave no result')
        // The lens answers ok, gasUsed, l1Fee, blockNumber, timestamp, balanceBefore, balanceAfter, ...
        const profit = wordAt(reply.result, 6) - wordAt(reply.result, 5)
        if (wordAt(reply.result, 0) !== 1n || !isPlausible({ profit, amount: BigInt(signal.amount) }))
          return refuse('no plausible profit')
        return { ok: true, profit: profit.toString() } as const
      })
    },
  }
}

const word = (value: bigint) => value.toString(16).padStart(64, '0')
const wordAt = (data: Hex, index: number) => BigInt(`0x${data.slice(2 + index * 64, 66 + index * 64)}`)
