"""One pool as a constant product."""

from __future__ import annotations

from dataclasses import dataclass

from ml.venues import Token, V2Venue, V3Venue

MILLION = 1_000_000
_Q96 = 1 << 96


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of ``dollar`` and ``other`` and its reserves, both in base units.

    For a V2 pool the figures are exact. For a V3 pool they are the virtual reserves of the current tick: exact as
    long as a swap stays within it, too hopeful or too shy beyond.
    """

    venue: V2Venue | V3Venue
    dollar: Token
    other: Token
    dollar_reserve: int
    other_reserve: int
    #: Millionths of the input.
    fee: int

    @property
    def name(self) -> str:
        return f"{self.venue.name} {self.fee / 10_000:g}%" if isinstance(self.venue, V3Venue) else self.venue.name

    def buy(self, dollars: int) -> int:
        """What ``dollars`` buy of the other token, base units."""
        return _swap(dollars, self.dollar_reserve, self.other_reserve, self.fee)

    def sell(self, others: int) -> int:
        """What ``others`` bring in dollars, base units."""
        return _swap(others, self.other_reserve, self.dollar_reserve, self.fee)


def virtual_reserves(sqrt_price_x96: int, liquidity: int) -> tuple[int, int]:
    """Reserves of token0 and token1 that a V3 pool's current tick trades like (Uniswap v3 whitepaper, 6.2)."""
    return liquidity * _Q96 // sqrt_price_x96, liquidity * sqrt_price_x96 // _Q96


def _swap(amount: int, reserve_in: int, reserve_out: int, fee: int) -> int:
    # UniswapV2Library.getAmountOut; a fee of 3,000 millionths is its 997/1000.
    after_fee = amount * (MILLION - fee)
    return after_fee * reserve_out // (reserve_in * MILLION + after_fee)
