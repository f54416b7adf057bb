"""The settings that the server and its clients share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def read_environment(folder: Path | None = None) -> Mapping[str, str]:
    """The variables of the process and, for names it does not have, those of ``.env`` in ``folder`` (default: the current one).

    The same rule as the server's. Raises OSError when there is a ``.env`` that cannot be read.
    """
    file = (folder or Path.cwd()) / ".env"
    values = parse_environment(file.read_text(encoding="utf-8-sig")) if file.is_file() else {}
    return {**values, **os.environ}


def parse_environment(text: str) -> dict[str, str]:
    """Lines of NAME=VALUE; ``export``, quotes, and comments after `` #`` are understood, anything else is passed over."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        name = name.removeprefix("export ").strip()
        if not separator or name.startswith("#"):
            continue
        value = value.strip()
        quote = value[:1]
        end = value.find(quote, 1) if quote in ("'", '"', "`") and quote else -1
        values[name] = value[1:end] if end > 0 else value.partition("#")[0].strip()
    return values
