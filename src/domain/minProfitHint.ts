/** What to do about a trade that runs but earns less than its `min_profit`. */
export const MIN_PROFIT_HINT = 'Lower min_profit, or wait for a better price.'
