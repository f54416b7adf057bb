"""What can go wrong between a program and the server, as one tree of exceptions.

A trade that fails is not an exception: it is an answer, a dictionary with ``success`` false, ``error`` and ``code``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class TitanError(Exception):
    """Base of everything this package raises, apart from ``TypeError`` and ``ValueError`` for wrong arguments."""


class SettingError(TitanError, ValueError):
    """What ``.env`` or the environment says cannot be read, or is not what the setting may be."""


class ConnectionFailed(TitanError):
    """The server could not be reached, or gave no answer to a request that changes nothing.

    No signal was handed over: sending it again, even under a new ``signal_id``, cannot trade twice.
    """

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(
            f"Failed to connect to execution server at {url}: {reason}\n"
            "  1. Make sure the execution server is running: npm start\n"
            "  2. Check that nothing else holds its port\n"
            "  3. Verify that EXECUTION_HOST and EXECUTION_PORT in .env are the server's"
        )


class NotConnected(TitanError):
    """A manager was used before ``initialize()`` succeeded, after ``close()``, or in two event loops at once."""


class ProtocolError(TitanError):
    """Something answered, but not as an execution server does; usually another program holds the port."""


class ModeMismatch(TitanError):
    """The server runs in another mode than the caller expects.

    ``answer`` is the answer that told so, None when it was noticed before any signal was sent. Where that answers a
    signal and its ``code`` is MODE_MISMATCH, nothing was executed; a server too old to know that code executed the
    signal in its own mode. Raised by ``resolve`` it says nothing of the signal: its record is in the other mode.
    """

    def __init__(self, expected: str, actual: str, answer: Mapping[str, Any] | None = None) -> None:
        self.expected = expected
        self.actual = actual
        self.answer = answer
        super().__init__(
            f"The execution server runs in {actual} mode, but {expected} was asked for. "
            f'Start the server with EXECUTION_MODE={expected}, or pass mode="{actual}" if that is what you mean.'
        )


class Refused(TitanError):
    """The server refused a request that is not a signal.

    ``code`` is a key of ``execution.codes.CODES``; ``hint`` is what the server says can be done, None when it says
    nothing.
    """

    def __init__(self, status: int, code: str | None, sentence: str, hint: str | None = None) -> None:
        self.status = status
        self.code = code
        self.hint = hint
        super().__init__(sentence if hint is None else f"{sentence} {hint}")


class ServerBusy(Refused):
    """The server cannot serve the request now; ``retry_after`` is its advice in seconds, None when it gave none."""

    def __init__(
        self, status: int, code: str | None, sentence: str, hint: str | None, retry_after: float | None
    ) -> None:
        super().__init__(status, code, sentence, hint)
        self.retry_after = retry_after


class OutcomeUnknown(TitanError):
    """Signals may have reached the server, but no answer about them came back.

    Ask for the outcome with ``await manager.resolve(error.signal_id)``. Sending the same signal again under the same
    ``signal_id`` is also safe; under a new one it is not. ``answer`` is that of a batch to the rest of its signals,
    None when there is none; those concerned have ``success`` None in it.
    """

    def __init__(self, signal_ids: Sequence[str], reason: str, answer: Mapping[str, Any] | None = None) -> None:
        self.signal_ids = tuple(signal_ids)
        self.reason = reason
        self.answer = answer
        named = ", ".join(self.signal_ids[:3]) + (", ..." if len(self.signal_ids) > 3 else "")
        super().__init__(f"No answer about {named}: {reason}. Ask for the outcome with resolve(signal_id).")

    @property
    def signal_id(self) -> str:
        """The id of the signal, or of the first one concerned of a batch."""
        return self.signal_ids[0]
