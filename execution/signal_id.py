"""Names for signals."""

from __future__ import annotations

import os
import time


def new_signal_id() -> str:
    """A UUID of version 7 (RFC 9562, section 5.7), which later ones follow in the order of their text.

    The server keeps records by id; ids in the order of time are written side by side, random ones all over its index.
    After the 48 bits of milliseconds come 12 bits of their fraction (section 6.2, method 3) and 62 random ones.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = (rest << 12) // 1_000_000
    noise = int.from_bytes(os.urandom(8), "big") >> 2
    text = f"{milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | noise:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
