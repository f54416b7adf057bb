"""The public names of the client: ``from execution.execution_client import ExecutionManager, execute_trade``."""

from execution.client import Answer, ExecutionClient
from execution.codes import CODES, CodeEntry
from execution.delivery import RetryPolicy
from execution.errors import (
    ConnectionFailed,
    ModeMismatch,
    NotConnected,
    OutcomeUnknown,
    ProtocolError,
    Refused,
    ServerBusy,
    SettingError,
    TitanError,
)
from execution.events import EventStream
from execution.manager import ExecutionManager, execute_trade
from execution.outcome import is_settled
from execution.trade_signal import TradeSignal

__all__ = [
    "CODES",
    "Answer",
    "CodeEntry",
    "ConnectionFailed",
    "EventStream",
    "ExecutionClient",
    "ExecutionManager",
    "ModeMismatch",
    "NotConnected",
    "OutcomeUnknown",
    "ProtocolError",
    "Refused",
    "RetryPolicy",
    "ServerBusy",
    "SettingError",
    "TitanError",
    "TradeSignal",
    "execute_trade",
    "is_settled",
]
