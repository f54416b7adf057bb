"""One chain under watch."""

from __future__ import annotations

import aiohttp

from ml.market import Market, discover
from ml.opportunity import Opportunity, find_gaps, settle
from ml.pool import Pool
from ml.rpc import Rpc, RpcFailed
from ml.settings import Settings
from ml.venues import venues_of

_SETTLED_PER_ROUND = 3


class ChainWatcher:
    """Looks at one chain again and again; trouble is told once, when it begins and when it ends."""

    def __init__(self, session: aiohttp.ClientSession, chain_id: int, url: str, settings: Settings) -> None:
        self.chain_id = chain_id
        self._session = session
        self._url = url
        self._rpc = Rpc(session, url)
        self._min_profit = settings.min_profit
        self._market: Market | None = None
        self._trouble: str | None = None
        #: The pools of the last opportunity: the same gap, still open, is not another opportunity.
        self._taken: tuple[Pool, Pool] | None = None
        #: Whether the node did not answer the last look.
        self.lost = False

    async def look(self) -> Opportunity | None:
        """The best opportunity that is new since the last look, if any."""
        try:
            best = await self._best()
        except RpcFailed as cause:
            self.lost = True
            self._tell(f"the node does not answer ({cause})")
            return None
        self.lost = False
        if best is None or self._taken == (best.buy, best.sell):
            return None
        self._taken = (best.buy, best.sell)
        return best

    def forget(self) -> None:
        """The last opportunity was not taken after all."""
        self._taken = None

    def move(self, url: str) -> None:
        """The node is at ``url`` now. Another one is another world, of which nothing is known."""
        if url != self._url:
            self._url = url
            self._rpc = Rpc(self._session, url)
            self._market = self._taken = None

    async def _best(self) -> Opportunity | None:
        if self._market is None:
            if await self._rpc.chain_id() != self.chain_id:
                self._tell("the endpoint serves another chain")
                return None
            market = await discover(self._rpc, venues_of(self.chain_id))
            if not market.sites:
                self._tell("none of the known venues exists here; ml/venues.py takes others")
                return None
            self._market = market
            print(f"chain {self.chain_id}: watching {len(market.sites)} pools", flush=True)
        snapshot = await self._market.read()
        self._tell(None)
        # An estimate between V3 pools can mislead, so the few best are settled before one is chosen.
        candidates = [await settle(self._rpc, gap, snapshot) for gap in find_gaps(snapshot)[:_SETTLED_PER_ROUND]]
        worth = [each for each in candidates if each is not None and each.profit_usd >= self._min_profit]
        return max(worth, key=lambda each: each.profit_usd, default=None)

    def _tell(self, trouble: str | None) -> None:
        if trouble != self._trouble:
            print(f"chain {self.chain_id}: {trouble or 'well again'}", flush=True)
            self._trouble = trouble
