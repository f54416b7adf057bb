"""Reading a chain over JSON-RPC, many calls per request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import aiohttp

_BATCH_MAX = 50


class RpcFailed(Exception):
    """The node gave no usable answer to a request."""


class Rpc:
    """One node. The session belongs to the caller; ``timeout`` is in seconds for one request."""

    def __init__(self, session: aiohttp.ClientSession, url: str, *, timeout: float = 10.0) -> None:
        self._session = session
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def chain_id(self) -> int:
        """Raises RpcFailed."""
        (answer,) = await self._request([("eth_chainId", [])])
        if not isinstance(answer, str):
            raise RpcFailed("eth_chainId was not answered")
        return int(answer, 16)

    async def read(self, calls: Sequence[tuple[str, str]]) -> list[str | None]:
        """Results of calls (address, calldata) on the latest block, in order; None for one that reverted. Raises RpcFailed."""
        methods = [("eth_call", [{"to": to, "data": data}, "latest"]) for to, data in calls]
        chunks = [methods[start : start + _BATCH_MAX] for start in range(0, len(methods), _BATCH_MAX)]
        answers = await asyncio.gather(*(self._request(chunk) for chunk in chunks))
        return [answer for chunk in answers for answer in chunk]

    async def _request(self, methods: Sequence[tuple[str, list[Any]]]) -> list[str | None]:
        batch = [
            {"jsonrpc": "2.0", "id": index, "method": method, "params": params}
            for index, (method, params) in enumerate(methods)
        ]
        try:
            async with self._session.post(self._url, json=batch, timeout=self._timeout) as response:
                answers = json.loads(await response.read())
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError, ValueError) as cause:
            # The URL may hold a key, and some errors quote it: only the kind of the failure is told.
            raise RpcFailed(type(cause).__name__) from None
        if not isinstance(answers, list):
            raise RpcFailed(f"HTTP {response.status}, not an answer to a batch")
        results: list[str | None] = [None] * len(batch)
        for answer in answers:
            results[int(answer["id"])] = answer.get("result")
        return results
