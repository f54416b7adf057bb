"""How often a request is sent."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from execution.codes import CODES
from execution.errors import ConnectionFailed
from execution.transport import NoReply, NoRoom, NotSent, Reply, Transport

_BUSY_STATUSES = (408, 429, 503)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of sending again; always the same bytes, so the same ``signal_id``."""

    #: Times that one request is sent at most.
    attempts: int = 4
    #: Seconds before the second attempt; four times as long before each later one.
    pause: float = 0.1
    #: A server that asks for a longer wait (seconds) than this is not asked again: its answer is handed on.
    pause_max: float = 3.0

    def pause_after(self, attempt: int) -> float:
        """Seconds to wait after the attempt of that number (from 0), where the server does not say; at most ``pause_max``."""
        return min(self.pause * 4.0**attempt * random.uniform(0.8, 1.2), self.pause_max)


async def deliver(
    transport: Transport, method: str, path: str, *, body: bytes | None, timeout: float, policy: RetryPolicy
) -> Reply:
    """The answer to a request that changes nothing; it is sent again when it was lost, or when the server is busy.

    Raises ConnectionFailed when there is none, ProtocolError when another program answers.
    """
    reason = ""
    for attempt in range(policy.attempts):
        last = attempt + 1 == policy.attempts
        wait = policy.pause_after(attempt)
        try:
            reply = await transport.exchange(method, path, body=body, headers={}, timeout=timeout)
        except (NotSent, NoReply) as cause:
            reason = str(cause)
            if isinstance(cause, NoRoom):
                break
        else:
            wait = wait if reply.retry_after is None else reply.retry_after
            if last or wait > policy.pause_max or not is_busy(reply.status, reply.body):
                return reply
        if not last:
            await asyncio.sleep(wait)
    raise ConnectionFailed(transport.url, reason)


def is_retryable(body: Mapping[str, Any]) -> bool:
    """Whether the same request may succeed later: the answer's own word, else what its code means."""
    said = body.get("retryable")
    if isinstance(said, bool):
        return said
    entry = CODES.get(str(body.get("code")))
    return entry is not None and entry.retryable


def is_busy(status: int, answer: Mapping[str, Any]) -> bool:
    """Whether the server, with this HTTP status, only had no room or no time: the same request may be taken soon."""
    return status in _BUSY_STATUSES and is_retryable(answer)
