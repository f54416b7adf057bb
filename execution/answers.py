"""The shapes of what the server answers: plain dictionaries, with their fields known to editors and type checkers.

Amounts are decimal strings in base units of their token, or in wei; US dollars are numbers; addresses and hashes are
0x-hex. A field of a class with ``total=False`` may be missing. Servers may send more fields than are named here.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Union

Mode = Literal["PAPER", "LIVE"]
Sent = Literal["no", "yes", "unknown"]
Status = Literal[
    "filled", "failed",  # PAPER
    "accepted", "signed", "pending",  # LIVE, on its way
    "included", "reverted", "cancelled", "displaced", "denied", "expired",  # LIVE, settled
]  # fmt: skip


class Hop(TypedDict):
    """One hop of a route as it was understood."""

    protocol: int
    router: str
    token_in: str
    token_out: str
    extra: str


class Leftover(TypedDict):
    """What a hop left of its input in the executor."""

    hop: int
    token: str
    amount: str | None


class _Simulation(TypedDict):
    success: bool
    gasUsed: int
    error: str | None
    profit: str | None
    profit_token: str
    net_profit_usd: float | None
    gas_cost_wei: str | None
    gas_price_wei: str | None
    l1_fee_wei: str | None
    block: int


class Simulation(_Simulation, total=False):
    """The trade on the state of ``block``. The last three fields are there when it failed."""

    unpriced: str
    leftovers: list[Leftover]
    shortfall: str | None
    failed_hop: int | None
    revert_data: str | None


class _Outcome(TypedDict):
    #: None while it is on its way.
    success: bool | None
    #: None when something between us and the server answered.
    mode: Mode | None
    signal_id: str
    #: A sentence, and a key of ``execution.codes.CODES``; None when there is nothing to say.
    error: str | None
    code: str | None


class _Trade(TypedDict, total=False):
    #: A refusal has a number of HTTP here.
    status: Status | int
    chainId: int
    # Where ``code`` is not None.
    retryable: bool
    hint: str
    facts: dict[str, Any]
    #: None when it was refused before it was simulated.
    simulation: Simulation | None
    expected_profit: float
    gas_cost_wei: str | None
    net_profit_usd: float | None
    unpriced: str
    route: list[Hop]
    #: RFC 3339, UTC.
    timestamp: str
    # In LIVE.
    sent: Sent
    final: bool
    txHash: str | None
    tx_hashes: list[str]
    lane: str | None
    nonce: int | None
    block: int | None
    profit: str | None
    profit_token: str
    gas_used: int | None
    warning: str
    note: str
    leftovers: list[Leftover]


class _Problem(TypedDict, total=False):
    # A refusal is a problem of RFC 9457.
    type: str
    title: str
    detail: str
    trace_id: str


class TradeAnswer(_Outcome, _Trade, _Problem):
    """What became of a signal: an execution, or a refusal of which nothing is recorded."""


class SimulationAnswer(TradeAnswer, total=False):
    """What would become of a signal."""

    #: The simulated net profit in US dollars; None when it cannot be told.
    estimated_profit: float | None


class _BatchAnswer(TypedDict):
    total: int
    succeeded: int
    failed: int
    results: list[TradeAnswer]


class BatchAnswer(_BatchAnswer, _Problem, total=False):
    """One result per signal, in order; the other fields are of a refusal of the batch as a whole."""

    success: bool
    mode: Mode
    error: str
    code: str
    status: int
    retryable: bool
    hint: str
    facts: dict[str, Any]
    sent: Sent
    timestamp: str


class SignalFields(TypedDict):
    """A signal as the server understood it; ``path`` names what each hop gives."""

    signal_id: str
    chainId: int
    token: str
    amount: str
    flashSource: int
    protocols: list[int]
    routers: list[str]
    path: list[str]
    extras: list[str]
    expected_profit: float
    min_profit: str
    valid_until: int | None
    max_block: int | None


EventType = Literal["paper_execution", "live_execution", "execution_update"]


class TradeRecord(_Outcome, _Trade, total=False):
    """The newest event of an execution; one that is being worked on is "accepted" and has none of these fields yet."""

    type: EventType
    #: Place in the event log.
    seq: int
    signal: SignalFields


class _ExecutionEvent(_Outcome, _Trade):
    type: EventType
    #: Place in the event log.
    seq: int
    signal: SignalFields


class ExecutionEvent(_ExecutionEvent, total=False):
    """An execution as it was recorded, or (``execution_update``) what changed of one."""

    #: The event before it on this stream, where that is not the one numbered before it.
    prev_seq: int


class Gap(TypedDict):
    """Events before ``oldest`` cannot be had any more."""

    type: Literal["gap"]
    oldest: int


class Reset(TypedDict):
    """The server has another log than before, which is read from its beginning."""

    type: Literal["reset"]
    epoch: str


Event = Union[ExecutionEvent, Gap, Reset]
"""What ``events()`` gives; ``type`` tells which."""


class Counters(TypedDict):
    total_signals: int
    executed: int
    failed: int
    paper_executed: int


class ChainCounters(Counters):
    """Signals by what became of them; the rest of ``total_signals`` are being worked on. Profits are in US dollars."""

    recorded: int
    refused: int
    repeated: int
    unpriced: int
    total_profit: float
    total_expected_profit: float


class Statistics(ChainCounters):
    mode: Mode
    connected_clients: int
    providers: int
    #: Seconds.
    uptime: float
    #: By chain id.
    per_chain: dict[str, ChainCounters]


class ChainPause(TypedDict):
    since: str
    by: str
    reason: str | None


class Executor(TypedDict):
    address: str
    deployed: bool


class Behind(TypedDict):
    blocks: int
    seconds: float


class Endpoint(TypedDict):
    host: str
    state: str
    healthy: bool
    head: int | None
    headAgeMs: float | None
    behind: Behind | None
    clientVersion: str | None
    latencyMs: float | None
    lastError: str | None


class Lane(TypedDict):
    """An account that sends."""

    address: str
    nonce: int
    inFlight: int
    cap: int
    paused: str | None
    gaps: list[int]


class GasAllowance(TypedDict):
    allowanceWei: str
    spentLastHourWei: str
    atStakeWei: str
    leftWei: str


class GasReport(TypedDict):
    trades: GasAllowance
    repairs: GasAllowance


class ChainStatus(TypedDict):
    chainId: int
    name: str
    state: Literal["starting", "ready", "unavailable"]
    #: Why it is not ready.
    reason: str | None
    head: int | None
    headAgeMs: float | None
    stale: str | None
    paused: ChainPause | None
    devnet: bool
    #: RPC URL of the chain when it is of the server's own devnet.
    devnetRpc: str | None
    executor: Executor | None
    flashSources: list[int]
    notes: list[str]
    endpoints: list[Endpoint]
    lanes: list[Lane]
    gas: GasReport | None
    queue_depth: int


class _Health(TypedDict):
    status: Literal["healthy", "degraded", "unhealthy", "starting", "paused", "draining"]
    mode: Mode
    chains: int
    #: Seconds.
    uptime: float
    stats: Counters


class Health(_Health, total=False):
    #: When asked for with ``verbose``.
    chain_status: list[ChainStatus]
