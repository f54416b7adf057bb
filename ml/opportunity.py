"""Price gaps that pay for the loan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ml import abi
from ml.market import Loan, Snapshot
from ml.pool import Pool
from ml.rpc import Rpc
from ml.sizing import best_loan, ladder, owed
from ml.venues import V3Venue


@dataclass(frozen=True, slots=True)
class Opportunity:
    """Borrow dollars, buy at one pool, sell at another, pay back; amounts in base units of the dollar."""

    buy: Pool
    sell: Pool
    flash_source: int
    loan: int
    profit: int

    @property
    def profit_usd(self) -> Decimal:
        return Decimal(self.profit).scaleb(-self.buy.dollar.decimals)

    @property
    def loan_usd(self) -> Decimal:
        return Decimal(self.loan).scaleb(-self.buy.dollar.decimals)


def find_gaps(snapshot: Snapshot) -> list[Opportunity]:
    """Every ordered pair of pools between which a gap pays for the cheapest sufficient loan, best first.

    Exact between V2 pools; where a V3 pool takes part, an estimate to be checked with ``settle``.
    """
    found: list[Opportunity] = []
    for buy in snapshot.pools:
        for sell in snapshot.pools:
            if buy is sell or buy.dollar != sell.dollar or buy.other != sell.other:
                continue
            best = max(
                (_judge(buy, sell, loan) for loan in snapshot.loans.get(buy.dollar.address, ())),
                key=lambda each: each.profit,
                default=None,
            )
            if best is not None and best.profit > 0:
                found.append(best)
    return sorted(found, key=lambda each: each.profit_usd, reverse=True)


async def settle(rpc: Rpc, estimate: Opportunity, snapshot: Snapshot) -> Opportunity | None:
    """The opportunity with the size and profit that the chain itself quotes; None when nothing is gained.

    V2 pools are computed exactly; V3 pools are asked through QuoterV2, which also crosses ticks: sizes around the
    estimate first, then closer around the best of them. Raises RpcFailed.
    """
    if not any(isinstance(pool.venue, V3Venue) for pool in (estimate.buy, estimate.sell)):
        return estimate
    (lender,) = (
        loan for loan in snapshot.loans[estimate.buy.dollar.address] if loan.flash_source == estimate.flash_source
    )
    best = estimate
    quoted: list[Opportunity] = []
    for low, high in ((10, 190), (85, 115)):
        sizes = [size for size in ladder(best.loan, low, high, steps=9) if size <= lender.available]
        bought = await _quote(rpc, best.buy, sizes, buying=True)
        sold = await _quote(rpc, best.sell, bought, buying=False)
        quoted += [
            Opportunity(best.buy, best.sell, best.flash_source, size, received - owed(size, lender.premium_bps))
            for size, received in zip(sizes, sold, strict=True)
        ]
        if not quoted:
            return None
        best = max(quoted, key=lambda each: each.profit)
    return best if best.profit > 0 else None


def _judge(buy: Pool, sell: Pool, lender: Loan) -> Opportunity:
    loan = min(best_loan(buy, sell, lender.premium_bps), lender.available)
    profit = sell.sell(buy.buy(loan)) - owed(loan, lender.premium_bps)
    return Opportunity(buy, sell, lender.flash_source, loan, profit)


async def _quote(rpc: Rpc, pool: Pool, amounts: Sequence[int], *, buying: bool) -> list[int]:
    """What each amount brings at the pool; 0 where the quoter reverts."""
    if not isinstance(pool.venue, V3Venue):
        return [pool.buy(amount) if buying else pool.sell(amount) for amount in amounts]
    spent, got = (pool.dollar, pool.other) if buying else (pool.other, pool.dollar)
    quoter = pool.venue.quoter
    calls = [
        (quoter, abi.encode_call(abi.QUOTE_EXACT_INPUT, spent.address, got.address, amount, pool.fee, 0))
        for amount in amounts
    ]
    return [abi.word(result) or 0 for result in await rpc.read(calls)]
