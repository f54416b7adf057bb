"""The HTTP and WebSocket interface, one method per endpoint."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, cast

from execution.answers import BatchAnswer, Health, SimulationAnswer, Statistics, TradeAnswer, TradeRecord
from execution.delivery import RetryPolicy, deliver
from execution.encoding import encode_integer, encode_signal_id
from execution.environment import instead, setting
from execution.errors import (
    ConnectionFailed,
    ModeMismatch,
    OutcomeUnknown,
    ProtocolError,
    Refused,
    ServerBusy,
    SettingError,
)
from execution.events import EventStream
from execution.outcome import as_outcome, is_in_doubt, is_settled
from execution.submission import Submission, submit
from execution.trade_signal import TradeSignal
from execution.transport import Reply, Transport

_CONNECT_TIMEOUT = 3.0
_TIMEOUT = 15.0
#: A LIVE answer waits for a block, unless the signal says otherwise.
_LIVE_TIMEOUT = 120.0
_RESOLVE_PAUSE = 0.2


class ExecutionClient:
    """One session with one server, in one event loop after another.

    Use as ``async with``, or call ``close()``; both ways nothing is left open.

    ``host`` and ``port`` default to ``EXECUTION_HOST`` and ``EXECUTION_PORT`` of the environment or of ``.env`` in the
    current folder, then to localhost:8545 (SettingError when one cannot be read). ``timeout`` is in seconds for one
    attempt of a request: 15, and 120 with ``mode`` "LIVE", where an answer waits for a block. At most
    ``connections_max`` requests are under way at once; more wait for one of them, up to ``timeout`` before they are
    given up with ConnectionFailed. With ``mode`` given, each signal says so: a server in another mode refuses it, and
    that refusal is raised as ModeMismatch.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        mode: str | None = None,
        timeout: float | None = None,
        retry: RetryPolicy = RetryPolicy(),
        connections_max: int = 100,
    ) -> None:
        host = (host or setting("EXECUTION_HOST") or "localhost").strip("[]")
        port = _port_of(setting("EXECUTION_PORT") or "8545") if port is None else encode_integer("port", port)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        if connections_max < 1:
            raise ValueError(f"connections_max must be at least 1, not {connections_max}.")
        self.mode = mode
        self.timeout = (_LIVE_TIMEOUT if mode == "LIVE" else _TIMEOUT) if timeout is None else timeout
        self.retry = retry
        self._transport = Transport(self.url, connect_timeout=_CONNECT_TIMEOUT, connections_max=connections_max)

    async def __aenter__(self) -> ExecutionClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def closed(self) -> bool:
        """Whether ``close()`` was called; a closed client is not opened again."""
        return self._transport.closed

    async def close(self) -> None:
        """Ends the session and every stream of events. Can be called again."""
        await self._transport.close()

    async def execute(self, signal: TradeSignal) -> TradeAnswer:
        """``POST /execute``. A refused or failed trade is an answer with ``success`` false, ``error`` and ``code``.

        So is a LIVE trade that is still on its way when the server stops waiting (``code`` NOT_SETTLED): ``resolve``
        tells what became of it.

        Raises ConnectionFailed, OutcomeUnknown, ProtocolError, ModeMismatch. A CancelledError that passes has a note
        (``__notes__``, from Python 3.11 on) with the ``signal_id``, which may have been sent.
        """
        signal_id = signal.signal_id
        known = await self._submit([signal], batch=False)
        answer = known.answers.get(signal_id, {})
        if signal_id in known.lost or is_in_doubt(answer):
            raise OutcomeUnknown((signal_id,), known.lost.get(signal_id) or str(answer["error"]))
        self._check_mode(answer, answer)
        return cast(TradeAnswer, answer)

    async def execute_batch(self, signals: Sequence[TradeSignal]) -> BatchAnswer:
        """``POST /execute/batch``: ``total``, ``succeeded``, ``failed`` and ``results``, one per signal in order.

        Signals that the server has no room for are sent again, as a single one is. When the server refuses the batch as
        a whole, each result is that refusal. Raises as ``execute``, and ValueError for an empty batch or a repeated
        ``signal_id``; the ``answer`` of OutcomeUnknown and ModeMismatch is that of the whole batch.
        """
        ids = [signal.signal_id for signal in signals]
        if not ids:
            raise ValueError("A batch needs at least one signal.")
        if len(set(ids)) != len(ids):
            raise ValueError("The signals of a batch need different signal_ids.")
        known = await self._submit(signals, batch=True)
        if known.lost:
            unknown = {signal_id: _unknown(signal_id, reason) for signal_id, reason in known.lost.items()}
            answer = _batch([{**known.answers, **unknown}[each] for each in ids]) if known.answers else None
            raise OutcomeUnknown(list(known.lost), next(iter(known.lost.values())), answer)
        batch = {**known.refusal, **_batch([known.answers[each] for each in ids])}
        for result in batch["results"]:
            self._check_mode(result, batch)
        return cast(BatchAnswer, batch)

    async def simulate(self, signal: TradeSignal) -> SimulationAnswer:
        """``POST /simulate``: the same judgement, of which nothing is kept. Raises ConnectionFailed, ProtocolError."""
        reply = await self._ask("POST", "/simulate", signal.to_wire())
        return cast(SimulationAnswer, as_outcome(reply.status, reply.body, signal.signal_id))

    async def health(self, *, verbose: bool = False) -> Health:
        """``GET /health``; ``verbose`` adds what is known of each chain.

        Raises ConnectionFailed, ProtocolError, and Refused (ServerBusy is one) when the server does not let us in.
        """
        reply = await self._ask("GET", "/health?verbose" if verbose else "/health")
        # A refusal has a status and a mode too.
        if "status" not in reply.body or "mode" not in reply.body:
            raise ProtocolError(f"What answers at {self.url} is not a Titan execution server: {str(reply.body)[:80]}.")
        return cast(Health, _expect_ok(reply))

    async def stats(self) -> Statistics:
        """``GET /stats``. Raises ConnectionFailed, ProtocolError, ServerBusy."""
        return cast(Statistics, _expect_ok(await self._ask("GET", "/stats")))

    async def trade(self, signal_id: str) -> TradeRecord | None:
        """``GET /trades/{signal_id}``: the record of one execution, None when there is none.

        A signal that is being worked on has the ``status`` "accepted" and no more than that.

        Raises ConnectionFailed, ProtocolError, Refused (ServerBusy is one), and ModeMismatch: a server in another mode has other records.
        """
        reply = await self._ask("GET", f"/trades/{encode_signal_id(signal_id)}")
        self._check_mode(reply.body, reply.body)
        # Only the server's own word: a proxy has pages that it does not find too.
        return None if reply.body.get("code") == "TRADE_NOT_FOUND" else cast(TradeRecord, _expect_ok(reply))

    async def resolve(self, signal_id: str, *, timeout: float = 10.0) -> TradeRecord | None:
        """The record of a signal whose answer was lost or came before its outcome, waiting up to ``timeout`` seconds.

        The record is the newest one; when the time is over it may be that of a trade still on its way, or of a signal
        that is being worked on (``status`` "accepted"): ``is_settled`` tells. None means that the server has nothing
        of it: it refused the signal or never got it. Sending the same signal again under the same id is then safe.

        A server that is away or cannot tell now is asked again. Raises as ``trade`` when it is so until the time is
        over.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                record = await self.trade(signal_id)
            except (ConnectionFailed, ServerBusy):
                if time.monotonic() >= deadline:
                    raise
            else:
                if (record is not None and is_settled(record)) or time.monotonic() >= deadline:
                    return record
            await asyncio.sleep(_RESOLVE_PAUSE)

    def events(self, from_seq: int | None = None, *, epoch: str | None = None, updates: bool = False) -> EventStream:
        """Every execution as the server records it, in the order of ``seq``, each once, across lost connections.

        With ``updates`` also what happens to a LIVE execution before and after it is settled (``execution_update``:
        signed, pending, its block left the chain, final). Begins with the event ``from_seq`` of the log ``epoch``
        (both as the stream's ``next_seq`` and ``epoch`` were), or with the next one to happen. Besides events there
        are two notices: ``{"type": "gap", "oldest"}``, older events are no longer kept, and ``{"type": "reset",
        "epoch"}``, the server has another log than before, which is read from its beginning. A server that stays mute
        for three heartbeats, or leaves an event out, is left and called again. Raises ConnectionFailed (first
        connection only), ModeMismatch, ProtocolError, and ValueError for an ``epoch`` without ``from_seq``.
        """
        return EventStream(self._transport, from_seq=from_seq, epoch=epoch, mode=self.mode, updates=updates)

    async def _submit(self, signals: Sequence[TradeSignal], *, batch: bool) -> Submission:
        # Each with the mode it is meant for: a server that was started again in another refuses it.
        meant: dict[str, str] = {} if self.mode is None else {"mode": self.mode}
        headers = {} if self.mode is None else {"Execution-Mode": self.mode}
        wire = [{**signal.to_wire(), **meant} for signal in signals]
        with _noting([signal.signal_id for signal in signals]):
            return await submit(
                self._transport, wire, batch=batch, headers=headers, timeout=self.timeout, policy=self.retry
            )

    async def _ask(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Reply:
        body = None if content is None else json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
        return await deliver(self._transport, method, path, body=body, timeout=self.timeout, policy=self.retry)

    def _check_mode(self, answer: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        actual = answer.get("mode")
        if self.mode is not None and actual is not None and actual != self.mode:
            raise ModeMismatch(self.mode, str(actual), told)


@contextmanager
def _noting(signal_ids: Sequence[str]) -> Iterator[None]:
    """The id of a signal may be known here alone: who gives up waiting for the answer can still resolve it."""
    try:
        yield
    except asyncio.CancelledError as cause:
        if sys.version_info >= (3, 11):
            cause.add_note(f"May have been sent, and resolve(signal_id) tells: {', '.join(signal_ids)}")
        raise


def _batch(results: list[dict[str, Any]]) -> dict[str, Any]:
    succeeded = sum(result["success"] is True for result in results)
    return {"total": len(results), "succeeded": succeeded, "failed": len(results) - succeeded, "results": results}


def _unknown(signal_id: str, reason: str) -> dict[str, Any]:
    answer = {"success": None, "sent": "unknown", "error": f"No answer came back: {reason}."}
    return as_outcome(200, answer, signal_id)


def _expect_ok(reply: Reply) -> dict[str, Any]:
    if reply.status < 300:
        return reply.body
    code = reply.body.get("code")
    sentence = str(reply.body.get("error") or reply.body.get("detail") or f"HTTP {reply.status}")
    hint = reply.body.get("hint")
    if reply.status in (429, 503):
        raise ServerBusy(reply.status, code, sentence, hint, reply.retry_after)
    raise Refused(reply.status, code, sentence, hint)


def _port_of(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text) or not 1 <= int(text) <= 65535:
        raise SettingError(f"EXECUTION_PORT must be a whole number from 1 to 65535{instead(text)}.")
    return int(text)
