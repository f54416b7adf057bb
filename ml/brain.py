"""Watches pools on each chain and submits what pays to the execution server: ``python3 ml/brain.py``."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp

from execution.execution_client import (
    ConnectionFailed,
    ExecutionManager,
    OutcomeUnknown,
    ServerBusy,
    TitanError,
    TradeAnswer,
    TradeRecord,
)
from ml.opportunity import Opportunity
from ml.pool import Pool
from ml.settings import Settings, read_settings
from ml.venues import V3Venue
from ml.watcher import ChainWatcher

_SIGNAL_LIFE_MS = 10_000
_NO_CHAIN = (
    "No chain to watch. Name one with --rpc 1=http://127.0.0.1:19000 (repeatable), or set RPC_ETHEREUM, RPC_POLYGON, ... "
    "in .env. Without either, the chains of the server's own devnet are watched, but this server has none."
)


class Brain:
    """Looks at every chain, each in rounds of its own, and submits its best opportunity, until something says stop.

    A server that goes away is waited for. ``endpoints`` tells the node of each chain where that can change: a
    server's own devnet comes back at other ports.
    """

    def __init__(
        self,
        manager: ExecutionManager,
        watchers: Sequence[ChainWatcher],
        settings: Settings,
        endpoints: Callable[[], Awaitable[Mapping[int, str]]] | None = None,
    ) -> None:
        self._manager = manager
        self._watchers = watchers
        self._settings = settings
        self._endpoints = endpoints
        self._stop = asyncio.Event()
        self._server_away = False
        self.submitted = 0
        self.succeeded = 0

    def stop(self) -> None:
        """Ends after the rounds under way."""
        self._stop.set()

    async def run(self) -> None:
        """Raises TitanError when the server is there but cannot be used, such as in another mode."""
        seconds = self._settings.seconds_max
        end = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self.stop)
        chains = [asyncio.create_task(self._watch(watcher)) for watcher in self._watchers]
        try:
            await asyncio.gather(*chains)
        finally:
            if end is not None:
                end.cancel()
            for chain in chains:
                chain.cancel()
            await asyncio.gather(*chains, return_exceptions=True)

    async def _watch(self, watcher: ChainWatcher) -> None:
        rounds = 0
        while not self._stop.is_set():
            await self._round(watcher)
            rounds += 1
            if self._settings.rounds_max is not None and rounds >= self._settings.rounds_max:
                return
            await self._stops_within(self._settings.interval)

    async def _round(self, watcher: ChainWatcher) -> None:
        found = await watcher.look()
        if watcher.lost:
            await self._locate(watcher)
        if found is None or self._stop.is_set():
            return
        trades_max = self._settings.trades_max
        if trades_max is not None and self.submitted >= trades_max:
            watcher.forget()  # the last one is under way elsewhere
            return
        self.submitted += 1
        result: TradeAnswer | TradeRecord | str
        try:
            result = await self._submit(watcher.chain_id, found)
        except OutcomeUnknown as cause:
            result = await self._outcome(cause)
        except ConnectionFailed as cause:
            # Nothing was handed over: the next look finds the gap again, if it is still there.
            self.submitted -= 1
            watcher.forget()
            self._tell_server(cause)
            return
        self._tell_server(None)
        self.succeeded += not isinstance(result, str) and result["success"] is True
        print(_line(watcher.chain_id, found, result), flush=True)
        if trades_max is not None and self.submitted >= trades_max:
            self.stop()

    async def _outcome(self, unknown: OutcomeUnknown) -> TradeRecord | str:
        """What became of a signal whose answer was lost, as soon as the server can tell; a sentence when it cannot."""
        while True:
            try:
                record = await self._manager.resolve(unknown.signal_id)
            except (ConnectionFailed, ServerBusy) as cause:
                self._tell_server(cause)
                if await self._stops_within(self._settings.interval):
                    return str(unknown)
            else:
                return record or "the server has nothing of the signal"

    async def _locate(self, watcher: ChainWatcher) -> None:
        if self._endpoints is None:
            return
        try:
            url = (await self._endpoints()).get(watcher.chain_id)
        except (ConnectionFailed, ServerBusy) as cause:
            self._tell_server(cause)
        else:
            self._tell_server(None)
            if url is not None:
                watcher.move(url)

    async def _stops_within(self, seconds: float) -> bool:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
        return self._stop.is_set()

    def _tell_server(self, trouble: TitanError | None) -> None:
        if (trouble is not None) != self._server_away:
            self._server_away = trouble is not None
            said = "well again" if trouble is None else f"away, waiting for it ({str(trouble).splitlines()[0]})"
            print(f"execution server: {said}", flush=True)

    async def _submit(self, chain_id: int, found: Opportunity) -> TradeAnswer:
        dollar, other = found.buy.dollar, found.buy.other
        return await self._manager.submit_trade(
            chain_id=chain_id,
            token=dollar.address,
            amount=found.loan,
            flash_source=found.flash_source,
            protocols=[_protocol(found.buy), _protocol(found.sell)],
            routers=[found.buy.venue.router, found.sell.venue.router],
            path=[other.address, dollar.address],
            extras=[_extra(found.buy), _extra(found.sell)],
            expected_profit=found.profit_usd,
            min_profit=int(self._settings.min_profit.scaleb(dollar.decimals)),
            valid_until=int(time.time() * 1000) + _SIGNAL_LIFE_MS,
        )


def _protocol(pool: Pool) -> int:
    return 1 if isinstance(pool.venue, V3Venue) else 0


def _extra(pool: Pool) -> bytes:
    """Venue data: abi.encode(uint24 fee) for V3, nothing for V2."""
    return pool.fee.to_bytes(32, "big") if isinstance(pool.venue, V3Venue) else b""


def _line(chain_id: int, found: Opportunity, result: TradeAnswer | TradeRecord | str) -> str:
    symbol = found.buy.dollar.symbol
    trade = (
        f"chain {chain_id}: {found.loan_usd:,.2f} {symbol}, {found.buy.name} -> {found.sell.name}, "
        f"expected {found.profit_usd:,.4f}"
    )
    if isinstance(result, str):
        return f"❌ {trade}: {result}"
    if result["success"] is None:
        return f"{trade}: on its way, {result['status']}"
    if not result["success"]:
        return f"❌ {trade}: {result['error']}"
    simulation = result.get("simulation")
    profit = simulation and simulation["profit"]
    made = "" if profit is None else f", made {Decimal(profit).scaleb(-found.buy.dollar.decimals):,.4f} {symbol}"
    net = simulation and simulation["net_profit_usd"]
    return f"✅ {trade}{made}" + ("" if net is None else f", net of gas ${net:,.4f}")


async def _devnet(manager: ExecutionManager) -> dict[int, str]:
    """The node of each chain of the server's own devnet; empty when it has none."""
    health = await manager.get_health(verbose=True)
    chains = health.get("chain_status", [])
    return {chain["chainId"]: chain["devnetRpc"] for chain in chains if chain["devnetRpc"] is not None}


async def main(settings: Settings) -> int:
    """Exit status: 0 when it ran until told to stop, 1 when the server cannot be used, 2 when there is nothing to watch."""
    try:
        async with ExecutionManager(settings.host, settings.port, settings.mode) as manager:
            endpoints = settings.endpoints or await _devnet(manager)
            if not endpoints:
                print(_NO_CHAIN, file=sys.stderr)
                return 2
            async with aiohttp.ClientSession() as session:
                watchers = [ChainWatcher(session, chain, url, settings) for chain, url in endpoints.items()]
                brain = Brain(manager, watchers, settings, None if settings.endpoints else partial(_devnet, manager))
                loop = asyncio.get_running_loop()
                for each in (signal.SIGINT, signal.SIGTERM):
                    loop.add_signal_handler(each, brain.stop)
                try:
                    await brain.run()
                finally:
                    print(f"{brain.submitted} trades submitted, {brain.succeeded} successful", flush=True)
    except TitanError as cause:
        print(cause, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(read_settings())))
