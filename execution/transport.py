"""One HTTP exchange: what certainly was not sent, what may have been, and what was answered."""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp

from execution.errors import NotConnected, ProtocolError
from execution.time_limit import time_limit

_EVENT_BYTES_MAX = 16 * 1024 * 1024


class NotSent(Exception):
    """No connection came about: the request certainly did not reach the server."""


class NoRoom(NotSent):
    """So many requests of this client are under way that none came to its end in time."""


class NoReply(Exception):
    """The request may have reached the server; no whole answer came back."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A JSON object that the server answered."""

    status: int
    body: dict[str, Any]
    #: Seconds, from the Retry-After header.
    retry_after: float | None


class Transport:
    """The one session of a client.

    It opens on first use, and is released on every way out: ``close()``, a lost reference, the end of the program. It
    belongs to the event loop of that use; once that has ended, another one opens a new session.
    """

    def __init__(self, url: str, *, connect_timeout: float, connections_max: int) -> None:
        self.url = url
        self._connect_timeout = connect_timeout
        self._connections_max = connections_max
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room = asyncio.Semaphore(connections_max)
        self._release: weakref.finalize[..., Any] | None = None
        self.closed = False

    async def exchange(
        self, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> Reply:
        """Sends one request, once. ``timeout`` is in seconds for the whole exchange, and before it for a place among
        the requests under way: what waits for one has not left.

        Raises NotSent, NoReply, ProtocolError (another program answered), NotConnected (after ``close()``).
        """
        session = self._open()
        room = self._room
        if not room.locked():
            await room.acquire()  # at once: a clock would cost more than all the rest
        else:
            try:
                async with time_limit(timeout):
                    await room.acquire()
            except asyncio.TimeoutError as cause:
                busy = f"all {self._connections_max} requests that this client may have under way (connections_max)"
                raise NoRoom(f"{busy} went on for {timeout:g} s") from cause
        try:
            return await self._exchange(session, method, path, body=body, headers=headers, timeout=timeout)
        finally:
            room.release()

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout: float,
    ) -> Reply:
        if session.closed:
            raise NotConnected("This client was closed.")
        sending = _Sending()
        try:
            async with session.request(
                method,
                self.url + path,
                data=body,
                headers={**headers, "Content-Type": "application/json"} if body is not None else headers,
                timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=self._connect_timeout),
                allow_redirects=False,
                trace_request_ctx=sending,
            ) as response:
                content = await response.read()
                return _read_reply(self.url, method, response, content)
        except asyncio.TimeoutError as cause:
            if not sending.begun:
                raise NotSent(f"no connection within {min(timeout, self._connect_timeout):g} s") from cause
            raise NoReply(f"no answer within {timeout:g} s") from cause
        except (aiohttp.ClientError, OSError) as cause:
            reason = str(cause) or type(cause).__name__
            raise (NoReply(reason) if sending.begun else NotSent(reason)) from cause

    async def websocket(self) -> aiohttp.ClientWebSocketResponse[Any]:
        """A WebSocket to the server. Raises NotSent when it cannot be opened."""
        try:
            # Not wait_for: on Python 3.10 and 3.11 it swallows a cancellation that meets the new socket.
            async with time_limit(self._connect_timeout):
                return await self._upgrade()
        except aiohttp.WSServerHandshakeError as cause:
            raise NotSent(await self._why_refused(cause.status)) from cause
        except asyncio.TimeoutError as cause:
            raise NotSent(f"no connection within {self._connect_timeout:g} s") from cause
        except (aiohttp.ClientError, OSError) as cause:
            raise NotSent(str(cause)) from cause

    async def _why_refused(self, status: int) -> str:
        """In the server's words: aiohttp does not hand on the refusal of a WebSocket, but that of a request says the same."""
        try:
            reply = await self.exchange("GET", "/health", body=None, headers={}, timeout=self._connect_timeout)
        except (NotSent, NoReply, ProtocolError):
            return f"HTTP {status} instead of a WebSocket"
        if reply.status < 300:
            return f"HTTP {status} instead of a WebSocket"
        return f"HTTP {reply.status}: {reply.body.get('error')} {reply.body.get('hint', '')}".rstrip()

    async def _upgrade(self) -> aiohttp.ClientWebSocketResponse[Any]:
        return await self._open().ws_connect(
            self.url + "/", max_msg_size=_EVENT_BYTES_MAX, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)
        )

    async def close(self) -> None:
        """Ends all connections. Can be called again."""
        self.closed = True
        if self._session is None:
            return
        if self._loop is not asyncio.get_running_loop():
            self._let_go()
            return
        session, self._session = self._session, None
        if self._release is not None:
            self._release.detach()
            self._release = None
        await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self.closed:
            raise NotConnected("This client is closed.")
        loop = asyncio.get_running_loop()
        if self._session is not None and self._loop is not loop:
            if self._loop is not None and self._loop.is_running():
                raise NotConnected(
                    "This client is at work in another event loop that still runs: make one for each loop."
                )
            self._let_go()
        if self._session is None:
            # The requests are counted here, where their clock does not run yet; streams of events come on top.
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector, trace_configs=[_tracing()])
            self._loop = loop
            self._room = asyncio.Semaphore(self._connections_max)
            self._release = weakref.finalize(self, _release, self._session, connector)
        return self._session

    def _let_go(self) -> None:
        """Of a session whose event loop is gone, so that nothing of it can be awaited."""
        self._session = None
        if self._release is not None:
            self._release()
            self._release = None


@dataclass(slots=True)
class _Sending:
    """Whether any byte of a request may have left."""

    begun: bool = False


def _tracing() -> aiohttp.TraceConfig:
    async def begin(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        if isinstance(context.trace_request_ctx, _Sending):
            context.trace_request_ctx.begun = True

    config = aiohttp.TraceConfig()
    # Despite its name it comes before the first byte, and after the connection: without it, nothing has left.
    config.on_request_headers_sent.append(begin)
    return config


def _release(session: aiohttp.ClientSession, connector: aiohttp.TCPConnector) -> None:
    # What a caller forgot to close is closed without a word. This runs where nothing can be awaited, perhaps after the
    # event loop is gone, so the session lets go of its connector, whose synchronous exit closes the sockets.
    session.detach()
    connector.__exit__()


def _read_reply(url: str, method: str, response: aiohttp.ClientResponse, content: bytes) -> Reply:
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    # Every answer of the server is an object; a JSON-RPC node on its port answers objects too, with "jsonrpc" in them.
    if isinstance(body, dict) and "jsonrpc" not in body:
        return Reply(response.status, body, _seconds(response.headers.get("Retry-After")))
    if response.status >= 500 or (method == "POST" and response.status < 300):
        # A proxy between us may have lost the server after handing the request on.
        raise NoReply(f"HTTP {response.status} without an answer of the server")
    raise ProtocolError(
        f"What answers at {url} is not a Titan execution server: HTTP {response.status}, "
        f"{content[:80]!r}. Another program may hold the port."
    )


def _seconds(retry_after: str | None) -> float | None:
    try:
        return None if retry_after is None else max(0.0, float(retry_after))
    except ValueError:
        return None
