"""The event stream: in order, without gaps, across lost connections."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, cast

import aiohttp

from execution.answers import Event
from execution.encoding import encode_integer
from execution.errors import ConnectionFailed, ModeMismatch, ProtocolError
from execution.time_limit import time_limit
from execution.transport import NotSent, Transport

_LOG = logging.getLogger("execution.events")
_EVENT_TYPES = ("paper_execution", "live_execution", "execution_update")
_HELLO_TIMEOUT = 10.0
_LEAVE_TIMEOUT = 1.0
_HEARTBEATS_MISSED_MAX = 3
_PAUSE_MIN = 0.1
_PAUSE_MAX = 5.0


class _Lost(Exception):
    """The connection is of no more use; ``pause`` is the server's wish in seconds, None when it had none."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class EventStream:
    """Events in the order of their ``seq``, each once: an async iterator, made by :meth:`ExecutionManager.events`.

    ``epoch`` and ``next_seq`` say where it stands: a program that keeps both, once it has dealt with an event, and
    gives them to ``events(from_seq=..., epoch=...)`` after it was started again, goes on there.
    """

    def __init__(
        self, transport: Transport, *, from_seq: int | None, epoch: str | None, mode: str | None, updates: bool
    ) -> None:
        if epoch is not None and from_seq is None:
            raise ValueError("epoch says of which log from_seq is, so it needs one.")
        # Apart, so that nothing in it refers to this: a stream that is dropped leaves the server at once.
        self._subscription = _Subscription(transport, from_seq=from_seq, epoch=epoch, mode=mode, updates=updates)
        self._messages = self._subscription.messages()

    @property
    def next_seq(self) -> int | None:
        """``seq`` of the first event not given yet; None before the first connection of one that begins at the end."""
        return self._subscription.next_seq

    @property
    def epoch(self) -> str | None:
        """The log that ``next_seq`` belongs to; None before the first connection when it was not given."""
        return self._subscription.epoch

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        """The next event or notice; ends when the client is closed.

        Raises ConnectionFailed when the first connection fails; later ones are tried for ever, with pauses up to 5 s.
        """
        return cast(Event, await anext(self._messages))

    async def aclose(self) -> None:
        """Leaves the server. Can be called again; a stream that is dropped does it by itself."""
        await self._messages.aclose()


