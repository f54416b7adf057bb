"""How much to borrow."""

from __future__ import annotations

from math import isqrt

from ml.pool import MILLION, Pool

BPS = 10_000


def best_loan(buy: Pool, sell: Pool, premium_bps: int) -> int:
    """The loan (base units of the dollar) that gains most by buying at one pool and selling at the other; 0 without a gap.

    Two constant products in a row give f(x) = N x / (D + E x) for a loan of x, and what must be paid back is x (1 + p):
    the difference is greatest where N D / (D + E x)^2 = 1 + p.
    """
    keep_buy, keep_sell = MILLION - buy.fee, MILLION - sell.fee
    n = keep_buy * keep_sell * buy.other_reserve * sell.dollar_reserve
    d = MILLION * MILLION * buy.dollar_reserve * sell.other_reserve
    e = keep_buy * (MILLION * sell.other_reserve + keep_sell * buy.other_reserve)
    if e == 0 or n * BPS <= d * (BPS + premium_bps):
        return 0
    return max(0, (isqrt(n * d * BPS // (BPS + premium_bps)) - d) // e)


def owed(loan: int, premium_bps: int) -> int:
    """Loan and premium, base units, rounded up, so that a profit is never overstated."""
    return loan + -(-loan * premium_bps // BPS)


def ladder(centre: int, low: int, high: int, steps: int) -> list[int]:
    """Loans to try around ``centre``: from ``low``/100 to ``high``/100 of it, evenly, without repeats and zeros."""
    span = high - low
    sizes = (centre * (low * (steps - 1) + span * step) // (100 * (steps - 1)) for step in range(steps))
    return sorted({size for size in sizes if size > 0})
