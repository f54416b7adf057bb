"""``async with time_limit(seconds)`` on every Python: unlike ``wait_for`` it loses nothing that comes at the last moment."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 11):
    from asyncio import timeout as time_limit
else:
    from async_timeout import timeout as time_limit

__all__ = ["time_limit"]
