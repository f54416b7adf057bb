"""A request to trade."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from execution.encoding import (
    Amount,
    Extra,
    Integer,
    Usd,
    encode_amount,
    encode_extra,
    encode_integer,
    encode_signal_id,
    encode_texts,
    encode_usd,
)
from execution.signal_id import new_signal_id

Relay = Literal["public", "private", "private_then_public"]
Wait = Literal["none", "broadcast", "included"]


@dataclass(frozen=True, slots=True, init=False)
class TradeSignal:
    """One trade: borrow ``amount`` of ``token``, cross one pool per hop, repay, keep what remains.

    Types are checked here; what the values mean (addresses, route, chain) is judged by the server, whose answer
    names what is wrong. The constructor takes the wider types and keeps the narrow ones.
    """

    chain_id: int
    #: Address of the token that is borrowed.
    token: str
    #: Base units of ``token``.
    amount: int
    #: Lender: 1 = Balancer V3 vault, 2 = Aave V3 pool.
    flash_source: int
    #: Per hop: 0 = Uniswap V2 router, 1 = Uniswap V3 SwapRouter, 2 = Curve pool.
    protocols: tuple[int, ...]
    #: Per hop: address of the router or pool.
    routers: tuple[str, ...]
    #: Per hop the token that comes out (the last is ``token``), or per hop the token that goes in (the first is ``token``).
    path: tuple[str, ...]
    #: Per hop: 0x-hex of venue data; ``0x`` means the venue's default.
    extras: tuple[str, ...]
    #: US dollars that the caller expects; recorded by the server, never believed.
    expected_profit: Decimal
    #: Idempotency key: the same id and content always give the first answer again.
    signal_id: str
    #: Base units of ``token`` below which the trade is refused.
    min_profit: int | None
    #: Unix milliseconds after which the signal is refused.
    valid_until: int | None
    #: Highest block the trade may be simulated on.
    max_block: int | None
    #: Where a LIVE transaction may be shown before it is included.
    relay: Relay | None
    #: How far the answer of a LIVE trade waits.
    wait: Wait | None

    def __init__(
        self,
        chain_id: Integer,
        token: str,
        amount: Amount,
        flash_source: Integer,
        protocols: Iterable[Integer],
        routers: Iterable[str],
        path: Iterable[str],
        extras: Iterable[Extra],
        expected_profit: Usd = 0,
        signal_id: str | None = None,
        min_profit: Amount | None = None,
        valid_until: Integer | None = None,
        max_block: Integer | None = None,
        relay: Relay | None = None,
        wait: Wait | None = None,
    ) -> None:
        """Raises TypeError or ValueError with a sentence; makes a ``signal_id`` when there is none."""
        if not isinstance(token, str):
            raise TypeError(f"token must be a str, not {type(token).__name__}.")
        if isinstance(extras, (str, bytes, bytearray)):
            raise TypeError("extras must be a list with one entry per hop, not a single one.")

        def keep(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        keep("chain_id", encode_integer("chain_id", chain_id))
        keep("token", token)
        keep("amount", encode_amount("amount", amount))
        keep("flash_source", encode_integer("flash_source", flash_source))
        keep("protocols", tuple(encode_integer("An entry of protocols", protocol) for protocol in protocols))
        keep("routers", encode_texts("routers", routers))
        keep("path", encode_texts("path", path))
        keep("extras", tuple(encode_extra(extra) for extra in extras))
        keep("expected_profit", encode_usd("expected_profit", expected_profit))
        keep("signal_id", new_signal_id() if signal_id is None else encode_signal_id(signal_id))
        keep("min_profit", None if min_profit is None else encode_amount("min_profit", min_profit))
        keep("valid_until", None if valid_until is None else encode_integer("valid_until", valid_until))
        keep("max_block", None if max_block is None else encode_integer("max_block", max_block))
        keep("relay", relay)
        keep("wait", wait)

    def to_wire(self) -> dict[str, Any]:
        """The JSON object of the HTTP API; fields that are None are left out."""
        wire: dict[str, Any] = {
            "chainId": self.chain_id,
            "token": self.token,
            "amount": str(self.amount),
            "flashSource": self.flash_source,
            "protocols": list(self.protocols),
            "routers": list(self.routers),
            "path": list(self.path),
            "extras": list(self.extras),
            "expected_profit": float(self.expected_profit),
            "signal_id": self.signal_id,
            "min_profit": None if self.min_profit is None else str(self.min_profit),
            "valid_until": self.valid_until,
            "max_block": self.max_block,
            "relay": self.relay,
            "wait": self.wait,
        }
        return {name: value for name, value in wire.items() if value is not None}
