"""What an answer or a record says of a trade's outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ON_ITS_WAY = ("accepted", "signed", "pending")


def is_settled(answer: Mapping[str, Any]) -> bool:
    """Whether the trade has an outcome, good or bad; False for one that is still worked on or on its way.

    A settled LIVE trade can change once more, when its block leaves the chain, until ``final`` is true.
    """
    return answer.get("status") not in _ON_ITS_WAY
