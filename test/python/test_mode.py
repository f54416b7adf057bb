"""A signal says which mode it is meant for, so that a server that was started again in another never takes it."""

from typing import Any

import pytest
from conftest import DOCUMENT_TRADE, Server
from scripted_server import scripted_server

from execution.execution_client import (
    ExecutionClient,
    ExecutionManager,
    ModeMismatch,
    OutcomeUnknown,
    RetryPolicy,
    TradeSignal,
)

QUICK = RetryPolicy(attempts=3, pause=0.01)
HEALTH = 200, {"status": "healthy", "mode": "PAPER"}
REFUSED: dict[str, Any] = {
    "success": False,
    "status": 409,
    "mode": "LIVE",
    "code": "MODE_MISMATCH",
    "error": "The signal is meant for PAPER, and this server runs in LIVE; it was not looked at further.",
    "retryable": False,
    "sent": "no",
}
FILLED = {"success": True, "mode": "PAPER", "status": "filled"}
BATCH = 200, {"total": 2, "succeeded": 1, "failed": 1, "results": [FILLED, REFUSED]}


async def test_each_signal_says_its_mode() -> None:
    script = HEALTH, (200, FILLED), (200, {"results": [FILLED, FILLED]}), (200, FILLED)
    async with scripted_server(*script) as server, ExecutionManager("127.0.0.1", server.port) as manager:
        await manager.submit_trade(**DOCUMENT_TRADE)
        await manager.submit_batch([DOCUMENT_TRADE, DOCUMENT_TRADE])
        await manager.simulate_trade(**DOCUMENT_TRADE)
    _, one, batch, simulated = server.asked
    assert (one.json["mode"], one.headers["Execution-Mode"]) == ("PAPER", "PAPER")
    assert [signal["mode"] for signal in batch.json["signals"]] == ["PAPER", "PAPER"]
    assert batch.headers["Execution-Mode"] == "PAPER"
    # Simulating trades in no mode.
    assert "mode" not in simulated.json and "Execution-Mode" not in simulated.headers


async def test_a_client_without_a_mode_says_none() -> None:
    async with scripted_server((200, FILLED)) as server, ExecutionClient("127.0.0.1", server.port) as client:
        await client.execute(TradeSignal(**DOCUMENT_TRADE))
    assert "mode" not in server.asked[0].json and "Execution-Mode" not in server.asked[0].headers


async def test_the_refusal_is_raised_once_with_what_it_says() -> None:
    async with scripted_server(HEALTH, (409, REFUSED)) as server, ExecutionManager("127.0.0.1", server.port) as manager:
        with pytest.raises(ModeMismatch, match="runs in LIVE mode, but PAPER was asked for") as caught:
            await manager.submit_trade(**DOCUMENT_TRADE)
    assert caught.value.answer is not None and caught.value.answer["code"] == "MODE_MISMATCH"
    assert len(server.asked) == 2
    async with scripted_server(HEALTH, BATCH) as server, ExecutionManager("127.0.0.1", server.port) as manager:
        with pytest.raises(ModeMismatch) as caught:
            await manager.submit_batch([DOCUMENT_TRADE, DOCUMENT_TRADE])
    assert caught.value.answer is not None and caught.value.answer["results"][0]["success"] is True


async def test_after_a_lost_answer_the_refusal_says_nothing_about_the_first_sending() -> None:
    """The server took the signal, was started again in another mode, and cannot know of it."""
    async with scripted_server(HEALTH, None, (409, REFUSED)) as server:
        async with ExecutionManager("127.0.0.1", server.port, retry=QUICK) as manager:
            with pytest.raises(OutcomeUnknown):
                await manager.submit_trade(**DOCUMENT_TRADE)
    async with scripted_server(HEALTH, None, (409, REFUSED)) as server:
        async with ExecutionManager("127.0.0.1", server.port, retry=QUICK) as manager:
            with pytest.raises(OutcomeUnknown):
                await manager.submit_batch([DOCUMENT_TRADE])


async def test_the_server_refuses_a_signal_that_is_meant_for_live(server: Server) -> None:
    before = server.get("/stats")["recorded"]
    async with ExecutionClient(port=server.port, mode="LIVE") as client:
        with pytest.raises(ModeMismatch, match="runs in PAPER mode, but LIVE was asked for") as caught:
            await client.execute(TradeSignal(**DOCUMENT_TRADE))
        assert caught.value.answer is not None and caught.value.answer["code"] == "MODE_MISMATCH"
        with pytest.raises(ModeMismatch):
            await client.execute_batch([TradeSignal(**DOCUMENT_TRADE)])
        refused_id = str(caught.value.answer["signal_id"])
    async with ExecutionClient(port=server.port) as client:
        assert await client.resolve(refused_id, timeout=0.1) is None
    assert server.get("/stats")["recorded"] == before


async def test_a_server_in_another_mode_does_not_tell_that_there_was_no_trade() -> None:
    """Its answer was lost, and the server was started again in PAPER: the record is in LIVE's own journal."""
    missing = 404, {**REFUSED, "status": 404, "mode": "PAPER", "code": "TRADE_NOT_FOUND"}
    async with scripted_server(missing) as server, ExecutionClient("127.0.0.1", server.port, mode="LIVE") as client:
        with pytest.raises(ModeMismatch):
            await client.resolve("sent-in-live", timeout=0.1)


@pytest.mark.parametrize(("status", "code"), [(422, "UNKNOWN_CHAIN"), (403, "FORBIDDEN_HOST")])
async def test_after_a_lost_answer_other_settings_of_the_server_say_nothing_about_the_first_sending(
    status: int, code: str
) -> None:
    refused = status, {**REFUSED, "mode": "PAPER", "status": status, "code": code}
    async with scripted_server(HEALTH, None, refused) as server:
        async with ExecutionManager("127.0.0.1", server.port, retry=QUICK) as manager:
            with pytest.raises(OutcomeUnknown):
                await manager.submit_trade(**DOCUMENT_TRADE)
