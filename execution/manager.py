"""The interface that a trading program meets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any

from execution.answers import BatchAnswer, Health, SimulationAnswer, Statistics, TradeAnswer, TradeRecord
from execution.client import ExecutionClient
from execution.delivery import RetryPolicy
from execution.encoding import Amount, Extra, Integer, Usd
from execution.environment import instead, setting
from execution.errors import ModeMismatch, NotConnected, SettingError
from execution.events import EventStream
from execution.trade_signal import Relay, TradeSignal, Wait


class ExecutionManager:
    """Submits trades to an execution server.

    ::

        async with ExecutionManager() as manager:
            result = await manager.submit_trade(...)

    or ``await manager.initialize()`` and, at the end, ``await manager.close()``. ``host``, ``port`` and ``mode``
    default to EXECUTION_HOST, EXECUTION_PORT and EXECUTION_MODE of the environment or of ``.env``, then to
    localhost:8545 and PAPER; SettingError when one cannot be read. ``mode`` is what the server must run in, and what
    every signal says it is meant for: a server that was started again in another mode refuses it. ``timeout`` is in
    seconds for one attempt of a request (15, and 120 in LIVE); requests are sent again, with the same ``signal_id``
    and within the bounds of ``retry``, when an answer is lost or the server is busy. A trade that failed is never
    sent again.

    In LIVE an answer waits until the trade is in a block, or until the server stops waiting: then ``code`` is
    NOT_SETTLED, and the trade may still be made::

        result = await manager.submit_trade(...)
        if not is_settled(result):
            result = await manager.resolve(result["signal_id"], timeout=300)
    """

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        mode: str | None = None,
        *,
        timeout: float | None = None,
        retry: RetryPolicy = RetryPolicy(),
        connections_max: int = 100,
    ) -> None:
        if mode is None:
            mode = _mode_of(setting("EXECUTION_MODE") or "PAPER")
        if mode not in ("PAPER", "LIVE"):
            raise ValueError(f'mode must be "PAPER" or "LIVE", not {mode!r}.')
        self.mode = mode
        self._open = partial(
            ExecutionClient, host, port, mode=mode, timeout=timeout, retry=retry, connections_max=connections_max
        )
        self._client = self._open()
        self._initialized = False

    @property
    def url(self) -> str:
        """Where the server is expected, e.g. ``http://localhost:8545``."""
        return self._client.url

    async def initialize(self) -> None:
        """Makes sure that the server answers and runs in the expected mode.

        Raises ConnectionFailed, ProtocolError (another program holds the port), ModeMismatch, and Refused, with the
        server's hint, when it does not let us in. The manager is closed then, and can be initialized again, as after
        ``close()``.
        """
        if self._client.closed:
            self._client = self._open()
        try:
            health = await self._client.health()
            if health["mode"] != self.mode:
                raise ModeMismatch(self.mode, str(health["mode"]))
        except BaseException:
            self._initialized = False
            await self._client.close()
            raise
        self._initialized = True

    async def close(self) -> None:
        """Ends the session and every stream of events. Can be called again, and without ``initialize()``."""
        self._initialized = False
        await self._client.close()

    async def __aenter__(self) -> ExecutionManager:
        await self.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def submit_trade(
        self,
        chain_id: Integer,
        token: str,
        amount: Amount,
        flash_source: Integer,
        protocols: Iterable[Integer],
        routers: Iterable[str],
        path: Iterable[str],
        extras: Iterable[Extra],
        expected_profit: Usd = 0,
        *,
        signal_id: str | None = None,
        min_profit: Amount | None = None,
        valid_until: Integer | None = None,
        max_block: Integer | None = None,
        relay: Relay | None = None,
        wait: Wait | None = None,
    ) -> TradeAnswer:
        """Executes one trade; the arguments are the fields of :class:`TradeSignal`.

        Returns the server's answer: ``success``, ``mode``, ``signal_id``, ``error`` and ``code`` (None unless it
        failed or was refused), and more (:class:`execution.answers.TradeAnswer`). In LIVE also ``status``,
        ``txHash``, ``final`` and ``sent`` ("no", "yes", "unknown"). ``wait`` says how far the answer waits
        ("included" unless given, "broadcast", "none"); ``relay`` where the transaction may be shown before it is
        included ("public" unless given, "private", "private_then_public"). Raises TypeError or ValueError for
        arguments that cannot be sent, ConnectionFailed when nothing was handed over, OutcomeUnknown when something
        may have been (``resolve`` tells), ModeMismatch, ProtocolError.
        """
        signal = TradeSignal(
            chain_id, token, amount, flash_source, protocols, routers, path, extras, expected_profit,
            signal_id, min_profit, valid_until, max_block, relay, wait,
        )  # fmt: skip
        return await self._ready().execute(signal)

    async def submit_batch(self, signals: Sequence[TradeSignal | Mapping[str, Any]]) -> BatchAnswer:
        """Executes many signals in one request: ``total``, ``succeeded``, ``failed``, ``results`` in order.

        A signal is a :class:`TradeSignal` or the keyword arguments of one. Raises as ``submit_trade``.
        """
        typed = [signal if isinstance(signal, TradeSignal) else TradeSignal(**signal) for signal in signals]
        return await self._ready().execute_batch(typed)

    async def simulate_trade(
        self,
        chain_id: Integer,
        token: str,
        amount: Amount,
        flash_source: Integer,
        protocols: Iterable[Integer],
        routers: Iterable[str],
        path: Iterable[str],
        extras: Iterable[Extra],
        expected_profit: Usd = 0,
        *,
        min_profit: Amount | None = None,
        valid_until: Integer | None = None,
        max_block: Integer | None = None,
    ) -> SimulationAnswer:
        """Judges a trade, records nothing. Raises TypeError, ValueError, ConnectionFailed, ProtocolError."""
        signal = TradeSignal(
            chain_id, token, amount, flash_source, protocols, routers, path, extras, expected_profit,
            None, min_profit, valid_until, max_block,
        )  # fmt: skip
        return await self._ready().simulate(signal)

    async def get_statistics(self) -> Statistics:
        """The server's counters since its journal began. Raises ConnectionFailed, ProtocolError, ServerBusy."""
        return await self._ready().stats()

    async def get_health(self, *, verbose: bool = False) -> Health:
        """The server's health; ``verbose`` adds each chain. Raises ConnectionFailed, ProtocolError, Refused."""
        return await self._ready().health(verbose=verbose)

    async def get_trade(self, signal_id: str) -> TradeRecord | None:
        """The record of one execution, None when there is none. Raises ConnectionFailed, ProtocolError, ServerBusy."""
        return await self._ready().trade(signal_id)

    async def resolve(self, signal_id: str, *, timeout: float = 10.0) -> TradeRecord | None:
        """What became of a signal whose answer was lost or came early: see :meth:`ExecutionClient.resolve`."""
        return await self._ready().resolve(signal_id, timeout=timeout)

    def events(self, from_seq: int | None = None, *, epoch: str | None = None, updates: bool = False) -> EventStream:
        """Every execution as it is recorded, gapless across lost connections: see :meth:`ExecutionClient.events`."""
        return self._ready().events(from_seq, epoch=epoch, updates=updates)

    def _ready(self) -> ExecutionClient:
        if not self._initialized:
            raise NotConnected("Call `await manager.initialize()` first, or use `async with ExecutionManager(...)`.")
        return self._client


async def execute_trade(
    chain_id: Integer,
    token: str,
    amount: Amount,
    flash_source: Integer,
    protocols: Iterable[Integer],
    routers: Iterable[str],
    path: Iterable[str],
    extras: Iterable[Extra],
    expected_profit: Usd = 0,
    *,
    host: str | None = None,
    port: int | None = None,
    mode: str | None = None,
    **options: Any,
) -> TradeAnswer:
    """Connects, executes one trade, disconnects. ``options`` are keyword arguments of ``submit_trade``; raises as it does."""
    async with ExecutionManager(host, port, mode) as manager:
        return await manager.submit_trade(
            chain_id, token, amount, flash_source, protocols, routers, path, extras, expected_profit, **options
        )


def _mode_of(text: str) -> str:
    if text in ("PAPER", "LIVE"):
        return text
    meant = f"; write it as {text.upper()}." if text.upper() in ("PAPER", "LIVE") else "."
    raise SettingError(f"EXECUTION_MODE must be PAPER or LIVE{instead(text)}{meant}")
