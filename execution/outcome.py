"""What an answer or a record says of a trade's outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ON_ITS_WAY = ("accepted", "signed", "pending")


def is_settled(answer: Mapping[str, Any]) -> bool:
    """Whether the trade has an outcome, good or bad; False for one that is still worked on or on its way, or may be.

    A settled LIVE trade can change once more, when its block leaves the chain, until ``final`` is true.
    """
    status = answer.get("status")
    if isinstance(status, str):
        return status not in _ON_ITS_WAY
    return not is_in_doubt(answer)


def is_in_doubt(answer: Mapping[str, Any]) -> bool:
    """Whether it is a refusal (its ``status`` is the number of HTTP) by a server that may have sent the trade before."""
    return answer.get("sent") == "unknown" and not isinstance(answer.get("status"), str)


def as_outcome(status: int, body: Mapping[str, Any], signal_id: str) -> dict[str, Any]:
    """The answer to a signal with the fields that each has, also where something between us and the server made it."""
    answer = {"signal_id": signal_id, "mode": None, "error": None, "code": None, **body}
    if "success" in body and (body["success"] is None or isinstance(body["success"], bool)):
        return answer
    error = body.get("error") or body.get("detail") or f"HTTP {status}"
    return {**answer, "success": False, "error": str(error)}
