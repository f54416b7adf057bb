"""What a chain has to offer: pools and lenders, discovered once, read every round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml import abi
from ml.pool import Pool, virtual_reserves
from ml.rpc import Rpc
from ml.venues import Token, V2Venue, V3Venue, Venues

BALANCER, AAVE = 1, 2


@dataclass(frozen=True, slots=True)
class PoolSite:
    """Where one pool stands."""

    venue: V2Venue | V3Venue
    dollar: Token
    other: Token
    fee: int
    address: str


@dataclass(frozen=True, slots=True)
class Lender:
    """A flash lender of one token."""

    flash_source: int
    #: Address that holds the tokens which can be borrowed.
    holder: str
    premium_bps: int


@dataclass(frozen=True, slots=True)
class Loan:
    """What can be borrowed of a token now, base units."""

    flash_source: int
    available: int
    premium_bps: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    pools: tuple[Pool, ...]
    #: By address of the dollar token; cheapest first.
    loans: dict[str, tuple[Loan, ...]]


class Market:
    """The pools and lenders of one chain."""

    def __init__(self, rpc: Rpc, sites: Sequence[PoolSite], lenders: dict[str, list[Lender]]) -> None:
        self.rpc = rpc
        self.sites = tuple(sites)
        self._lenders = lenders

    async def read(self) -> Snapshot:
        """Reserves and borrowable amounts as of the latest block. Raises RpcFailed."""
        calls: list[tuple[str, str]] = []
        for site in self.sites:
            if isinstance(site.venue, V2Venue):
                calls.append((site.address, abi.GET_RESERVES))
            else:
                calls += [(site.address, abi.SLOT0), (site.address, abi.LIQUIDITY)]
        lenders = [(token, lender) for token, found in self._lenders.items() for lender in found]
        calls += [(token, abi.encode_call(abi.BALANCE_OF, lender.holder)) for token, lender in lenders]

        results = iter(await self.rpc.read(calls))
        pools: list[Pool] = []
        for site in self.sites:
            if isinstance(site.venue, V2Venue):
                answer = next(results)
                reserves = abi.word(answer), abi.word(answer, 1)
            else:
                price, liquidity = abi.word(next(results)), abi.word(next(results))
                reserves = virtual_reserves(price, liquidity) if price and liquidity else (None, None)
            if reserves[0] and reserves[1]:
                pools.append(_to_pool(site, reserves[0], reserves[1]))
        loans: dict[str, tuple[Loan, ...]] = {}
        for token, lender in lenders:
            loan = Loan(lender.flash_source, abi.word(next(results)) or 0, lender.premium_bps)
            loans[token] = tuple(sorted((*loans.get(token, ()), loan), key=lambda each: each.premium_bps))
        return Snapshot(tuple(pools), loans)


async def discover(rpc: Rpc, venues: Venues) -> Market:
    """Finds which of ``venues``' pools and lenders exist on the chain. Raises RpcFailed."""
    wanted: list[tuple[V2Venue | V3Venue, Token, Token, int]] = []
    calls: list[tuple[str, str]] = []
    for dollar in venues.dollars:
        for other in venues.others:
            for v2 in venues.v2:
                wanted.append((v2, dollar, other, v2.fee))
                calls.append((v2.factory, abi.encode_call(abi.GET_PAIR, dollar.address, other.address)))
            for v3 in venues.v3:
                for fee in v3.fees:
                    wanted.append((v3, dollar, other, fee))
                    calls.append((v3.factory, abi.encode_call(abi.GET_POOL, dollar.address, other.address, fee)))
    sites: list[PoolSite] = []
    for (venue, dollar, other, fee), result in zip(wanted, await rpc.read(calls), strict=True):
        pool = abi.address(result)
        if pool is not None:
            sites.append(PoolSite(venue, dollar, other, fee, pool))

    lenders = {token.address: [Lender(BALANCER, venues.balancer_vault, premium_bps=0)] for token in venues.dollars}
    (provided,) = await rpc.read([(venues.aave_provider, abi.AAVE_POOL)])
    aave = abi.address(provided)
    if aave is not None:
        reserves = [(aave, abi.encode_call(abi.AAVE_RESERVE, token.address)) for token in venues.dollars]
        premium, *answers = await rpc.read([(aave, abi.AAVE_PREMIUM), *reserves])
        for token, answer in zip(venues.dollars, answers, strict=True):
            holder = abi.address(answer, 8)  # DataTypes.ReserveData.aTokenAddress of Aave V3
            premium_bps = abi.word(premium)
            if holder is not None and premium_bps is not None:
                lenders[token.address].append(Lender(AAVE, holder, premium_bps))
    return Market(rpc, sites, lenders)


def _to_pool(site: PoolSite, reserve0: int, reserve1: int) -> Pool:
    dollar_is_0 = int(site.dollar.address, 16) < int(site.other.address, 16)
    dollars, others = (reserve0, reserve1) if dollar_is_0 else (reserve1, reserve0)
    return Pool(site.venue, site.dollar, site.other, dollars, others, site.fee)
