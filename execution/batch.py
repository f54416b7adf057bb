"""A batch: each of its signals is delivered as one that is sent alone, and no answer of one is lost over another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from execution.codes import CODES
from execution.delivery import RetryPolicy, is_busy, is_unsettled
from execution.errors import ConnectionFailed, OutcomeUnknown, ProtocolError
from execution.outcome import as_outcome, is_in_doubt
from execution.transport import NoReply, NoRoom, NotSent, Reply, Transport


async def deliver_batch(
    transport: Transport,
    signals: Sequence[Mapping[str, Any]],
    *,
    headers: Mapping[str, str],
    timeout: float,
    policy: RetryPolicy,
) -> dict[str, Any]:
    """``total``, ``succeeded``, ``failed``, and in ``results`` the newest answer to each signal, in order.

    ``signals`` are wire objects with different ``signal_id``. What was lost, was refused because the server is busy, or is
    in doubt by the server's own words, is sent again, without the signals that have their answer. A signal that stays in
    doubt by the server's words has that answer. When all are refused as a whole, the fields of the refusal stand beside them.

    Raises OutcomeUnknown when an answer was lost on the way and did not come later: it names the signals concerned, and
    its ``answer`` is the batch as far as it is known. Raises ConnectionFailed and ProtocolError when nothing was handed over.
    """
    ids = [str(signal["signal_id"]) for signal in signals]
    left = dict(zip(ids, signals, strict=True))
    answers: dict[str, dict[str, Any]] = {}
    lost: dict[str, str] = {}
    refusal: dict[str, Any] = {}
    reason = ""
    for attempt in range(policy.attempts):
        wait = policy.pause_after(attempt)
        try:
            body = _encode(left.values())
            reply = await transport.exchange("POST", "/execute/batch", body=body, headers=headers, timeout=timeout)
            results = _results(reply, list(left))
        except NoRoom as cause:
            reason = str(cause)
            break
        except NotSent as cause:
            reason = str(cause)
        except NoReply as cause:
            reason = str(cause)
            lost.update(dict.fromkeys(left, reason))
        except ProtocolError as cause:
            if not answers and not lost:
                raise
            reason = str(cause)
        else:
            refusal = {} if "results" in reply.body or len(left) < len(ids) else dict(reply.body)
            for signal_id, answer in results.items():
                doubted = signal_id in lost or is_in_doubt(answers.get(signal_id, {}))
                # To a signal in doubt, "busy", "in flight" and "another mode" say nothing about what an earlier sending did.
                busy = is_busy(_status(answer), answer)
                if not busy and not (is_unsettled(answer) and (doubted or is_in_doubt(answer))):
                    del left[signal_id]
                    lost.pop(signal_id, None)
                elif doubted and not is_in_doubt(answer):
                    continue
                answers[signal_id] = answer
            wait = wait if reply.retry_after is None else reply.retry_after
        if not left or wait > policy.pause_max:
            break
        if attempt + 1 < policy.attempts:
            await asyncio.sleep(wait)
    if lost:
        known = {**answers, **{signal_id: _unknown(signal_id, why) for signal_id, why in lost.items()}}
        raise OutcomeUnknown(list(lost), next(iter(lost.values())), _whole(ids, known) if answers else None)
    if not answers:
        raise ConnectionFailed(transport.url, reason)
    return {**refusal, **_whole(ids, answers)}


def _encode(signals: Iterable[Mapping[str, Any]]) -> bytes:
    return json.dumps({"signals": list(signals)}, separators=(",", ":"), allow_nan=False).encode()


def _results(reply: Reply, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By signal_id; each the refusal where the batch was refused as a whole. Raises NoReply when it is not told whose they are."""
    if "results" not in reply.body:
        return {signal_id: as_outcome(reply.status, reply.body, signal_id) for signal_id in ids}
    results = reply.body["results"]
    if not isinstance(results, list) or len(results) != len(ids) or not all(isinstance(each, dict) for each in results):
        raise NoReply(f"the answer to {len(ids)} signals does not have one result for each")
    return {signal_id: as_outcome(200, result, signal_id) for signal_id, result in zip(ids, results, strict=True)}


def _status(answer: Mapping[str, Any]) -> int:
    """HTTP status of an answer in a batch, as if the signal had been alone: a refusal says it, an execution has a word there."""
    status = answer.get("status")
    if isinstance(status, str):
        return 200
    entry = CODES.get(str(answer.get("code")))
    return status if isinstance(status, int) else entry.status if entry is not None else 200


def _unknown(signal_id: str, reason: str) -> dict[str, Any]:
    return as_outcome(
        200, {"success": None, "sent": "unknown", "error": f"No answer came back: {reason}."}, signal_id
    )


def _whole(ids: Sequence[str], answers: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    results = [answers[signal_id] for signal_id in ids]
    succeeded = sum(answer.get("success") is True for answer in results)
    return {"total": len(ids), "succeeded": succeeded, "failed": len(ids) - succeeded, "results": results}
