import asyncio
import json
import uuid
from typing import Any

import pytest
from conftest import DOCUMENT_TRADE, UNISWAP_V2, USDC, Server
from tcp_proxy import TcpProxy

from execution.execution_client import (
    ExecutionManager,
    ModeMismatch,
    NotConnected,
    TradeSignal,
    execute_trade,
)


async def test_the_documents_trade_succeeds_with_empty_extras(manager: ExecutionManager) -> None:
    result = await manager.submit_trade(**DOCUMENT_TRADE)
    assert result["success"] is True, result
    assert result["mode"] == "PAPER"
    assert result["expected_profit"] == 50.0
    assert result["simulation"]["success"] is True
    assert result["simulation"]["gasUsed"] > 100_000
    assert int(result["simulation"]["profit"]) > 0
    assert result["timestamp"].endswith("Z")


@pytest.mark.parametrize("extras", [["0x", "0x"], ["", bytearray()], [b"0x", b"0x" + f"{3000:064x}".encode()]])
async def test_every_way_to_write_extras_gives_the_same_trade(manager: ExecutionManager, extras: list[Any]) -> None:
    expected = await manager.simulate_trade(**DOCUMENT_TRADE)
    result = await manager.submit_trade(**{**DOCUMENT_TRADE, "extras": extras})
    assert result["success"] is True, result
    assert result["simulation"]["profit"] == expected["simulation"]["profit"]


async def test_the_documents_one_hop_example_fails_with_a_sentence(manager: ExecutionManager) -> None:
    result = await manager.submit_trade(
        chain_id=1,
        token=USDC,
        amount="1000000000",
        flash_source=1,
        protocols=[0],
        routers=[UNISWAP_V2],
        path=[USDC],
        extras=[b""],
        expected_profit=50.0,
    )
    assert result["success"] is False
    assert len(result["error"]) > 20 and result["code"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"chain_id": 999_999}, "UNKNOWN_CHAIN"),
        ({"amount": 0}, "INVALID_AMOUNT"),
        ({"amount": 2**256}, "INVALID_AMOUNT"),
        ({"token": "0x1234"}, "INVALID_ADDRESS"),
        ({"routers": [UNISWAP_V2]}, "INVALID_ROUTE"),
        ({"valid_until": 1_000_000_000_000}, "EXPIRED"),
        ({"min_profit": 10**12}, "UNPROFITABLE"),
    ],
)
async def test_what_the_server_refuses_comes_back_as_a_dictionary(
    manager: ExecutionManager, changes: dict[str, Any], code: str
) -> None:
    result = await manager.submit_trade(**{**DOCUMENT_TRADE, **changes}, signal_id=uuid.uuid4().hex)
    assert (result["success"], result["code"]) == (False, code), result
    assert result["error"] and result["mode"] == "PAPER" and result["signal_id"]


async def test_wrong_arguments_raise_before_anything_is_sent(server: Server, proxy: TcpProxy) -> None:
    async with ExecutionManager(port=proxy.port) as manager:
        with pytest.raises(TypeError, match="amount"):
            await manager.submit_trade(**{**DOCUMENT_TRADE, "amount": 1.5})
    assert proxy.requests == ["GET /health"]


async def test_a_failed_trade_is_sent_once(proxy: TcpProxy) -> None:
    async with ExecutionManager(port=proxy.port) as manager:
        result = await manager.submit_trade(**{**DOCUMENT_TRADE, "min_profit": 10**12})
    assert result["success"] is False
    assert proxy.requests == ["GET /health", "POST /execute"]


async def test_the_same_id_gives_the_first_answer_and_another_payload_a_conflict(manager: ExecutionManager) -> None:
    first = await manager.submit_trade(**DOCUMENT_TRADE, signal_id="same-" + uuid.uuid4().hex)
    again = await manager.submit_trade(**DOCUMENT_TRADE, signal_id=first["signal_id"])
    assert again == first
    other = await manager.submit_trade(**{**DOCUMENT_TRADE, "amount": "1000000007"}, signal_id=first["signal_id"])
    assert (other["success"], other["code"]) == (False, "SIGNAL_ID_CONFLICT")


async def test_a_batch_has_one_result_per_signal_in_order(manager: ExecutionManager) -> None:
    signals = [
        TradeSignal(**DOCUMENT_TRADE, signal_id=uuid.uuid4().hex),
        {**DOCUMENT_TRADE, "chain_id": 999_999, "signal_id": uuid.uuid4().hex},
        {**DOCUMENT_TRADE, "chain_id": 137, "signal_id": uuid.uuid4().hex},
    ]
    batch = await manager.submit_batch(signals)
    assert (batch["total"], batch["succeeded"], batch["failed"]) == (3, 2, 1), batch
    assert [result["success"] for result in batch["results"]] == [True, False, True]
    assert batch["results"][1]["code"] == "UNKNOWN_CHAIN"
    assert batch["results"][2]["chainId"] == 137
    assert batch["results"][0]["signal_id"] == signals[0].signal_id  # type: ignore[union-attr]


