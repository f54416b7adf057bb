/**
 * `amount` base units as an exact decimal number for people: no trailing zeros, `1500000n` at 6 decimals is
 * `1.5`.
 */
export function decimal({ amount, decimals }: { amount: bigint; decimals: number }): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '')
  return `${amount < 0n ? '-' : ''}${whole}${fraction === '' ? '' : '.'}${fraction}`
}
