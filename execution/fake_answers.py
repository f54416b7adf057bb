"""What a :class:`FakeTitan` is told to answer, and the answers that it makes of it, in the server's own shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from execution.answers import Mode
from execution.codes import CODES

_TOKEN = "0x" + "00" * 20
_LIVE_STATUS = {"REVERTED": "reverted", "CANCELLED": "cancelled", "DISPLACED": "displaced", "EXPIRED": "expired"}
_IN_A_BLOCK = ("NET_LOSS", "PROFIT_MISMATCH", "REVERTED")


@dataclass(frozen=True, slots=True)
class Scripted:
    """What becomes of one signal; made by :func:`filled`, :func:`failed`, :func:`pending` and :func:`lost`."""

    code: str | None = None
    error: str | None = None
    profit: int = 0
    #: A LIVE trade on its way.
    open: bool = False
    #: Whether the answer is lost with its connection.
    lost: bool = False
    #: Fields of the answer that are to be others.
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Nothing is recorded, and HTTP says so."""
        return self.code is not None and CODES[self.code].status >= 400


def filled(profit: int = 1_000_000, **fields: Any) -> Scripted:
    """A success; ``profit`` is in base units of the token. ``fields`` replace those of the answer."""
    return Scripted(profit=profit, fields=fields)


def failed(code: str, error: str | None = None, **fields: Any) -> Scripted:
    """A trade that failed, or a signal that is refused, as the code has it; ``error`` is the sentence.

    Raises KeyError for a code that is not in ``execution.codes.CODES``.
    """
    return Scripted(code=code, error=error or CODES[code].meaning, fields=fields)


def pending(**fields: Any) -> Scripted:
    """A LIVE trade that is on its way when the answer comes; ``FakeTitan.settle`` says later what became of it."""
    return Scripted(open=True, fields=fields)


def lost(scripted: Scripted = Scripted(profit=1_000_000)) -> Scripted:
    """The signal is taken, and the answer is lost with its connection."""
    return replace(scripted, lost=True)


def answer_to(signal: Mapping[str, Any], scripted: Scripted, mode: Mode) -> dict[str, Any]:
    """The answer of ``POST /execute``, which is the record too."""
    if scripted.refused:
        return {**_refusal(scripted, mode, signal.get("signal_id")), **scripted.fields}
    token = str(signal.get("token", _TOKEN))
    success = None if scripted.open else scripted.code is None
    answer: dict[str, Any] = {
        "success": success,
        "mode": mode,
        "status": "filled" if success else "failed",
        "signal_id": signal["signal_id"],
        "chainId": signal["chainId"],
        **_reason(scripted),
        "simulation": {
            "success": True,
            "gasUsed": 400_000,
            "error": None,
            "profit": str(scripted.profit),
            "profit_token": token,
            "net_profit_usd": None,
            "gas_cost_wei": "400000000000000",
            "gas_price_wei": "1000000000",
            "l1_fee_wei": "0",
            "block": 1,
        },
        "expected_profit": signal.get("expected_profit", 0),
        "gas_cost_wei": "400000000000000",
        "net_profit_usd": None,
        "route": [],
        "timestamp": _now(),
    }
    if mode == "LIVE":
        answer |= _live(scripted, token)
    return {**answer, **scripted.fields}


def simulated(signal: Mapping[str, Any], scripted: Scripted, mode: Mode) -> dict[str, Any]:
    """The answer of ``POST /simulate``."""
    if scripted.refused:
        return answer_to(signal, scripted, mode)
    # Nothing of it is sent: the same fields in both modes.
    answer = {**answer_to(signal, replace(scripted, open=False), "PAPER"), "mode": mode}
    del answer["gas_cost_wei"]
    profit = answer.pop("net_profit_usd")
    return {**answer, "estimated_profit": profit}


def _refusal(scripted: Scripted, mode: Mode, signal_id: str | None) -> dict[str, Any]:
    entry = CODES[str(scripted.code)]
    return {
        "type": f"/errors/{scripted.code}",
        "title": entry.meaning,
        "status": entry.status,
        "detail": scripted.error,
        "success": False,
        "mode": mode,
        **({"signal_id": signal_id} if signal_id is not None else {}),
        **({"sent": "no"} if mode == "LIVE" else {}),
        **_reason(scripted),
        "timestamp": _now(),
    }


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reason(scripted: Scripted) -> dict[str, Any]:
    if scripted.code is None:
        return {"error": None, "code": None}
    entry = CODES[scripted.code]
    return {
        "error": scripted.error,
        "code": scripted.code,
        "retryable": entry.retryable,
        "hint": entry.fix,
        "facts": {},
    }


def _live(scripted: Scripted, token: str) -> dict[str, Any]:
    code = scripted.code
    in_a_block = not scripted.open and (code is None or code in _IN_A_BLOCK)
    sent = scripted.open or in_a_block or code in ("CANCELLED", "DISPLACED")
    transaction = "0x" + "ab" * 32 if sent else None
    return {
        "status": "pending" if scripted.open else _LIVE_STATUS.get(str(code), "included" if in_a_block else "denied"),
        "sent": "yes" if sent else "no",
        "final": not scripted.open,
        "txHash": transaction,
        "tx_hashes": [] if transaction is None else [transaction],
        "lane": _TOKEN if sent else None,
        "nonce": 0 if sent else None,
        "block": 1 if in_a_block else None,
        "profit": str(scripted.profit) if in_a_block else None,
        "profit_token": token,
        "gas_used": 400_000 if in_a_block else None,
    }
