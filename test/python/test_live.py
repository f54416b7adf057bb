"""LIVE answers, played by a scripted server: what one waits for, and what becomes of it afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from conftest import DOCUMENT_TRADE
from tcp_proxy import tcp_proxy

from execution.execution_client import (
    ConnectionFailed,
    ExecutionClient,
    ExecutionManager,
    OutcomeUnknown,
    RetryPolicy,
    ServerBusy,
    execute_trade,
    is_settled,
)

HASH = "0x" + "ab" * 32


def record(status: str, **more: Any) -> dict[str, Any]:
    """As ``GET /trades/{signal_id}`` gives it."""
    return {"type": "execution_update", "mode": "LIVE", "status": status, "success": None, "txHash": HASH, **more}


INCLUDED = record("included", type="live_execution", success=True, sent="yes", profit="7654123", final=False)


class LiveServer:
    """Answers one signal with ``answer`` and asks for its record with ``records`` in turn, the last one for ever."""

    def __init__(self) -> None:
        self.port = 0
        self.answer: tuple[int, dict[str, Any]] = (200, {})
        self.records: list[dict[str, Any] | None] = []
        #: Requests for a record that are refused first: the server has not read its journals yet.
        self.unread = 0
        self.signals: list[dict[str, Any]] = []
        self.subscriptions: list[dict[str, Any]] = []

    async def health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "healthy", "mode": "LIVE"})

    async def execute(self, request: web.Request) -> web.Response:
        signal = await request.json()
        self.signals.append(signal)
        status, body = self.answer
        headers = {"Location": f"/trades/{signal['signal_id']}"} if status == 202 else None
        body = {"mode": "LIVE", "signal_id": signal["signal_id"], **body}
        return web.json_response(body, status=status, headers=headers)

    async def trade(self, _: web.Request) -> web.Response:
        if self.unread > 0:
            self.unread -= 1
            unread = {"success": False, "code": "JOURNAL_UNAVAILABLE", "retryable": True, "error": "Not read yet."}
            return web.json_response(unread, status=503, headers={"Retry-After": "0"})
        found = self.records.pop(0) if len(self.records) > 1 else self.records[0]
        if found is None:
            return web.json_response({"success": False, "code": "TRADE_NOT_FOUND"}, status=404)
        return web.json_response(found, status=202 if found["status"] == "accepted" else 200)

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "connected", "mode": "LIVE", "seq": 0, "epoch": "e1", "heartbeat_ms": 10_000})
        subscription = await socket.receive_json()
        self.subscriptions.append(subscription)
        await socket.send_json({"type": "subscribed", "id": 1, "seq": 0})
        if "updates" in subscription["channels"]:
            await socket.send_json({**record("pending"), "seq": 1})
        await socket.send_json({**INCLUDED, "seq": 2, "prev_seq": 0})
        await socket.receive()
        return socket


@asynccontextmanager
async def live_server() -> AsyncIterator[LiveServer]:
    server = LiveServer()
    application = web.Application()
    application.router.add_get("/health", server.health)
    application.router.add_post("/execute", server.execute)
    application.router.add_get("/trades/{signal_id}", server.trade)
    application.router.add_get("/", server.stream)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


NOT_SETTLED = {
    "success": False,
    "status": "pending",
    "code": "NOT_SETTLED",
    "error": "The trade is on its way.",
    "retryable": False,
    "sent": "yes",
    "txHash": HASH,
}


async def test_a_trade_that_is_not_settled_in_time_is_resolved_by_its_record() -> None:
    async with live_server() as server, ExecutionManager(port=server.port, mode="LIVE") as manager:
        server.answer = (202, NOT_SETTLED)
        server.records = [None, record("signed"), record("pending"), INCLUDED]
        result = await manager.submit_trade(**DOCUMENT_TRADE)
        assert (result["success"], result["code"], result["txHash"]) == (False, "NOT_SETTLED", HASH)
        assert not is_settled(result)
        settled = await manager.resolve(result["signal_id"])
        assert settled == INCLUDED and is_settled(settled)
        # Sent once: a trade on its way is not sent again.
        assert len(server.signals) == 1


async def test_what_is_still_on_its_way_when_the_time_is_over_comes_as_it_is() -> None:
    async with live_server() as server, ExecutionManager(port=server.port, mode="LIVE") as manager:
        server.records = [record("pending")]
        unsettled = await manager.resolve("abc", timeout=0.3)
        assert unsettled is not None and unsettled["success"] is None and not is_settled(unsettled)


ACCEPTED = {"success": None, "mode": "LIVE", "status": "accepted", "signal_id": "abc", "sent": "unknown", "error": None}


async def test_a_signal_that_is_being_worked_on_is_never_nothing() -> None:
    """Simulated, waiting for a lane: it may be traded any moment, and acting anew would trade twice."""
    async with live_server() as server, ExecutionManager(port=server.port, mode="LIVE") as manager:
        server.records = [ACCEPTED]
        unsettled = await manager.resolve("abc", timeout=0.3)
        assert unsettled == ACCEPTED and not is_settled(unsettled)
        server.records = [ACCEPTED, record("signed"), INCLUDED]
        assert await manager.resolve("abc") == INCLUDED
        server.records = [None]
        assert await manager.resolve("abc", timeout=0.3) is None


async def test_a_server_that_cannot_tell_yet_is_asked_again() -> None:
    """After a restart, until it has read what it did before."""
    async with (
        live_server() as server,
        ExecutionManager(port=server.port, mode="LIVE", retry=RetryPolicy(attempts=1)) as manager,
    ):
        server.records = [INCLUDED]
        server.unread = 3
        assert await manager.resolve("abc") == INCLUDED
        server.unread = 1_000
        with pytest.raises(ServerBusy, match="Not read yet"):
            await manager.resolve("abc", timeout=0.3)


async def test_a_server_that_is_away_is_asked_until_it_is_back() -> None:
    quick = RetryPolicy(attempts=1)
    async with live_server() as server, ExecutionClient("127.0.0.1", server.port, retry=quick) as client:
        server.records = [INCLUDED]
        port = server.port
        async with tcp_proxy(port) as proxy:
            away = ExecutionClient("127.0.0.1", proxy.port, retry=quick)
            proxy.replies_to_lose = 3
            assert await away.resolve("abc") == INCLUDED
            await away.close()
        with pytest.raises(ConnectionFailed):
            await ExecutionClient("127.0.0.1", proxy.port, retry=quick).resolve("abc", timeout=0.3)
        assert await client.resolve("abc") == INCLUDED


@pytest.mark.parametrize("status", ["included", "reverted", "cancelled", "displaced", "denied", "expired"])
def test_every_outcome_is_settled(status: str) -> None:
    assert is_settled({"status": status})


def test_answers_of_paper_are_settled() -> None:
    assert is_settled({"status": "filled"}) and is_settled({"type": "paper_execution"})


async def test_wait_and_relay_are_passed_on_and_an_accepted_trade_is_a_success() -> None:
    async with live_server() as server:
        server.answer = (202, {"success": True, "status": "pending", "sent": "yes", "txHash": HASH})
        result = await execute_trade(
            **DOCUMENT_TRADE, port=server.port, mode="LIVE", wait="broadcast", relay="private_then_public"
        )
        assert result["success"] is True and not is_settled(result)
        assert (server.signals[0]["wait"], server.signals[0]["relay"]) == ("broadcast", "private_then_public")


async def test_an_included_trade_has_the_documents_fields() -> None:
    async with live_server() as server, ExecutionManager(port=server.port, mode="LIVE") as manager:
        server.answer = (200, {"success": True, "status": "included", "txHash": HASH, "chainId": 1})
        result = await manager.submit_trade(**DOCUMENT_TRADE)
        assert result["success"] and result["mode"] == "LIVE" and result["txHash"] == HASH
        assert "wait" not in server.signals[0] and "relay" not in server.signals[0]


async def test_updates_are_asked_for_or_not() -> None:
    async with live_server() as server, ExecutionManager(port=server.port, mode="LIVE") as manager:
        seen = []
        async for event in manager.events(updates=True):
            seen.append((event["seq"], event["type"]))
            if len(seen) == 2:
                break
        assert seen == [(1, "execution_update"), (2, "live_execution")]
        async for event in manager.events():
            assert event["seq"] == 2
            break
        assert [each["channels"] for each in server.subscriptions] == [["trades", "updates"], ["trades"]]


def test_a_live_answer_gets_more_time() -> None:
    assert ExecutionClient(mode="LIVE").timeout > 4 * ExecutionClient(mode="PAPER").timeout
    assert ExecutionClient(mode="LIVE", timeout=3).timeout == 3


UNAVAILABLE = {
    "status": 503,
    "success": False,
    "code": "CHAIN_UNAVAILABLE",
    "retryable": True,
    "error": "No node is well.",
}


async def test_a_server_that_cannot_tell_of_a_trade_leaves_its_outcome_unknown() -> None:
    """The trade is on its way; sent again, it is refused by a chain that is away."""
    quick = RetryPolicy(attempts=2, pause=0.01)
    async with live_server() as server, ExecutionManager(port=server.port, mode="LIVE", retry=quick) as manager:
        server.answer = (503, {**UNAVAILABLE, "sent": "unknown"})
        with pytest.raises(OutcomeUnknown, match="No node is well") as caught:
            await manager.submit_trade(**DOCUMENT_TRADE)
        assert len({signal["signal_id"] for signal in server.signals}) == 1
        server.records = [record("pending"), INCLUDED]
        assert await manager.resolve(caught.value.signal_id) == INCLUDED
        # Also where the code is none that is sent again.
        server.answer = (500, {**UNAVAILABLE, "status": 500, "code": "INTERNAL", "retryable": False, "sent": "unknown"})
        with pytest.raises(OutcomeUnknown):
            await manager.submit_trade(**DOCUMENT_TRADE)
        server.answer = (503, {**UNAVAILABLE, "sent": "no"})
        assert is_settled(await manager.submit_trade(**DOCUMENT_TRADE))


def test_a_refusal_is_settled_only_where_nothing_was_sent() -> None:
    assert is_settled({**UNAVAILABLE, "sent": "no"})
    assert not is_settled({**UNAVAILABLE, "sent": "unknown"})
    # The record of a trade is told by its state.
    assert is_settled({"status": "cancelled", "sent": "unknown"})
