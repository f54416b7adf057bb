"""The types of answers are what the server says: every field of real ones is named, and is of its type."""

import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from conftest import DOCUMENT_TRADE
from test_brain import evaluate

from execution import answers
from execution.execution_client import ExecutionManager

UNIONS = (Union, types.UnionType)


def mistakes(value: Any, shape: Any, place: str = "") -> list[str]:
    """Where ``value`` is not of the type ``shape``, fields that the type does not name included."""
    if shape is Any:
        return []
    if get_origin(shape) in UNIONS:
        found = [mistakes(value, each, place) for each in get_args(shape)]
        return min(found, key=len)
    if get_origin(shape) is Literal:
        return [] if value in get_args(shape) else [f"{place}: {value!r} is none of {get_args(shape)}"]
    if get_origin(shape) is list:
        return [wrong for each in value for wrong in mistakes(each, get_args(shape)[0], f"{place}[]")]
    if get_origin(shape) is dict:
        return [wrong for key in value for wrong in mistakes(value[key], get_args(shape)[1], f"{place}.*")]
    if is_typeddict(shape):
        if not isinstance(value, dict):
            return [f"{place}: {value!r} is no object"]
        hints = get_type_hints(shape, vars(answers))
        missing = [f"{place}.{name} is missing" for name in shape.__required_keys__ if name not in value]
        unnamed = [f"{place}.{name} is not named" for name in value if name not in hints]
        named = [name for name in value if name in hints]
        return (
            missing
            + unnamed
            + [wrong for name in named for wrong in mistakes(value[name], hints[name], f"{place}.{name}")]
        )
    if shape is float:
        shape = (int, float)
    right = isinstance(value, shape or type(None)) and not (isinstance(value, bool) and shape is not bool)
    return [] if right else [f"{place}: {value!r} is not {shape}"]


def test_finds_what_is_wrong() -> None:
    assert mistakes({"type": "gap", "oldest": "1", "more": 1}, answers.Gap) == [
        ".more is not named",
        ".oldest: '1' is not <class 'int'>",
    ]
    assert mistakes({"type": "gap"}, answers.Event) == [".oldest is missing"]


async def test_of_paper(manager: ExecutionManager) -> None:
    filled = await manager.submit_trade(**DOCUMENT_TRADE)
    failed = await manager.submit_trade(**{**DOCUMENT_TRADE, "routers": DOCUMENT_TRADE["routers"][::-1]})
    refused = await manager.submit_trade(**{**DOCUMENT_TRADE, "chain_id": 999_999})
    assert filled["success"] is True, filled
    assert filled["error"] is None and failed["success"] is False and refused["status"] == 422
    for answer in (filled, failed, refused):
        assert mistakes(answer, answers.TradeAnswer) == []
    assert mistakes(await manager.simulate_trade(**DOCUMENT_TRADE), answers.SimulationAnswer) == []
    for signals in ([DOCUMENT_TRADE, {**DOCUMENT_TRADE, "amount": 0}], [DOCUMENT_TRADE] * 1_001):
        assert mistakes(await manager.submit_batch(signals), answers.BatchAnswer) == []
    record = await manager.resolve(filled["signal_id"])
    assert record is not None and mistakes(record, answers.TradeRecord) == []
    event = await anext(manager.events(from_seq=record["seq"]))
    assert event["type"] == "paper_execution" and mistakes(event, answers.Event) == []
    assert mistakes(await manager.get_statistics(), answers.Statistics) == []
    assert mistakes(await manager.get_health(), answers.Health) == []
    assert mistakes(await manager.get_health(verbose=True), answers.Health) == []


LIVE = """
import { encodeLiveAnswer, encodeLiveEvent, encodeUpdateEvent } from './src/wire/encodeLive.ts'
import { encodeInFlight } from './src/wire/encodeInFlight.ts'
import { failure } from './src/errors/failure.ts'
const address = '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48', hash = '0x' + 'ab'.repeat(32)
const hop = { protocol: 0, router: address, tokenIn: address, tokenOut: address, extra: '0x' }
const signal = { signalId: 'a', chainId: 1, loanToken: address, loanAmount: 7n, flashSource: 1, hops: [hop],
  expectedProfitUsd: 1.5, minProfit: 3n, validUntilMs: 5, maxBlock: null }
const simulation = { success: false, gasUsed: 9n, profit: 8n, shortfall: 1n, block: 4, l1FeeWei: 2n, error: 'x',
  failedHop: 0, revertData: '0x', leftovers: [{ hop: 0, token: address, amount: 5n }] }
const valuation = { gasPriceWei: 2n, gasCostWei: 18n, netProfitUsdE8: null, unpriced: 'why' }
const open = { signal, state: 'pending', final: false, lane: address, nonce: 3, simulation, valuation, failure: null,
  inclusion: null, realised: null, acceptedAtMs: 1, changedAtMs: 2 }
const inclusion = { hash, block: 5, blockHash: hash, gasUsed: 9n, effectiveGasPriceWei: 2n, l1FeeWei: 2n }
const realised = { profit: 8n, gasCostWei: 20n, netProfitUsdE8: null, unpriced: 'why', warning: 'w', note: 'n',
  leftovers: [{ hop: 0, token: address, amount: 5n }] }
const settled = { ...open, state: 'included', inclusion, realised }
const denied = { ...open, state: 'denied', lane: null, nonce: null, simulation: null, valuation: null,
  failure: failure('FEE_LIMIT', 'No.', { limit: '7' }) }
const trades = [open, settled, denied].map((execution) => ({ execution, hashes: [hash] }))
const answer = (trade) => encodeLiveAnswer({ ...trade, waitedFor: 'included', settledInTime: true }).body
const seq = (text) => ({ ...JSON.parse(text), seq: 1 })
console.log(JSON.stringify([
  trades.map((trade) => JSON.parse(answer(trade))),
  trades.flatMap((trade) => [encodeLiveEvent(trade), encodeUpdateEvent(trade)].map(seq)),
  JSON.parse(encodeInFlight({ signalId: 'a', chainId: 1, mode: 'LIVE' })),
]))
"""


def test_of_live() -> None:
    told, events, in_flight = evaluate(LIVE)
    assert [mistakes(each, answers.TradeAnswer) for each in told] == [[]] * 3
    assert [mistakes(each, answers.ExecutionEvent) + mistakes(each, answers.TradeRecord) for each in events] == [[]] * 6
    assert mistakes(in_flight, answers.TradeRecord) == []
