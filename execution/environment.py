"""The settings that the server and its clients share, by the rules of src/config/parseEnvFile.ts and settingText.ts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from execution.errors import SettingError

#: What ECMAScript takes for white space.
_BLANKS = (
    " \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_COMMENT = re.compile(rf"(?:^|[{_BLANKS}])#.*$", re.DOTALL)
_EXPORT = re.compile(rf"^export[{_BLANKS}]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MEANT = re.compile(
    rf"""(?:export[{_BLANKS}]+|set[{_BLANKS}]+|\$env:|-[{_BLANKS}]+|["'{{{_BLANKS}])*"""
    rf"""([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)["']?[{_BLANKS}]*[:={_BLANKS}]"""
)
_PLACEHOLDER = re.compile(r"""["']?(?:[a-z0-9_|]*://|0x)?\.\.\.|your_private_key""", re.IGNORECASE | re.ASCII)
_QUOTES_LEFT = re.compile("""^["'`“”‘’]|["'`“”‘’]$""")


def read_environment(folder: Path | None = None) -> Mapping[str, str]:
    """The variables of the process and, for names it does not have, those of ``.env`` in ``folder`` (the current one).

    Raises SettingError when there is a ``.env`` that cannot be read, or has a line that sets nothing.
    """
    file = (folder or Path.cwd()) / ".env"
    try:
        values = parse_environment(file.read_bytes())
    except FileNotFoundError:
        values = {}
    except IsADirectoryError:
        why = "docker makes one where the file to mount is missing"
        raise SettingError(f"{file} is a folder and no file; remove it ({why}).") from None
    except OSError as cause:
        raise SettingError(
            f"{file} cannot be read ({cause.strerror}); correct its permissions or remove it."
        ) from cause
    except SettingError as cause:
        raise SettingError("\n".join(f"{file} {problem}" for problem in str(cause).splitlines())) from None
    return {**values, **os.environ}


def setting(name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The text of one setting; None when it is empty or a placeholder (every part between commas begins with ``...`` or ``https://...``).

    Comments after the value are cut off, which ``docker --env-file`` and systemd hand on. ``environment`` is that of
    ``read_environment()`` unless given. Raises SettingError for a value that still has quotes around it.
    """
    raw = (read_environment() if environment is None else environment).get(name, "")
    text = _COMMENT.sub("", raw, count=1).strip(_BLANKS)
    parts = [part.strip(_BLANKS) for part in text.split(",")]
    if all(part == "" or _PLACEHOLDER.match(part) for part in parts):
        return None
    if any(_QUOTES_LEFT.search(part) for part in parts):
        raise SettingError(
            f"{name} has quotes left in its value; remove them: "
            "container runtimes (docker --env-file) do not take them off."
        )
    return text


def instead(text: str) -> str:
    """What a sentence may quote of a wrong value: one that is long may be a key at the wrong place."""
    return f', not "{text}"' if len(text) <= 16 else ""


def parse_environment(content: bytes) -> dict[str, str]:
    """What a ``.env`` sets: UTF-8 lines NAME=VALUE, empty lines and comments; of a name that comes twice, the last.

    ``export`` before a name, one pair of quotes around a value and comments after a blank and ``#`` are taken off.
    Raises SettingError with a line for each problem, to follow the file's name; it holds nothing of a value, which
    may be a key.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content:
        fix = 'save it as UTF-8 (in Windows editors: "Save as", encoding UTF-8)'
        raise SettingError(f"is saved as UTF-16, or is no text; {fix}.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingError("is not UTF-8; save it as UTF-8.") from None
    values: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        try:
            values.update(_read_line(line.strip(_BLANKS)))
        except SettingError as cause:
            problems.append(f"line {number} {cause}")
    if problems:
        raise SettingError("\n".join(problems))
    return values


def _read_line(line: str) -> dict[str, str]:
    if line == "" or line.startswith("#"):
        return {}
    before, equals, after = line.partition("=")
    name = _EXPORT.sub("", before).strip(_BLANKS)
    if not equals or not _NAME.fullmatch(name):
        raise SettingError(f"is not NAME=VALUE; {_fix_of(line)}")
    value = after.strip(_BLANKS)
    quote = value[:1]
    if not quote or quote not in "\"'`":
        return {name: _COMMENT.sub("", value, count=1).strip(_BLANKS)}
    end = value.find(quote, 1)
    if end == -1:
        raise SettingError(f"has a value that begins with {quote} and does not end with it.")
    rest = value[end + 1 :].strip(_BLANKS)
    if rest and not rest.startswith("#"):
        raise SettingError("has text after the closing quote of its value.")
    quoted = value[1:end]
    if _COMMENT.search(quoted):
        why = "which begins a comment even in quotes; no setting may hold one"
        raise SettingError(f"has a # after a blank in its value, {why}.")
    return {name: quoted}


def _fix_of(line: str) -> str:
    """Names the setting that is meant, when that is certain to be a name and no part of a secret."""
    meant = _MEANT.match(line)
    if meant is None:
        return "remove it, or put a # before it."
    return f"write {meant.group(1)}=, the value right after it, and nothing before it."
