import { payingRoutes } from './routes.ts'

/** A signal in the form of `POST /execute`. */
export interface WireSignal {
  readonly signal_id: string
  readonly chainId: number
  readonly token: string
  readonly amount: string
  readonly flashSource: number
  readonly protocols: readonly number[]
  readonly routers: readonly string[]
  readonly path: readonly string[]
  readonly extras: readonly string[]
  readonly expected_profit: number
}

/** Sources of one run can make this many signals before an amount comes again on the same route. */
const AMOUNTS = 1 << 24
/** Odd, so that multiplying by it runs through all amounts without repeating one. */
const STRIDE = 0x9e3779b1

/**
 * Makes signals that all differ: each has an id and an amount of its own, and they take turns among the
 * paying routes and both flash sources, so that no answer can be had from an earlier one.
 *
 * @param options.run part of every id; must differ from run to run when the server keeps its journal
 */
export function createTradeSource({ run }: { run: string }): { next(): WireSignal } {
  let made = 0
  return {
    next() {
      const index = made++
      const route = payingRoutes[index % payingRoutes.length]
      if (route === undefined) throw new Error('there are no paying routes')
      const step = BigInt(Math.imul(index, STRIDE) & (AMOUNTS - 1))
      const amount = route.amountMin + (step * (route.amountMax - route.amountMin)) / BigInt(AMOUNTS)
      return {
        signal_id: `${run}-${index}`,
        chainId: 1,
        token: route.token,
        amount: amount.toString(),
        flashSource: 1 + (Math.floor(index / payingRoutes.length) % 2),
        protocols: route.protocols,
        routers: route.routers,
        path: route.path,
        extras: route.extras,
        expected_profit: 1,
      }
    },
  }
}
