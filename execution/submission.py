"""Brings signals to the server: what is sent again, and what may be said when no answer comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from execution.codes import CODES
from execution.delivery import RetryPolicy, is_busy
from execution.errors import ConnectionFailed, ProtocolError
from execution.outcome import as_outcome, is_in_doubt
from execution.transport import NoReply, NoRoom, NotSent, Reply, Transport

_HTTP_OK = 200
#: Refusals that come before a server looks for what it has done under the id, or from anywhere.
_SAY_NOTHING = ("IN_FLIGHT", "MODE_MISMATCH", "UNKNOWN_CHAIN", "FORBIDDEN_HOST", "INTERNAL")


@dataclass(slots=True)
class Submission:
    """What is known of signals that were handed over, by ``signal_id``."""

    #: The newest answer that tells something. One in doubt by the server's own words is told so there.
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Why there is no answer where one was lost on the way: the signal may have been executed.
    lost: dict[str, str] = field(default_factory=dict)
    #: The refusal of all of them as a whole; empty when there was none.
    refusal: dict[str, Any] = field(default_factory=dict)


async def submit(
    transport: Transport,
    signals: Sequence[Mapping[str, Any]],
    *,
    batch: bool,
    headers: Mapping[str, str],
    timeout: float,
    policy: RetryPolicy,
) -> Submission:
    """Sends ``signals`` (wire objects with different ``signal_id``; one unless a ``batch``) until each has its answer.

    What was lost, was refused because the server is busy, or is in doubt by the server's own words, is sent again,
    without the signals that have their answer; always the same bytes for a signal, so that it is executed once.

    Raises ConnectionFailed when certainly nothing was handed over, ProtocolError when another program answers.
    """
    known = Submission()
    left = {str(signal["signal_id"]): signal for signal in signals}
    path = "/execute/batch" if batch else "/execute"
    reason = ""
    for attempt in range(policy.attempts):
        wait = policy.pause_after(attempt)
        content = {"signals": list(left.values())} if batch else signals[0]
        body = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
        try:
            reply = await transport.exchange("POST", path, body=body, headers=headers, timeout=timeout)
            results = _results(reply, list(left))
        except NoRoom as cause:
            # It has waited its time here; the server is not asked for anything.
            reason = str(cause)
            break
        except NotSent as cause:
            reason = str(cause)
        except NoReply as cause:
            reason = str(cause)
            known.lost.update(dict.fromkeys(left, reason))
        except ProtocolError as cause:
            if not known.answers and not known.lost:
                raise
            reason = str(cause)
        else:
            known.refusal = {} if "results" in reply.body or len(left) < len(signals) else dict(reply.body)
            for signal_id, (status, answer) in results.items():
                if _settle(known, signal_id, status, answer):
                    del left[signal_id]
            wait = wait if reply.retry_after is None else reply.retry_after
        if not left or wait > policy.pause_max:
            break
        if attempt + 1 < policy.attempts:
            await asyncio.sleep(wait)
    if not known.answers and not known.lost:
        raise ConnectionFailed(transport.url, reason)
    return known


def _settle(known: Submission, signal_id: str, status: int, answer: dict[str, Any]) -> bool:
    """Takes an answer into account; whether it is the last word on the signal."""
    doubted = signal_id in known.lost or is_in_doubt(known.answers.get(signal_id, {}))
    in_doubt = is_in_doubt(answer)
    says_nothing = is_busy(status, answer) or answer["code"] in _SAY_NOTHING or in_doubt
    if doubted and says_nothing:
        # None of these says what an earlier sending did, to a server that may have run with other settings.
        if in_doubt:
            known.answers[signal_id] = answer
        return False
    known.answers[signal_id] = answer
    known.lost.pop(signal_id, None)
    return not (in_doubt or is_busy(status, answer))


def _results(reply: Reply, ids: Sequence[str]) -> dict[str, tuple[int, dict[str, Any]]]:
    """HTTP status and answer of each signal. Raises NoReply when it is not told whose they are."""
    if "results" not in reply.body:
        if "success" not in reply.body and (reply.status < 300 or reply.status >= 500):
            # A gateway's own words, which may have lost the server after handing the request on.
            raise NoReply(f"HTTP {reply.status} without an answer of the server")
        return {signal_id: (reply.status, as_outcome(reply.status, reply.body, signal_id)) for signal_id in ids}
    results = reply.body["results"]
    if not isinstance(results, list) or len(results) != len(ids) or not all(isinstance(each, dict) for each in results):
        raise NoReply(f"the answer to {len(ids)} signals does not have one result for each")
    return {
        signal_id: (_status(result), as_outcome(_HTTP_OK, result, signal_id))
        for signal_id, result in zip(ids, results, strict=True)
    }


def _status(result: Mapping[str, Any]) -> int:
    """As if the signal had been alone: a refusal says its HTTP status, an execution has a word there."""
    status = result.get("status")
    if isinstance(status, int):
        return status
    entry = CODES.get(str(result.get("code")))
    return _HTTP_OK if isinstance(status, str) or entry is None else entry.status
