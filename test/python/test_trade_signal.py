import dataclasses
import json
import re
import time
import uuid
from decimal import Decimal
from typing import Any

import pytest
from conftest import DOCUMENT_TRADE, UNISWAP_V2, UNISWAP_V3, USDC, WETH

from execution.encoding import encode_extra
from execution.execution_client import TradeSignal


def signal(**changes: Any) -> TradeSignal:
    return TradeSignal(**{**DOCUMENT_TRADE, **changes})


def test_goes_onto_the_wire_in_the_servers_names() -> None:
    sent = signal(
        signal_id="a-1", min_profit="70003", valid_until=1_765_000_000_123, max_block=21, relay="public", wait="none"
    )
    assert sent.to_wire() == {
        "chainId": 1,
        "token": USDC,
        "amount": "1000000000",
        "flashSource": 1,
        "protocols": [0, 1],
        "routers": [UNISWAP_V2, UNISWAP_V3],
        "path": [USDC, WETH],
        "extras": ["0x", "0x"],
        "expected_profit": 50.0,
        "signal_id": "a-1",
        "min_profit": "70003",
        "valid_until": 1_765_000_000_123,
        "max_block": 21,
        "relay": "public",
        "wait": "none",
    }


def test_leaves_out_what_was_not_given_and_makes_an_id() -> None:
    one, other = signal(), signal()
    assert not {"min_profit", "valid_until", "max_block", "relay", "wait"} & set(one.to_wire())
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", one.signal_id) and one.signal_id != other.signal_id


def test_is_frozen_apart_from_copies() -> None:
    one = signal(signal_id="one")
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.amount = 7  # type: ignore[misc]
    assert dataclasses.replace(one, amount=123_456_789).to_wire()["amount"] == "123456789"


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        (b"", "0x"),
        (bytearray(b"\x01\xf4"), "0x01f4"),
        (memoryview(b"\xff"), "0xff"),
        ("", "0x"),
        ("0x", "0x"),
        ("0x00BB8F", "0x00bb8f"),
        ("0X01", "0x01"),
        ("01f4", "0x01f4"),
        (b"0x", "0x"),
        (b"0x0000000bb8", "0x0000000bb8"),
        (b"0bb8", "0x30626238"),  # bytes without the prefix are bytes
        ((3000).to_bytes(32, "big"), "0x" + f"{3000:064x}"),
    ],
)
def test_extras_take_bytes_and_hex(given: Any, wire: str) -> None:
    assert encode_extra(given) == wire


@pytest.mark.parametrize("given", ["0x123", "0xzz", b"0x123", "hello!"])
def test_extras_refuse_what_is_not_whole_bytes(given: Any) -> None:
    with pytest.raises(ValueError, match="whole bytes"):
        encode_extra(given)


def test_amounts_are_exact() -> None:
    most = 2**256 - 1
    assert signal(amount=most).to_wire()["amount"] == str(most)
    assert signal(amount="00123").amount == 123
    assert signal(expected_profit="0.1").expected_profit == Decimal("0.1")
    assert signal(expected_profit=Decimal("12.5")).to_wire()["expected_profit"] == 12.5


class Whole:
    """As numpy's integers are: of no built-in type, whole by ``__index__``."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __index__(self) -> int:
        return self._value


@pytest.mark.parametrize("whole", [Whole, Decimal])
def test_whole_numbers_of_every_exact_type_are_taken(whole: Any) -> None:
    sent = signal(
        chain_id=whole(137),
        amount=whole(1_000_000_000),
        flash_source=whole(1),
        protocols=[whole(0), whole(1)],
        min_profit=whole(70_003),
        valid_until=whole(1_765_000_000_123),
        max_block=whole(21),
        signal_id="a-1",
    ).to_wire()
    plain = {"chain_id": 137, "min_profit": "70003", "valid_until": 1_765_000_000_123, "max_block": 21}
    assert sent == signal(**plain, signal_id="a-1").to_wire()
    assert json.dumps(sent)
    assert signal(amount=Decimal("1E+9")).amount == 10**9


def test_made_ids_follow_each_other_and_say_when() -> None:
    """RFC 9562: version 7, its variant, and the milliseconds of Unix in front."""
    before = time.time_ns() // 1_000_000
    ids = []
    for _ in range(50):
        ids.append(signal().signal_id)
        time.sleep(0.0002)
    after = time.time_ns() // 1_000_000
    assert ids == sorted(ids) and len(set(ids)) == 50
    for each in map(uuid.UUID, ids):
        assert (each.version, each.variant) == (7, uuid.RFC_4122)
        assert before <= each.int >> 80 <= after


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"chain_id": "1"}, TypeError, "chain_id must be an int, not str"),
        ({"chain_id": True}, TypeError, "chain_id must be an int, not bool"),
        ({"token": 7}, TypeError, "token must be a str"),
        ({"amount": 1e9}, TypeError, "amount must be an int or a str of decimal digits, not float"),
        ({"amount": Decimal("1000000000.5")}, TypeError, "not Decimal('1000000000.5')"),
        ({"amount": Decimal("NaN")}, TypeError, "not Decimal('NaN')"),
        ({"amount": Decimal("1E+999999")}, TypeError, "not Decimal('1E+999999')"),
        ({"amount": True}, TypeError, "not bool"),
        ({"chain_id": Decimal("1.5")}, TypeError, "chain_id must be an int, not Decimal('1.5')"),
        ({"amount": -5}, ValueError, "amount must not be negative"),
        ({"amount": "1.5"}, ValueError, "amount must be base units"),
        ({"amount": "1_000"}, ValueError, "amount must be base units"),
        ({"protocols": ["0", "1"]}, TypeError, "An entry of protocols must be an int"),
        ({"routers": UNISWAP_V2}, TypeError, "routers must be a list of strings"),
        ({"path": [USDC, None]}, TypeError, "An entry of path must be a str"),
        ({"extras": b""}, TypeError, "extras must be a list"),
        ({"extras": [None, b""]}, TypeError, "An entry of extras must be bytes or a hex string"),
        ({"expected_profit": float("nan")}, ValueError, "expected_profit must be finite"),
        ({"expected_profit": "much"}, ValueError, "expected_profit must be a number"),
        ({"signal_id": "a b"}, ValueError, "signal_id must be 1 to 64"),
        ({"signal_id": ".."}, ValueError, "with a letter or digit"),
        ({"signal_id": "x" * 65}, ValueError, "signal_id must be 1 to 64"),
        ({"min_profit": 0.5}, TypeError, "min_profit must be an int"),
        ({"valid_until": 1.5}, TypeError, "valid_until must be an int"),
    ],
)
def test_refuses_obvious_mistakes_with_a_sentence(changes: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=re.escape(sentence)):
        signal(**changes)
