import { nearestName } from './nearestName.ts'

/** Names that begin so are ours: one that is no setting is a mistake, not somebody else's variable. */
const ownPrefixes = [
  'RPC_',
  'EXECUTION_',
  'EXECUTOR_',
  'BALANCER_VAULT_',
  'AAVE_PROVIDER_',
  'WRAPPED_NATIVE_',
  'MAX_FEE_',
  'MAX_TX_COST_',
  'MAX_GAS_SPEND_',
  'MAX_REPAIR_',
  'MIN_PROFIT_',
  'RELAY_',
  'SEND_ONLY_',
  'HEAD_AGE_',
]

/**
 * Points out the names of an environment that are no settings: as a problem when the name can only be meant
 * for this server, as a warning when it merely resembles a setting, not at all otherwise.
 */
export function unknownSettings({ names, known }: { names: readonly string[]; known: readonly string[] }): {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
} {
  const problems: string[] = []
  const warnings: string[] = []
  for (const name of names) {
    if (known.includes(name)) continue
    const prefix = ownPrefixes.find((candidate) => name.toUpperCase().startsWith(candidate))
    const siblings = prefix === undefined ? known : known.filter((candidate) => candidate.startsWith(prefix))
    const meant = nearestName({ name, known: siblings }) ?? nearestName({ name, known })
    if (prefix !== undefined)
      problems.push(
        meant === null
          ? `${name} is not a setting; those that begin with ${prefix} are ${siblings.join(', ')}.`
          : `${name} is not a setting; did you mean ${meant}?`,
      )
    else if (meant !== null && name.length >= 6)
      warnings.push(`${name} is not a setting of this server and is ignored; did you mean ${meant}?`)
  }
  return { problems, warnings }
}
