"""A TCP proxy that loses things on demand, between a client and a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TcpProxy:
    """Forwards to ``target_port`` on loopback; the switches act on connections already open, too."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        #: How many replies more are read from the server and then lost with their connection.
        self.replies_to_lose = 0
        #: Replies that are given next, in place of asking the server.
        self.canned: list[bytes] = []
        #: First lines of the requests seen.
        self.requests: list[str] = []
        #: Whether what the server says is swallowed while connections stay open.
        self.mute = False

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._writers |= {writer, upstream_writer}
            back = asyncio.create_task(self._replies(upstream_reader, writer))
            await self._requests(reader, writer, upstream_writer)
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)
            upstream_writer.close()
        except OSError:
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            if data.startswith((b"GET ", b"POST ")):
                self.requests.append(data.split(b" HTTP/", 1)[0].decode())
                if self.canned:
                    writer.write(self.canned.pop(0))
                    continue
            upstream.write(data)

    async def _replies(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await upstream.read(65536):
            if self.mute:
                continue
            if self.replies_to_lose > 0:
                self.replies_to_lose -= 1
                break
            writer.write(data)
        writer.close()

    def cut(self) -> None:
        """Ends every connection."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def drain(self) -> None:
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def tcp_proxy(target_port: int, port: int = 0) -> AsyncIterator[TcpProxy]:
    proxy = TcpProxy(target_port)
    server = await asyncio.start_server(proxy.connection, "127.0.0.1", port)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.drain()


def http_reply(status: int, body: bytes, *headers: str) -> bytes:
    """A whole HTTP reply for ``TcpProxy.canned``."""
    lines = [f"HTTP/1.1 {status} Canned", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
