"""The event stream: in order, without gaps, across lost connections."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import aiohttp

from execution.errors import ConnectionFailed, ModeMismatch, ProtocolError
from execution.transport import NotSent, Transport

_LOG = logging.getLogger("execution.events")
_EVENT_TYPES = ("paper_execution", "live_execution", "execution_update")
_HELLO_TIMEOUT = 10.0
_HEARTBEATS_MISSED_MAX = 3
_PAUSE_MIN = 0.1
_PAUSE_MAX = 5.0


class _Lost(Exception):
    """The connection is of no more use; ``pause`` is the server's wish in seconds, None when it had none."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class EventStream:
    """Where a subscriber stands: the next ``seq`` it has not seen, and the log (``epoch``) that number belongs to."""

    def __init__(self, transport: Transport, *, from_seq: int | None, mode: str | None, updates: bool) -> None:
        self._transport = transport
        self._next_seq = from_seq
        self._mode = mode
        self._channels = ["trades", "updates"] if updates else ["trades"]
        self._epoch: str | None = None

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yields messages until the consumer stops or the client is closed.

        Raises ConnectionFailed when the first connection fails; later ones are tried for ever, with pauses up to 5 s.
        """
        connected_once = False
        pause = _PAUSE_MIN
        while not self._transport.closed:
            try:
                socket = await self._transport.websocket()
                async with socket, aclosing(self._read(socket)) as messages:
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
        await socket.send_json(
            {"type": "subscribe", "id": 1, "channels": self._channels, "from_seq": self._next_seq}
        )
        # A connection gets new events from its first moment; those before the answer to `subscribe` come again in their place.
        subscribed = False
        while True:
            message = await _receive(socket, silence_max)
            kind = message.get("type")
            if kind in _EVENT_TYPES:
                if subscribed and self._advance(message):
                    yield message
            elif kind == "subscribed":
                subscribed = True
                yield None
            elif kind == "gap":
                self._next_seq = max(self._next_seq or 0, int(message["oldest"]))
                yield message
            elif kind == "shutdown":
                raise _Lost("the server shuts down", float(message.get("reconnect_after_ms", 1000)) / 1000)
            elif kind == "error" and message.get("id") == 1:
                raise ProtocolError(f"The server refused the subscription: {message}.")

    def _place(self, last_seq: int, epoch: str) -> list[dict[str, Any]]:
        """Where to begin in the server's log; a `reset` notice when it is not the log that we were reading."""
        if self._next_seq is None:
            self._next_seq = last_seq + 1
        other_log = self._epoch is not None and self._epoch != epoch
        self._epoch = epoch
        if other_log or self._next_seq > last_seq + 1:
            self._next_seq = 1
            return [{"type": "reset", "epoch": epoch}]
        return []

    def _advance(self, event: dict[str, Any]) -> bool:
        """Whether the event is new; a server repeats some around a subscription."""
        seq = int(event["seq"])
        if self._next_seq is not None and seq < self._next_seq:
            return False
        self._next_seq = seq + 1
        return True


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