class _Subscription:
    def __init__(
        self, transport: Transport, *, from_seq: int | None, epoch: str | None, mode: str | None, updates: bool
    ) -> None:
        self._transport = transport
        self._mode = mode
        self._updates = updates
        #: Where a hole was found: asked for once more, it is no hole but how the log is.
        self._hole: int | None = None
        self.next_seq: int | None = None if from_seq is None else max(0, encode_integer("from_seq", from_seq))
        self.epoch = epoch

    async def messages(self) -> AsyncGenerator[dict[str, Any], None]:
        connected_once = False
        pause = _PAUSE_MIN
        while not self._transport.closed:
            try:
                socket = await self._transport.websocket()
                async with _leaving(socket), aclosing(self._read(socket)) as messages:
                    async for message in messages:
                        connected_once = True
                        pause = _PAUSE_MIN
                        if message is not None:
                            yield message
            except NotSent as cause:
                if not connected_once:
                    raise ConnectionFailed(self._transport.url, str(cause)) from cause
                _LOG.warning("No connection to the event stream: %s", cause)
            except _Lost as cause:
                _LOG.warning("Event stream lost, reconnecting: %s", cause)
                pause = pause if cause.pause is None else cause.pause
            if self._transport.closed:
                return
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, _PAUSE_MAX)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse[Any]) -> AsyncGenerator[dict[str, Any] | None, None]:
        """Messages of one connection: None once it stands, then each for the consumer. Raises _Lost at its end."""
        hello = await _receive(socket, _HELLO_TIMEOUT)
        if hello.get("type") != "connected":
            raise ProtocolError(f"The event stream began with {str(hello)[:80]}, not with 'connected'.")
        if self._mode is not None and hello.get("mode") != self._mode:
            raise ModeMismatch(self._mode, str(hello.get("mode")))
        silence_max = _HEARTBEATS_MISSED_MAX * float(hello.get("heartbeat_ms", 10_000)) / 1000
        for notice in self._place(int(hello.get("seq", 0)), str(hello.get("epoch"))):
            yield notice
        channels = ["trades", "updates"] if self._updates else ["trades"]
        await socket.send_json({"type": "subscribe", "id": 1, "channels": channels, "from_seq": self.next_seq})
        # In PAPER there is nothing else in the log.
        gets_all = self._updates or hello.get("mode") == "PAPER"
        # New events come from the first moment; those before the answer to `subscribe` come again in their place.
        subscribed = False
        while True:
            message = await _receive(socket, silence_max)
            kind = message.get("type")
            if kind in _EVENT_TYPES:
                for notice in self._advance(message) if subscribed else ():
                    yield notice
            elif kind == "subscribed":
                subscribed = True
                yield None
            elif kind == "heartbeat" and subscribed:
                self._hear(int(message["seq"]), gets_all)
                yield None
            elif kind == "gap":
                if message.get("epoch", self.epoch) != self.epoch:
                    raise _Lost("the server has another log")
                self.next_seq = max(self.next_seq or 0, int(message["oldest"]))
                yield message
            elif kind == "shutdown":
                raise _Lost("the server shuts down", float(message.get("reconnect_after_ms", 1000)) / 1000)
            elif kind == "error" and message.get("id") == 1:
                raise ProtocolError(f"The server refused the subscription: {message}.")

    def _place(self, last_seq: int, epoch: str) -> list[dict[str, Any]]:
        """Where to begin in the server's log; a `reset` notice when it is not the log that we were reading."""
        if self.next_seq is None:
            self.next_seq = last_seq + 1
        other_log = self.epoch is not None and self.epoch != epoch
        self.epoch = epoch
        if other_log or self.next_seq > last_seq + 1:
            self.next_seq = 1
            self._hole = None
            return [{"type": "reset", "epoch": epoch}]
        return []

    def _advance(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """What to give for an event: nothing for a repetition, which a server sends around a subscription."""
        seq = int(event["seq"])
        next_seq = self.next_seq or 0
        if seq < next_seq:
            return []
        # An event says which one came before it on this stream where that is not the one numbered before it.
        missed = self._is_hole(int(event.get("prev_seq", seq - 1)))
        self.next_seq = seq + 1
        return [{"type": "gap", "oldest": seq}, event] if missed else [event]

    def _hear(self, seq: int, gets_all: bool) -> None:
        """A heartbeat: whatever is meant for us up to ``seq`` was sent."""
        if gets_all:
            self._is_hole(seq)
        self.next_seq = max(self.next_seq or 0, seq + 1)

    def _is_hole(self, sent_seq: int) -> bool:
        """Whether the event ``sent_seq``, which was sent, is not to be had. Raises _Lost, once, to ask for it again."""
        # From 0 on is from whatever there is.
        if not self.next_seq or sent_seq < self.next_seq:
            return False
        if self._hole == self.next_seq:
            return True
        self._hole = self.next_seq
        raise _Lost(f"the events from {self.next_seq} to {sent_seq} did not come")


@asynccontextmanager
async def _leaving(socket: aiohttp.ClientWebSocketResponse[Any]) -> AsyncIterator[None]:
    # aiohttp waits anew with each message that comes instead of the answer to our leaving: who talks on would keep us.
    try:
        yield
    finally:
        with suppress(asyncio.TimeoutError):
            async with time_limit(_LEAVE_TIMEOUT):
                await socket.close()


async def _receive(socket: aiohttp.ClientWebSocketResponse[Any], silence_max: float) -> dict[str, Any]:
    try:
        frame = await socket.receive(silence_max)
    except asyncio.TimeoutError:
        raise _Lost(f"nothing heard for {silence_max:g} s") from None
    if frame.type is not aiohttp.WSMsgType.TEXT:
        raise _Lost(f"closed with code {socket.close_code}")
    try:
        message = json.loads(frame.data)
    except ValueError:
        message = frame.data
    if not isinstance(message, dict):
        raise ProtocolError(f"The event stream sent {str(message)[:80]}, not an object.")
    return message
