"""One HTTP exchange: what certainly was not sent, what may have been, and what was answered."""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from execution.errors import NotConnected, ProtocolError

_EVENT_BYTES_MAX = 16 * 1024 * 1024


class NotSent(Exception):
    """No connection came about: the request certainly did not reach the server."""


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

    It opens on first use, and is released on every way out: ``close()``, a lost reference, the end of the program.
    """

    def __init__(self, url: str, *, connect_timeout: float, connections_max: int) -> None:
        self.url = url
        self._connect_timeout = connect_timeout
        self._connections_max = connections_max
        self._session: aiohttp.ClientSession | None = None
        self._release: weakref.finalize[..., Any] | None = None
        self.closed = False

    async def exchange(
        self, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> Reply:
        """Sends one request, once. ``timeout`` is in seconds for the whole exchange.

        Raises NotSent, NoReply, ProtocolError (another program answered), NotConnected (after ``close()``).
        """
        try:
            async with self._open().request(
                method,
                self.url + path,
                data=body,
                headers={**headers, "Content-Type": "application/json"} if body is not None else headers,
                timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=self._connect_timeout),
                allow_redirects=False,
            ) as response:
                content = await response.read()
                return _read_reply(self.url, method, response, content)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as cause:
            raise NotSent(str(cause)) from cause
        except asyncio.TimeoutError as cause:
            raise NoReply(f"no answer within {timeout:g} s") from cause
        except (aiohttp.ClientError, OSError) as cause:
            raise NoReply(str(cause) or type(cause).__name__) from cause

    async def websocket(self) -> aiohttp.ClientWebSocketResponse[Any]:
        """A WebSocket to the server. Raises NotSent when it cannot be opened."""
        try:
            return await asyncio.wait_for(self._upgrade(), self._connect_timeout)
        except asyncio.TimeoutError as cause:
            raise NotSent(f"no connection within {self._connect_timeout:g} s") from cause
        except (aiohttp.ClientError, OSError) as cause:
            raise NotSent(str(cause)) from cause

    async def _upgrade(self) -> aiohttp.ClientWebSocketResponse[Any]:
        return await self._open().ws_connect(
            self.url + "/", max_msg_size=_EVENT_BYTES_MAX, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)
        )

    async def close(self) -> None:
        """Ends all connections. Can be called again."""
        self.closed = True
        session, self._session = self._session, None
        if self._release is not None:
            self._release.detach()
            self._release = None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self.closed:
            raise NotConnected("This client is closed.")
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections_max)
            self._session = aiohttp.ClientSession(connector=connector)
            self._release = weakref.finalize(self, _release, self._session, connector)
        return self._session


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
