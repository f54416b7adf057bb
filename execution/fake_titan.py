"""A Titan for a program's own tests: the real client talks to it over HTTP and WebSocket on loopback."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from aiohttp import WSMsgType, web

from execution.answers import Mode
from execution.codes import CODES
from execution.fake_answers import Scripted, answer_to, failed, filled, lost, pending, simulated
from execution.manager import ExecutionManager
from execution.signal_id import new_signal_id
from execution.time_limit import time_limit

__all__ = ["FakeTitan", "Scripted", "failed", "filled", "lost", "pending"]

_HEARTBEAT_S = 1.0
#: What may differ in a repetition of the same trade.
_NO_PART_OF_THE_TRADE = ("mode", "wait", "expected_profit", "valid_until", "max_block")


class FakeTitan:
    """Answers signals as it is told to, and keeps what it was sent. No chain, no profit: what it says is made up.

    ::

        async with FakeTitan() as titan, titan.manager() as manager:
            titan.script += [failed("UNPROFITABLE"), lost(), filled(profit=26_982_458)]
            await brain(manager).run()
            assert [signal["amount"] for signal in titan.signals] == ["1000000000", ...]

    Like the server it executes an id once, gives the first answer again, refuses another trade under it, a signal for
    another mode and a chain it does not have, and records what it executed (``resolve``, ``events``, statistics).
    """

    def __init__(self, mode: Mode = "PAPER", *, chains: Iterable[int] = (1,)) -> None:
        self.mode: Mode = mode
        self.chains = tuple(chains)
        #: What becomes of the next signals, one entry each; taken from the left.
        self.script: deque[Scripted] = deque()
        #: What becomes of a signal when the script is over.
        self.default = filled()
        #: The signals that were executed, as they came, in order.
        self.signals: list[dict[str, Any]] = []
        self.port = 0
        self._taken: dict[str, tuple[dict[str, Any], Scripted]] = {}
        self._answers: dict[str, dict[str, Any]] = {}
        self._events: list[dict[str, Any]] = []
        self._refused = 0
        self._repeated = 0
        self._epoch = uuid.uuid4().hex
        self._streams: set[asyncio.Queue[dict[str, Any] | None]] = set()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Begins to answer, at the port it had before if it had one."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/", self._stream),
                web.get("/health", self._health),
                web.get("/stats", self._stats),
                web.get("/trades/{signal_id}", self._trade),
                web.post("/execute", self._execute),
                web.post("/execute/batch", self._execute_batch),
                web.post("/simulate", self._simulate),
            ]
        )
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Is away until ``start()``; what was recorded is kept, as by a server that is started again."""
        for stream in self._streams:
            stream.put_nowait(None)
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> FakeTitan:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def manager(self, **options: Any) -> ExecutionManager:
        """A manager for it, to be initialized; ``options`` are keyword arguments of ExecutionManager."""
        return ExecutionManager("127.0.0.1", self.port, self.mode, **options)

    def settle(self, signal_id: str, scripted: Scripted) -> None:
        """What became of a trade that was ``pending()``. Raises KeyError when there is none of that id."""
        signal, _ = self._taken[signal_id]
        self._answers[signal_id] = answer_to(signal, scripted, self.mode)
        self._record(signal, scripted)

    def _take(self, signal: dict[str, Any], mode: str | None) -> tuple[int, dict[str, Any], bool]:
        """HTTP status, answer, and whether that is lost."""
        signal_id = str(signal.setdefault("signal_id", new_signal_id()))
        wanted = signal.get("mode") or mode
        known = self._taken.get(signal_id)
        refusal: Scripted | None = None
        if wanted not in (None, self.mode):
            refusal = failed("MODE_MISMATCH", f"The signal is meant for {wanted}, and this server runs in {self.mode}.")
        elif known is not None and _trade_of(known[0]) != _trade_of(signal):
            refusal = failed("SIGNAL_ID_CONFLICT", f"The signal_id {signal_id} was used for another trade.")
        elif known is not None:
            self._repeated += 1
            return 200, self._answers[signal_id], False
        else:
            refusal = self._missing_chain(signal)
        scripted = refusal or self._next()
        if scripted.refused:
            self._refused += 1
            return CODES[str(scripted.code)].status, answer_to(signal, scripted, self.mode), scripted.lost
        self.signals.append(signal)
        self._taken[signal_id] = signal, scripted
        self._answers[signal_id] = answer_to(signal, scripted, self.mode)
        if scripted.open:
            on_its_way = failed("NOT_SETTLED", "The trade is on its way: pending.")
            self._answers[signal_id] |= {"success": False, "code": on_its_way.code, "error": on_its_way.error}
        self._record(signal, scripted)
        return 202 if scripted.open else 200, self._answers[signal_id], scripted.lost

    def _missing_chain(self, signal: Mapping[str, Any]) -> Scripted | None:
        chain_id = signal["chainId"]
        return None if chain_id in self.chains else failed("UNKNOWN_CHAIN", f"Chain {chain_id} not configured.")

    def _next(self) -> Scripted:
        return self.script.popleft() if self.script else self.default

    def _record(self, signal: Mapping[str, Any], scripted: Scripted) -> None:
        kind = "execution_update" if scripted.open else f"{self.mode.lower()}_execution"
        understood = {
            "expected_profit": 0, "min_profit": "0", "valid_until": None, "max_block": None,
            **{name: value for name, value in signal.items() if name not in ("mode", "wait", "relay")},
        }  # fmt: skip
        answer = answer_to(signal, scripted, self.mode)
        event = {"type": kind, **answer, "signal": understood, "seq": len(self._events) + 1}
        self._events.append(event)
        for stream in self._streams:
            stream.put_nowait(event)

    async def _execute(self, request: web.Request) -> web.StreamResponse:
        status, answer, is_lost = self._take(await request.json(), request.headers.get("Execution-Mode"))
        if is_lost and request.transport is not None:
            request.transport.close()
        return web.json_response(answer, status=status)

    async def _execute_batch(self, request: web.Request) -> web.StreamResponse:
        mode = request.headers.get("Execution-Mode")
        taken = [self._take(signal, mode) for signal in (await request.json())["signals"]]
        if any(is_lost for _, _, is_lost in taken) and request.transport is not None:
            request.transport.close()
        results = [answer for _, answer, _ in taken]
        succeeded = sum(answer["success"] is True for answer in results)
        counts = {"total": len(results), "succeeded": succeeded, "failed": len(results) - succeeded}
        return web.json_response({**counts, "results": results})

    async def _simulate(self, request: web.Request) -> web.StreamResponse:
        signal = {"signal_id": new_signal_id(), **await request.json()}
        scripted = self._missing_chain(signal) or self._next()
        status = CODES[str(scripted.code)].status if scripted.refused else 200
        return web.json_response(simulated(signal, scripted, self.mode), status=status)

    async def _trade(self, request: web.Request) -> web.StreamResponse:
        signal_id = request.match_info["signal_id"]
        found = [event for event in self._events if event["signal_id"] == signal_id]
        if found:
            return web.json_response(found[-1])
        missing = failed("TRADE_NOT_FOUND", f'No execution with signal_id "{signal_id}" is journaled.')
        return web.json_response(answer_to({}, missing, self.mode), status=404)

    async def _health(self, request: web.Request) -> web.StreamResponse:
        counters = {name: self._counts()[name] for name in ("total_signals", "executed", "failed", "paper_executed")}
        health: dict[str, Any] = {"status": "healthy", "mode": self.mode, "uptime": 1.0, "stats": counters}
        health["chains"] = len(self.chains)
        if "verbose" in request.query:
            health["chain_status"] = [_chain(chain_id) for chain_id in self.chains]
        return web.json_response(health)

    async def _stats(self, _: web.Request) -> web.StreamResponse:
        about = {
            "mode": self.mode,
            "connected_clients": len(self._streams),
            "providers": len(self.chains),
            "uptime": 1.0,
        }
        return web.json_response({**self._counts(), **about, "per_chain": {}})

    def _counts(self) -> dict[str, Any]:
        newest = {event["signal_id"]: event["success"] for event in self._events}
        made = sum(success is True for success in newest.values())
        live = self.mode == "LIVE"
        return {
            "total_signals": len(self.signals) + self._refused + self._repeated,
            "recorded": len(self.signals),
            "refused": self._refused,
            "repeated": self._repeated,
            "executed": made if live else 0,
            "paper_executed": 0 if live else made,
            "failed": sum(success is False for success in newest.values()),
            "unpriced": 0,
            "total_profit": 0.0,
            "total_expected_profit": float(sum(signal.get("expected_profit", 0) for signal in self.signals)),
        }

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        waiting: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._streams.add(waiting)
        reading = asyncio.create_task(_read_into(waiting, socket))
        try:
            end = len(self._events)
            place = {"seq": end, "epoch": self._epoch, "heartbeat_ms": _HEARTBEAT_S * 1000}
            await socket.send_json({"type": "connected", "mode": self.mode, "stats": self._counts(), **place})
            await self._serve(socket, waiting, end)
        except ConnectionError:
            pass
        finally:
            self._streams.discard(waiting)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        return socket

    async def _serve(
        self, socket: web.WebSocketResponse, waiting: asyncio.Queue[dict[str, Any] | None], sent: int
    ) -> None:
        channels = ["trades"]
        seen = sent
        while True:
            try:
                async with time_limit(_HEARTBEAT_S):
                    message = await waiting.get()
            except asyncio.TimeoutError:
                await socket.send_json({"type": "heartbeat", "seq": seen})
                continue
            if message is None:
                await socket.close(code=1012)
                return
            if message.get("type") == "subscribe":
                channels = message["channels"]
                await socket.send_json({"type": "subscribed", "id": message["id"], "seq": len(self._events)})
                if message.get("from_seq") is not None:
                    sent = seen = max(0, message["from_seq"] - 1)
            for event in self._events[seen:]:
                seen = event["seq"]
                if ("updates" if event["type"] == "execution_update" else "trades") in channels:
                    await socket.send_json(event if seen == sent + 1 else {**event, "prev_seq": sent})
                    sent = seen


async def _read_into(waiting: asyncio.Queue[dict[str, Any] | None], socket: web.WebSocketResponse) -> None:
    """What the client says; None once it is gone."""
    async for frame in socket:
        if frame.type is WSMsgType.TEXT:
            waiting.put_nowait(frame.json())
    waiting.put_nowait(None)


def _trade_of(signal: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in signal.items() if name not in _NO_PART_OF_THE_TRADE}


def _chain(chain_id: int) -> dict[str, Any]:
    nothing: list[Any] = []
    return {
        "chainId": chain_id, "name": f"Chain {chain_id}", "state": "ready", "reason": None, "head": 1, "headAgeMs": 0,
        "stale": None, "paused": None, "devnet": False, "devnetRpc": None, "executor": None, "flashSources": [1, 2],
        "notes": nothing, "endpoints": nothing, "lanes": nothing, "gas": None, "queue_depth": 0,
    }  # fmt: skip
