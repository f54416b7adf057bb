"""From the values a caller may hold to the values on the wire."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from numbers import Real
from typing import SupportsIndex, Union

Extra = Union[bytes, bytearray, memoryview, str]
"""Venue data of one hop: raw bytes, a hex string, or the ASCII bytes of a hex string."""
Integer = Union[SupportsIndex, Decimal]
"""A whole number of any type that is exact: an int, numpy's and pandas' integers, a Decimal without a fraction."""
Amount = Union[SupportsIndex, Decimal, str]
"""Base units of a token: a whole number or its decimal digits."""
Usd = Union[float, SupportsIndex, str, Decimal]

#: More digits than any number of 256 bits has.
_EXPONENT_MAX = 78
_DIGITS = re.compile(r"[0-9]+")
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})*)")
_HEX_BYTES = re.compile(rb"0[xX][0-9a-fA-F]*")
_SIGNAL_ID = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9._-]{1,64}")


def encode_integer(name: str, value: Integer, wanted: str = "an int") -> int:
    """``value`` as an int. Raises TypeError for what is no exact whole number: a float, a bool, Decimal("1.5")."""
    if isinstance(value, Decimal):
        if value.is_finite() and value == value.to_integral_value() and value.adjusted() <= _EXPONENT_MAX:
            return int(value)
        raise TypeError(f"{name} must be {wanted}, not Decimal('{value}').")
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"{name} must be {wanted}, not {type(value).__name__}.")
    return number


def encode_amount(name: str, value: Amount) -> int:
    """Base units as an int. Raises TypeError as ``encode_integer``, ValueError for a negative one and text not of digits."""
    if isinstance(value, str):
        if not _DIGITS.fullmatch(value):
            raise ValueError(f"{name} must be base units in decimal digits, such as '1000000000', not {value!r}.")
        return int(value)
    number = encode_integer(name, value, "an int or a str of decimal digits")
    if number < 0:
        raise ValueError(f"{name} must not be negative.")
    return number


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
    if isinstance(value, bool) or not isinstance(value, (Real, str, Decimal)):
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
