import type { StageTiming } from '../src/dispatch/protocol.ts'
import type { ThreadChannel } from '../src/dispatch/threadChannel.ts'

/** The same work, its duration told to metrics. */
export const timed =
  <Request, Outcome>(
    channel: ThreadChannel,
    stage: StageTiming['stage'],
    work: (request: Request) => Promise<Outcome>,
  ) =>
  async (request: Request): Promise<Outcome> => {
    const startedMs = performance.now()
    const outcome = await work(request)
    channel.timing({ stage, seconds: (performance.now() - startedMs) / 1_000 })
    return outcome
  }
