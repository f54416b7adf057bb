"""Watches pools on each chain and submits what pays to the execution server: ``python3 ml/brain.py``."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp

from execution.execution_client import Answer, ExecutionManager, OutcomeUnknown, TitanError
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
    """Rounds of looking at every chain and submitting each chain's best opportunity, until something says stop."""

    def __init__(self, manager: ExecutionManager, watchers: list[ChainWatcher], settings: Settings) -> None:
        self._manager = manager
        self._watchers = watchers
        self._settings = settings
        self._stop = asyncio.Event()
        self.submitted = 0
        self.succeeded = 0

    def stop(self) -> None:
        """Ends after the round under way."""
        self._stop.set()

    async def run(self) -> None:
        """Raises TitanError when the server is lost for good."""
        started = time.monotonic()
        rounds = 0
        while not self._stop.is_set():
            await asyncio.gather(*(self._round(watcher) for watcher in self._watchers))
            rounds += 1
            if self._settings.rounds_max is not None and rounds >= self._settings.rounds_max:
                return
            pause = self._settings.interval
            if self._settings.seconds_max is not None:
                pause = min(pause, started + self._settings.seconds_max - time.monotonic())
            if pause <= 0:
                return
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    async def _round(self, watcher: ChainWatcher) -> None:
        found = await watcher.look()
        if found is None or self._stop.is_set():
            return
        self.submitted += 1
        if self._settings.trades_max is not None and self.submitted >= self._settings.trades_max:
            self.stop()
        try:
            result = await self._submit(watcher.chain_id, found)
        except OutcomeUnknown as cause:
            record = await self._manager.resolve(cause.signal_id)
            result = record or {"success": False, "error": "the server has nothing of the signal"}
        self.succeeded += result["success"] is True
        print(_line(watcher.chain_id, found, result), flush=True)

    async def _submit(self, chain_id: int, found: Opportunity) -> Answer:
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


def _line(chain_id: int, found: Opportunity, result: Answer) -> str:
    symbol = found.buy.dollar.symbol
    trade = (
        f"chain {chain_id}: {found.loan_usd:,.2f} {symbol}, {found.buy.name} -> {found.sell.name}, "
        f"expected {found.profit_usd:,.4f}"
    )
    if result["success"] is None:
        return f"{trade}: on its way, {result['status']}"
    if not result["success"]:
        return f"❌ {trade}: {result['error']}"
    simulation = result.get("simulation") or {}
    profit = simulation.get("profit")
    made = "" if profit is None else f", made {Decimal(profit).scaleb(-found.buy.dollar.decimals):,.4f} {symbol}"
    net = simulation.get("net_profit_usd")
    return f"✅ {trade}{made}" + ("" if net is None else f", net of gas ${net:,.4f}")


async def _endpoints(manager: ExecutionManager, settings: Settings) -> dict[int, str]:
    if settings.endpoints:
        return settings.endpoints
    health = await manager.get_health(verbose=True)
    chains = health.get("chain_status", [])
    return {int(chain["chainId"]): str(chain["devnetRpc"]) for chain in chains if chain.get("devnetRpc")}


async def main(settings: Settings) -> int:
    """Exit status: 0 when it ran until told to stop, 1 when the server cannot be used, 2 when there is nothing to watch."""
    try:
        async with ExecutionManager(settings.host, settings.port, settings.mode) as manager:
            endpoints = await _endpoints(manager, settings)
            if not endpoints:
                print(_NO_CHAIN, file=sys.stderr)
                return 2
            async with aiohttp.ClientSession() as session:
                watchers = [ChainWatcher(session, chain, url, settings) for chain, url in endpoints.items()]
                brain = Brain(manager, watchers, settings)
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
