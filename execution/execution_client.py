"""The public names of the client: ``from execution.execution_client import ExecutionManager, execute_trade``."""

from execution.answers import (
    BatchAnswer,
    Event,
    ExecutionEvent,
    Health,
    SimulationAnswer,
    Statistics,
    TradeAnswer,
    TradeRecord,
)
from execution.client import ExecutionClient
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
    "BatchAnswer",
    "CodeEntry",
    "ConnectionFailed",
    "Event",
    "EventStream",
    "ExecutionClient",
    "ExecutionEvent",
    "ExecutionManager",
    "Health",
    "ModeMismatch",
    "NotConnected",
    "OutcomeUnknown",
    "ProtocolError",
    "Refused",
    "RetryPolicy",
    "ServerBusy",
    "SettingError",
    "SimulationAnswer",
    "Statistics",
    "TitanError",
    "TradeAnswer",
    "TradeRecord",
    "TradeSignal",
    "execute_trade",
    "is_settled",
]
