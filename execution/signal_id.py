"""Names for signals."""

from __future__ import annotations

import secrets
import time
import uuid


def new_signal_id() -> str:
    """A UUID of version 7 (RFC 9562, section 5.7), which later ones follow in the order of their text.

    The server keeps records by id; ids in the order of time are written side by side, random ones all over its index.
    After the 48 bits of milliseconds come 12 bits of their fraction (section 6.2, method 3) and 62 random ones.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = (rest << 12) // 1_000_000
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | secrets.randbits(62)))
