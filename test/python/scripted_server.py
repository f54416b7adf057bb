"""A server that answers what a test tells it to, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    #: Of a POST.
    json: Any


@dataclass
class ScriptedServer:
    """Gives ``replies`` in turn, the last one for ever: HTTP status and JSON body, or None to cut the connection."""

    replies: list[tuple[int, Any] | None] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    #: Seconds before each reply.
    delay: float = 0.0
    port: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked.append(Asked(request.method, request.path, request.headers, json.loads(body) if body else None))
        await asyncio.sleep(self.delay)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        status, answer = reply
        return web.json_response(answer, status=status)


@asynccontextmanager
async def scripted_server(*replies: tuple[int, Any] | None) -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer(list(replies))
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()
