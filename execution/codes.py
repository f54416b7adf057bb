"""The server's codes. Written by scripts/writePythonCodes.ts from src/errors/codes.ts; not edited by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """What one code means to a caller."""

    #: HTTP status when the code is the whole answer.
    status: int
    #: True when the same request, with the same signal_id, may succeed later unchanged.
    retryable: bool
    meaning: str
    fix: str


_CODES: dict[str, CodeEntry] = {
    "INVALID_JSON": CodeEntry(
        status=400,
        retryable=False,
        meaning="The body is not valid JSON.",
        fix="Send one JSON object, encoded as UTF-8.",
    ),
    "INVALID_SIGNAL": CodeEntry(
        status=400,
        retryable=False,
        meaning="A field of the signal is missing, has the wrong type, or is a time in another unit.",
        fix="Compare the field named in the sentence with the request example in README.",
    ),
    "INVALID_BATCH": CodeEntry(
        status=400,
        retryable=False,
        meaning="The batch envelope is not {\"signals\": [...]} with at least one signal.",
        fix="Send {\"signals\": [signal, ...]}.",
    ),
    "INVALID_QUERY": CodeEntry(
        status=400,
        retryable=False,
        meaning="A query parameter is not what the endpoint takes.",
        fix="Correct the parameter named in the sentence.",
    ),
    "FORBIDDEN_HOST": CodeEntry(
        status=403,
        retryable=False,
        meaning="The Host header is not one this server answers to (protection against DNS rebinding).",
        fix="Use a host name listed in ALLOWED_HOSTS, or add yours to it.",
    ),
    "FORBIDDEN_ORIGIN": CodeEntry(
        status=403,
        retryable=False,
        meaning="A web page of a foreign origin made the request.",
        fix="Add the origin to ALLOWED_ORIGINS if the page is yours.",
    ),
    "FORBIDDEN_REMOTE": CodeEntry(
        status=403,
        retryable=False,
        meaning="The operator commands of this server are taken from its own machine only, and not through a proxy.",
        fix="Give the command on the machine of the server, e.g. npx titan pause --chain 137.",
    ),
    "INVALID_CONTROL": CodeEntry(
        status=400,
        retryable=False,
        meaning="The command to the server is not one it understands.",
        fix="Correct the field named in the sentence; docs/live.md has the commands.",
    ),
    "NOT_FOUND": CodeEntry(
        status=404,
        retryable=False,
        meaning="There is no such endpoint.",
        fix="See the list of endpoints in README.",
    ),
    "TRADE_NOT_FOUND": CodeEntry(
        status=404,
        retryable=False,
        meaning="No execution with this signal_id is journaled, and none is being worked on.",
        fix="Check the id; a signal that was refused leaves no record.",
    ),
    "TRADE_NOT_OPEN": CodeEntry(
        status=409,
        retryable=False,
        meaning="The trade is not in a state in which that can be done to it.",
        fix="Ask GET /trades/{signal_id} how it stands.",
    ),
    "METHOD_NOT_ALLOWED": CodeEntry(
        status=405,
        retryable=False,
        meaning="The endpoint exists but not for this HTTP method.",
        fix="Use the method named in the Allow header.",
    ),
    "REQUEST_TIMEOUT": CodeEntry(
        status=408,
        retryable=True,
        meaning="The body did not arrive in time.",
        fix="Send the whole body at once.",
    ),
    "IN_FLIGHT": CodeEntry(
        status=409,
        retryable=True,
        meaning="A signal with this signal_id is still being worked on.",
        fix="Wait for its answer, or ask GET /trades/{signal_id}: it says accepted until there is more to say.",
    ),
    "MODE_MISMATCH": CodeEntry(
        status=409,
        retryable=False,
        meaning="The signal is meant for another mode than the one this server runs in.",
        fix="Send it to a server of its mode, or start this one in it (EXECUTION_MODE); send the mode you mean.",
    ),
    "TOO_LARGE": CodeEntry(
        status=413,
        retryable=False,
        meaning="The body or the batch is larger than this server takes.",
        fix="Split the batch.",
    ),
    "UNSUPPORTED_MEDIA_TYPE": CodeEntry(
        status=415,
        retryable=False,
        meaning="The body is not declared as JSON.",
        fix="Send Content-Type: application/json.",
    ),
    "INVALID_AMOUNT": CodeEntry(
        status=422,
        retryable=False,
        meaning="An amount is negative, zero, fractional or above 2^256 - 1.",
        fix="Send base units as a decimal string, e.g. \"1000000000\" for 1,000 USDC.",
    ),
    "INVALID_ADDRESS": CodeEntry(
        status=422,
        retryable=False,
        meaning="An address is malformed, zero, or its mixed-case checksum (EIP-55) is wrong.",
        fix="Copy the address again, or send it in lower case.",
    ),
    "INVALID_ROUTE": CodeEntry(
        status=422,
        retryable=False,
        meaning="The route cannot be executed: arrays of unequal length, too many hops, or it cannot end in the loan token.",
        fix="Correct what the sentence names. A route has one protocol, router and extras entry per hop, and its path closes in the loan token.",
    ),
    "UNKNOWN_CHAIN": CodeEntry(
        status=422,
        retryable=False,
        meaning="The chain is not configured.",
        fix="Set its RPC_<CHAIN> in .env and restart.",
    ),
    "UNSUPPORTED_ON_CHAIN": CodeEntry(
        status=422,
        retryable=False,
        meaning="The chain lacks what the signal asks for, e.g. the flash-loan lender.",
        fix="Leave out what the sentence names, or configure the chain for it.",
    ),
    "CONTROL_UNSUPPORTED": CodeEntry(
        status=422,
        retryable=False,
        meaning="The command is about lanes or transactions, which this mode does not have.",
        fix="Pause or resume the whole chain; lanes and trades can be controlled in LIVE.",
    ),
    "SIGNAL_ID_CONFLICT": CodeEntry(
        status=422,
        retryable=False,
        meaning="This signal_id was used before for another trade (route, amounts, min_profit, loan, relay).",
        fix="Use a new signal_id for a new trade.",
    ),
    "SIMULATION_FAILED": CodeEntry(
        status=200,
        retryable=False,
        meaning="The trade reverts on the current state of the chain.",
        fix="Read the sentence: it names the hop and the reason where they can be known.",
    ),
    "UNPROFITABLE": CodeEntry(
        status=200,
        retryable=False,
        meaning="The trade runs but earns less than it costs, or less than min_profit.",
        fix="Read the numbers in the sentence: on the state of that block the trade does not pay.",
    ),
    "UNPRICED": CodeEntry(
        status=200,
        retryable=False,
        meaning="The chain has no price of the loan token, so that LIVE cannot tell whether the trade pays for its gas.",
        fix="Send min_profit: the profit, in base units of the loan token, from which on the trade is worth its gas to you.",
    ),
    "OPPORTUNITY_TAKEN": CodeEntry(
        status=200,
        retryable=False,
        meaning="A trade of this server that is on its way takes the opportunity: behind it this one does not pay.",
        fix="Ask GET /trades/{signal_id} for the trade that is named; send one signal per opportunity.",
    ),
    "FEE_LIMIT": CodeEntry(
        status=200,
        retryable=False,
        meaning="The transaction would cost more than allowed, or more than the trade earns.",
        fix="Read the sentence: it names the limit and both numbers. Where the limit is a setting, raise it if the price is one you accept.",
    ),
    "EXPIRED": CodeEntry(
        status=200,
        retryable=False,
        meaning="The time of the trade had passed: valid_until, max_block, or what the server allows a trade (TRADE_TTL_S).",
        fix="Read the sentence: it names the limit that had passed. Send signals sooner, or with a later one.",
    ),
    "INSUFFICIENT_FUNDS": CodeEntry(
        status=200,
        retryable=False,
        meaning="The sending account cannot pay for the transaction, so it was not sent.",
        fix="Fund the accounts of this server with the native token of the chain.",
    ),
    "SEND_REFUSED": CodeEntry(
        status=200,
        retryable=False,
        meaning="Every node refused the transaction, so it was not sent.",
        fix="Read what the nodes said in the sentence; check fee limits and endpoints.",
    ),
    "SEND_UNKNOWN": CodeEntry(
        status=200,
        retryable=False,
        meaning="The transaction may have been sent: no node confirmed it and not all refused it.",
        fix="Ask GET /trades/{signal_id}: it converges to what the chain says.",
    ),
    "NONCE_CONTESTED": CodeEntry(
        status=200,
        retryable=False,
        meaning="Another transaction holds the nonce, or one with it is mined already.",
        fix="Ask GET /trades/{signal_id}; use the key of this server nowhere else.",
    ),
    "NET_LOSS": CodeEntry(
        status=200,
        retryable=False,
        meaning="The trade is in a block, and its gas cost as much as it earned or more.",
        fix="Read the numbers in facts. Send a higher min_profit, or raise MIN_PROFIT_SHARE.",
    ),
    "PROFIT_MISMATCH": CodeEntry(
        status=200,
        retryable=False,
        meaning="The trade is in a block, but what it earned is not known: its receipt shows no profit, or executor and token tell different ones, so that none is believed.",
        fix="Read the sentence and the transaction. The gas is counted, the profit is not.",
    ),
    "REVERTED": CodeEntry(
        status=200,
        retryable=False,
        meaning="The transaction is in a block and reverted there: nothing was traded and its gas was spent.",
        fix="Read the sentence: it gives the reason where the chain still tells it. A trade can revert when the state changes between its simulation and its block.",
    ),
    "CANCELLED": CodeEntry(
        status=200,
        retryable=False,
        meaning="The trade was given up after it was signed: an empty transaction of this server took its nonce.",
        fix="Read the reason in the sentence; a new trade needs a new signal_id.",
    ),
    "DISPLACED": CodeEntry(
        status=200,
        retryable=False,
        meaning="A transaction that is not of this server took the nonce, so the trade cannot be included.",
        fix="Use the keys of this server nowhere else; a new trade needs a new signal_id.",
    ),
    "NOT_SETTLED": CodeEntry(
        status=202,
        retryable=False,
        meaning="The trade is on its way, and what comes of it is not known yet.",
        fix="Ask GET /trades/{signal_id} until its status is one that ends; do not trade it again under another id.",
    ),
    "NODE_UNAVAILABLE": CodeEntry(
        status=502,
        retryable=True,
        meaning="No RPC endpoint of the chain gave a usable answer.",
        fix="Check the endpoint; GET /readyz?verbose says what is wrong.",
    ),
    "STALE_NODE": CodeEntry(
        status=503,
        retryable=True,
        meaning="The newest block that the RPC endpoints of the chain know is too old to simulate on.",
        fix="Add an endpoint that keeps up with the chain; GET /health?verbose shows how far each is behind.",
    ),
    "CHAIN_UNAVAILABLE": CodeEntry(
        status=503,
        retryable=True,
        meaning="The chain failed its probe, or no endpoint of it is well; it is being retried.",
        fix="Read the reason in the sentence, and correct what it names.",
    ),
    "PAUSED": CodeEntry(
        status=503,
        retryable=True,
        meaning="The operator has paused the chain: it takes no new signals. What is in flight goes on.",
        fix="Wait until it is resumed (npx titan resume --chain ID).",
    ),
    "CHAIN_THREAD_LOST": CodeEntry(
        status=503,
        retryable=True,
        meaning="The thread of this chain ended while it worked on the signal and is being restarted.",
        fix="Send the signal again with the same signal_id.",
    ),
    "OVERLOADED": CodeEntry(
        status=503,
        retryable=True,
        meaning="The queue of this chain is full, or unfinished bodies fill the memory set aside for them.",
        fix="Slow down; send again after Retry-After seconds.",
    ),
    "LANES_BUSY": CodeEntry(
        status=503,
        retryable=True,
        meaning="Every lane (account) of this chain has as many transactions in flight as it may or is paused, or too many trades in flight stand before this one.",
        fix="Send again later. Where the lanes are full, more accounts (PRIVATE_KEYS) give room.",
    ),
    "DRAINING": CodeEntry(
        status=503,
        retryable=True,
        meaning="The server is stopping and takes no new signals.",
        fix="Send again after the restart.",
    ),
    "TOO_MANY_CONNECTIONS": CodeEntry(
        status=503,
        retryable=True,
        meaning="The server holds as many connections as it allows.",
        fix="Reuse connections, or raise CONNECTIONS_MAX.",
    ),
    "JOURNAL_UNAVAILABLE": CodeEntry(
        status=503,
        retryable=True,
        meaning="The journal cannot be written, so nothing is executed, or its newest records cannot be told yet.",
        fix="Read the reason in the sentence: DATA_DIR must be writable, on a disk with free space.",
    ),
    "NODE_TIMEOUT": CodeEntry(
        status=504,
        retryable=True,
        meaning="The RPC endpoint did not answer in time.",
        fix="Use a faster endpoint or raise RPC_TIMEOUT_MS.",
    ),
    "INVALID_MESSAGE": CodeEntry(
        status=400,
        retryable=False,
        meaning="A WebSocket message is not one this server understands.",
        fix="Send one JSON text message with a known \"type\".",
    ),
    "UNKNOWN_CHANNEL": CodeEntry(
        status=400,
        retryable=False,
        meaning="There is no such WebSocket channel.",
        fix="Subscribe to trades, updates, heads or control.",
    ),
    "SLOW_CONSUMER": CodeEntry(
        status=503,
        retryable=True,
        meaning="The subscriber read slower than events came, and its socket was closed.",
        fix="Reconnect with from_seq to get the missed events.",
    ),
    "INTERNAL": CodeEntry(
        status=500,
        retryable=True,
        meaning="A bug in this server.",
        fix="Report it with the trace_id, which is also in the log.",
    ),
}

CODES: Mapping[str, CodeEntry] = MappingProxyType(_CODES)
