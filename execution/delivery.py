"""How often a request is sent, and what may be said when no answer comes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from execution.codes import CODES
from execution.errors import ConnectionFailed, OutcomeUnknown, ProtocolError
from execution.outcome import is_in_doubt
from execution.transport import NoReply, NotSent, Reply, Transport

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


async def deliver(
    transport: Transport,
    method: str,
    path: str,
    *,
    body: bytes | None,
    signal_ids: Sequence[str],
    timeout: float,
    policy: RetryPolicy,
) -> Reply:
    """The server's answer; a request is sent again when it was lost, or when the server is busy and says so.

    ``signal_ids`` names the signals with an effect in the request; empty for a request that changes nothing.
    Raises ConnectionFailed when certainly nothing was handed over, OutcomeUnknown when something may have been,
    ProtocolError when another program answers.
    """
    lost: str | None = None
    reason = ""
    for attempt in range(policy.attempts):
        last = attempt + 1 == policy.attempts
        wait = min(policy.pause * 4**attempt, policy.pause_max) * random.uniform(0.8, 1.2)
        try:
            reply = await transport.exchange(method, path, body=body, timeout=timeout)
        except NotSent as cause:
            reason = str(cause)
        except NoReply as cause:
            lost = reason = str(cause)
        except ProtocolError as cause:
            if lost is None or not signal_ids:
                raise
            raise OutcomeUnknown(signal_ids, lost) from cause
        else:
            busy = _is_busy(reply)
            # After a lost reply, or one that knows as little, "busy" and "in flight" say nothing about what was done.
            if lost is None:
                lost = _doubt(reply)
            in_doubt = lost is not None and len(signal_ids) > 0 and (busy or _is_unsettled(reply))
            if not busy and not in_doubt:
                return reply
            wait = wait if reply.retry_after is None else reply.retry_after
            if last or wait > policy.pause_max:
                if in_doubt:
                    break
                return reply
        if not last:
            await asyncio.sleep(wait)
    if lost is not None and signal_ids:
        raise OutcomeUnknown(signal_ids, lost)
    raise ConnectionFailed(transport.url, reason)


def is_retryable(body: dict[str, Any]) -> bool:
    """Whether the same request may succeed later: the answer's own word, else what its code means."""
    said = body.get("retryable")
    if isinstance(said, bool):
        return said
    entry = CODES.get(str(body.get("code")))
    return entry is not None and entry.retryable


def _is_busy(reply: Reply) -> bool:
    return reply.status in _BUSY_STATUSES and is_retryable(reply.body)


def _is_unsettled(reply: Reply) -> bool:
    """An earlier sending of the same request is, or may be, still worked on, in whole or (a batch) in part."""
    return any(answer.get("code") == "IN_FLIGHT" or is_in_doubt(answer) for answer in _answers(reply))


def _doubt(reply: Reply) -> str | None:
    """The server's own words that it cannot tell whether a trade was sent; None when it can."""
    return next((str(answer.get("error") or "the server cannot tell") for answer in _answers(reply) if is_in_doubt(answer)), None)


def _answers(reply: Reply) -> list[dict[str, Any]]:
    return [answer for answer in (reply.body, *reply.body.get("results", ())) if isinstance(answer, dict)]
