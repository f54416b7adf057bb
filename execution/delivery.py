"""How often a request is sent, and what may be said when no answer comes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from execution.codes import CODES
from execution.errors import ConnectionFailed, OutcomeUnknown, ProtocolError
from execution.outcome import is_in_doubt
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
        """Seconds to wait after the attempt of that number (from 0), where the server does not say."""
        return min(self.pause * 4.0**attempt, self.pause_max) * random.uniform(0.8, 1.2)


async def deliver(
    transport: Transport,
    method: str,
    path: str,
    *,
    body: bytes | None,
    headers: Mapping[str, str],
    signal_ids: Sequence[str],
    timeout: float,
    policy: RetryPolicy,
) -> Reply:
    """The server's answer; a request is sent again when it was lost, or when the server is busy and says so.

    ``signal_ids`` names the signal with an effect in the request; empty for a request that changes nothing.
    Raises ConnectionFailed when certainly nothing was handed over, OutcomeUnknown when something may have been,
    ProtocolError when another program answers.
    """
    lost: str | None = None
    reason = ""
    for attempt in range(policy.attempts):
        last = attempt + 1 == policy.attempts
        wait = policy.pause_after(attempt)
        try:
            reply = await transport.exchange(method, path, body=body, headers=headers, timeout=timeout)
        except NoRoom as cause:
            # It has waited its time here; the server is not asked for anything.
            reason = str(cause)
            break
        except NotSent as cause:
            reason = str(cause)
        except NoReply as cause:
            lost = reason = str(cause)
        except ProtocolError as cause:
            if lost is None or not signal_ids:
                raise
            raise OutcomeUnknown(signal_ids, lost) from cause
        else:
            busy = is_busy(reply.status, reply.body)
            # After a lost reply, or one that knows as little, "busy", "in flight" and "another mode" say nothing about what was done.
            if lost is None and is_in_doubt(reply.body):
                lost = str(reply.body.get("error") or "the server cannot tell")
            in_doubt = lost is not None and len(signal_ids) > 0 and (busy or is_unsettled(reply.body))
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


def is_unsettled(answer: Mapping[str, Any]) -> bool:
    """Whether an earlier sending of the same signal is, or may be, still worked on, or went to another server than this one."""
    return answer.get("code") in ("IN_FLIGHT", "MODE_MISMATCH") or is_in_doubt(answer)
