"""From the values a caller may hold to the values on the wire."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Union

Extra = Union[bytes, bytearray, memoryview, str]
"""Venue data of one hop: raw bytes, a hex string, or the ASCII bytes of a hex string."""
Amount = Union[int, str]
"""Base units of a token: an integer or its decimal digits."""
Usd = Union[float, int, str, Decimal]

_DIGITS = re.compile(r"[0-9]+")
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})*)")
_HEX_BYTES = re.compile(rb"0[xX][0-9a-fA-F]*")
_SIGNAL_ID = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9._-]{1,64}")


def encode_integer(name: str, value: int) -> int:
    """``value`` if it is an integer (``bool`` is not). Raises TypeError."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}.")
    return value


def encode_amount(name: str, value: Amount) -> int:
    """Base units as an int. Raises TypeError for a float, which cannot hold them, and ValueError for other text than digits."""
    if isinstance(value, str):
        if not _DIGITS.fullmatch(value):
            raise ValueError(f"{name} must be base units in decimal digits, such as '1000000000', not {value!r}.")
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int or a str of decimal digits, not {type(value).__name__}.")
    if value < 0:
        raise ValueError(f"{name} must not be negative.")
    return value


def encode_extra(value: Extra) -> str:
    """One hop's venue data as 0x-prefixed hex.

    ``b''`` is ``0x``. Bytes that spell a hex string beginning with ``0x`` are taken as that string; all others are
    taken as they are. Raises TypeError and ValueError.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        raw = bytes(value)
        if not _HEX_BYTES.fullmatch(raw):
            return "0x" + raw.hex()
        value = raw.decode("ascii")
    if not isinstance(value, str):
        raise TypeError(f"An entry of extras must be bytes or a hex string, not {type(value).__name__}.")
    match = _HEX.fullmatch(value)
    if match is None:
        raise ValueError(f"An entry of extras must hold whole bytes in hex, not {value!r}.")
    return "0x" + match.group(1).lower()


def encode_usd(name: str, value: Usd) -> Decimal:
    """US dollars as a finite Decimal. Raises TypeError and ValueError."""
    if isinstance(value, bool) or not isinstance(value, (float, int, str, Decimal)):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}.")
    try:
        usd = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{name} must be a number, not {value!r}.") from None
    if not usd.is_finite():
        raise ValueError(f"{name} must be finite, not {value}.")
    return usd


def encode_texts(name: str, values: Iterable[str]) -> tuple[str, ...]:
    """A tuple of strings. Raises TypeError, also for a single string, which is a list of characters by mistake."""
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{name} must be a list of strings, not a single one.")
    texts = tuple(values)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"An entry of {name} must be a str, not {type(text).__name__}.")
    return texts


def encode_signal_id(value: str) -> str:
    """``value`` if it can be a signal_id. Raises TypeError and ValueError."""
    if not isinstance(value, str):
        raise TypeError(f"signal_id must be a str, not {type(value).__name__}.")
    if not _SIGNAL_ID.fullmatch(value):
        raise ValueError(f"signal_id must be 1 to 64 of A-Z a-z 0-9 . _ -, with a letter or digit, not {value!r}.")
    return value