async def test_a_batch_refused_as_a_whole_still_has_a_result_per_signal(manager: ExecutionManager) -> None:
    batch = await manager.submit_batch([DOCUMENT_TRADE] * 1_001)
    assert (batch["success"], batch["total"], batch["failed"]) == (False, 1_001, 1_001)
    assert {result["code"] for result in batch["results"]} == {"TOO_LARGE"}


async def test_a_batch_must_hold_different_signals(manager: ExecutionManager) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await manager.submit_batch([])
    twice = TradeSignal(**DOCUMENT_TRADE)
    with pytest.raises(ValueError, match="different signal_ids"):
        await manager.submit_batch([twice, twice])


async def test_simulating_leaves_no_trace(manager: ExecutionManager) -> None:
    before = await manager.get_statistics()
    result = await manager.simulate_trade(**DOCUMENT_TRADE)
    after = await manager.get_statistics()
    assert result["success"] is True and result["simulation"]["success"] is True
    assert result["estimated_profit"] > 0
    assert after["total_signals"] == before["total_signals"] and after["recorded"] == before["recorded"]


async def test_statistics_and_health_count_trades(manager: ExecutionManager) -> None:
    before = await manager.get_statistics()
    await manager.submit_trade(**DOCUMENT_TRADE)
    await manager.submit_trade(**{**DOCUMENT_TRADE, "min_profit": 10**12})
    after = await manager.get_statistics()
    grown = {name: after[name] - before[name] for name in ("total_signals", "paper_executed", "failed", "executed")}
    assert grown == {"total_signals": 2, "paper_executed": 1, "failed": 1, "executed": 0}
    assert after["total_profit"] > before["total_profit"]
    assert after["mode"] == "PAPER" and after["providers"] == 15
    health = await manager.get_health(verbose=True)
    assert (health["status"], health["mode"], health["chains"]) == ("healthy", "PAPER", 15)
    assert health["stats"]["paper_executed"] == after["paper_executed"]
    assert {chain["chainId"] for chain in health["chain_status"]} >= {1, 137, 42161}


async def test_a_trade_can_be_looked_up(manager: ExecutionManager) -> None:
    result = await manager.submit_trade(**DOCUMENT_TRADE)
    record = await manager.resolve(result["signal_id"])
    assert record is not None and record["success"] is True
    assert record["signal"]["signal_id"] == result["signal_id"]
    assert record["simulation"]["profit"] == result["simulation"]["profit"]
    assert await manager.get_trade("never-" + uuid.uuid4().hex) is None


async def test_many_trades_at_once_over_few_connections(server: Server) -> None:
    async with ExecutionManager(port=server.port, connections_max=8) as manager:
        results = await asyncio.gather(*(manager.submit_trade(**DOCUMENT_TRADE) for _ in range(60)))
    assert all(result["success"] for result in results)
    assert len({result["signal_id"] for result in results}) == 60


async def test_the_standalone_function(server: Server) -> None:
    result = await execute_trade(**DOCUMENT_TRADE, port=server.port, signal_id="alone-" + uuid.uuid4().hex)
    assert result["success"] is True and result["signal_id"].startswith("alone-")


async def test_another_mode_is_noticed_before_anything_is_sent(server: Server) -> None:
    manager = ExecutionManager(port=server.port, mode="LIVE")
    with pytest.raises(ModeMismatch, match="runs in PAPER mode, but LIVE was asked for") as caught:
        await manager.initialize()
    assert caught.value.answer is None
    with pytest.raises(NotConnected):
        await manager.submit_trade(**DOCUMENT_TRADE)
    with pytest.raises(ValueError, match='"PAPER" or "LIVE"'):
        ExecutionManager(mode="paper")


async def test_use_outside_initialize_and_close_is_named(server: Server) -> None:
    manager = ExecutionManager(port=server.port)
    with pytest.raises(NotConnected, match="initialize"):
        await manager.get_statistics()
    await manager.initialize()
    await manager.close()
    await manager.close()
    with pytest.raises(NotConnected, match="initialize"):
        await manager.submit_trade(**DOCUMENT_TRADE)


async def test_answers_are_plain_json(manager: ExecutionManager) -> None:
    result = await manager.submit_trade(**DOCUMENT_TRADE)
    assert json.loads(json.dumps(result)) == result
