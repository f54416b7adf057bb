"""A batch of which parts are lost, busy or in doubt, between a real client and a scripted server."""

from typing import Any

import pytest
from conftest import DOCUMENT_TRADE
from scripted_server import ScriptedServer, scripted_server

from execution.execution_client import (
    ExecutionClient,
    ModeMismatch,
    OutcomeUnknown,
    RetryPolicy,
    TradeSignal,
    is_settled,
)

QUICK = RetryPolicy(attempts=3, pause=0.01)
LOST = None


def signals(*ids: str) -> list[TradeSignal]:
    return [TradeSignal(**DOCUMENT_TRADE, signal_id=signal_id) for signal_id in ids]


def filled(signal_id: str, mode: str = "LIVE") -> dict[str, Any]:
    told = {"success": True, "mode": mode, "status": "included", "signal_id": signal_id, "sent": "yes"}
    return {**told, "error": None, "code": None}


def refused(signal_id: str, code: str, status: int, **more: Any) -> dict[str, Any]:
    refusal = {"success": False, "mode": "LIVE", "status": status, "code": code, "error": code, "sent": "no"}
    return {**refusal, "signal_id": signal_id, "retryable": status in (409, 503), **more}


def results(*answers: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    # The counts of the server are of one sending; those of the client's answer are of all.
    return 200, {"total": len(answers), "succeeded": 0, "failed": 0, "results": answers}


def client(server: ScriptedServer) -> ExecutionClient:
    return ExecutionClient("127.0.0.1", server.port, mode="LIVE", retry=QUICK)


async def test_one_signal_in_doubt_does_not_take_the_answers_of_the_others() -> None:
    doubt = refused("b", "CHAIN_UNAVAILABLE", 503, sent="unknown")
    # Then the chain has no room, or still works on it: that tells nothing about the first sending.
    script = (
        results(filled("a"), doubt),
        results(refused("b", "OVERLOADED", 503)),
        results(refused("b", "IN_FLIGHT", 409)),
    )
    async with scripted_server(*script) as server, client(server) as titan:
        batch = await titan.execute_batch(signals("a", "b"))
    assert batch == {"total": 2, "succeeded": 1, "failed": 1, "results": [filled("a"), doubt]}
    assert [is_settled(result) for result in batch["results"]] == [True, False]
    async with scripted_server(results(doubt, filled("a")), results(filled("b"))) as server, client(server) as titan:
        assert (await titan.execute_batch(signals("b", "a")))["results"] == [filled("b"), filled("a")]


async def test_signals_without_room_are_sent_again_alone() -> None:
    busy, paused = refused("b", "OVERLOADED", 503), refused("c", "PAUSED", 503)
    script = results(filled("a"), busy, paused), results(filled("b"), paused), results(paused)
    async with scripted_server(*script) as server, client(server) as titan:
        batch = await titan.execute_batch(signals("a", "b", "c"))
    assert (batch["total"], batch["succeeded"], batch["failed"]) == (3, 2, 1)
    assert batch["results"] == [filled("a"), filled("b"), paused]
    sent = [[signal["signal_id"] for signal in asked.json["signals"]] for asked in server.asked]
    assert sent == [["a", "b", "c"], ["b", "c"], ["c"]]


async def test_a_failed_trade_is_not_sent_again() -> None:
    failed = {"success": False, "status": "failed", "signal_id": "a", "code": "STALE_NODE", "retryable": True}
    failed |= {"mode": None, "error": None}
    async with scripted_server(results(failed)) as server, client(server) as titan:
        assert (await titan.execute_batch(signals("a")))["results"] == [failed]
        assert len(server.asked) == 1


async def test_what_was_lost_is_unknown_beside_the_answers_that_came() -> None:
    script = (
        LOST,
        results(filled("a"), refused("b", "IN_FLIGHT", 409), refused("c", "OVERLOADED", 503)),
        results(refused("b", "IN_FLIGHT", 409), filled("c")),
    )
    async with scripted_server(*script) as server, client(server) as titan:
        with pytest.raises(OutcomeUnknown, match="No answer about b: ") as caught:
            await titan.execute_batch(signals("a", "b", "c"))
    assert caught.value.signal_ids == ("b",) and caught.value.answer is not None
    one, other, third = caught.value.answer["results"]
    assert (one, third) == (filled("a"), filled("c"))
    assert other["success"] is None and other["signal_id"] == "b" and not is_settled(other)


async def test_an_answer_that_does_not_say_whose_it_is_is_none() -> None:
    async with scripted_server(results(filled("a"))) as server, client(server) as titan:
        with pytest.raises(OutcomeUnknown, match="one result for each") as caught:
            await titan.execute_batch(signals("a", "b"))
    assert caught.value.signal_ids == ("a", "b") and caught.value.answer is None


async def test_another_mode_does_not_take_the_answers_of_the_others() -> None:
    script = results(filled("a"), filled("b", mode="PAPER"))
    async with scripted_server(script) as server, client(server) as titan:
        with pytest.raises(ModeMismatch) as caught:
            await titan.execute_batch(signals("a", "b"))
    assert caught.value.answer is not None and caught.value.answer["results"][0] == filled("a")
