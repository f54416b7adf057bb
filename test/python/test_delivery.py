"""Lost requests, lost replies, busy servers, other programs: between a real client and a real server stands a TCP proxy."""

import asyncio
import time
import uuid

import pytest
from conftest import DOCUMENT_TRADE, Server, free_port
from scripted_server import scripted_server
from tcp_proxy import TcpProxy, http_reply

from execution.execution_client import (
    ConnectionFailed,
    ExecutionClient,
    ExecutionManager,
    ModeMismatch,
    OutcomeUnknown,
    ProtocolError,
    Refused,
    RetryPolicy,
    ServerBusy,
    TradeSignal,
)

QUICK = RetryPolicy(attempts=3, pause=0.02)
BUSY = b'{"success":false,"error":"The queue is full.","code":"OVERLOADED","retryable":true}'
IN_FLIGHT = b'{"success":false,"error":"Still being worked on.","code":"IN_FLIGHT","retryable":true}'


async def test_no_server_is_named_with_what_to_do() -> None:
    port = free_port()
    manager = ExecutionManager("localhost", port, retry=QUICK)
    with pytest.raises(ConnectionFailed) as caught:
        await manager.initialize()
    assert str(caught.value).startswith(f"Failed to connect to execution server at http://localhost:{port}: ")
    assert "1. Make sure the execution server is running" in str(caught.value)


async def test_a_request_that_was_never_sent_is_a_failed_connection() -> None:
    async with ExecutionClient(port=free_port(), retry=QUICK) as client:
        with pytest.raises(ConnectionFailed):
            await client.execute(TradeSignal(**DOCUMENT_TRADE))


async def test_a_lost_reply_is_asked_for_again_and_trades_once(server: Server, proxy: TcpProxy) -> None:
    before = server.get("/stats")["recorded"]
    async with ExecutionManager(port=proxy.port, retry=QUICK) as manager:
        proxy.replies_to_lose = 1
        result = await manager.submit_trade(**DOCUMENT_TRADE, signal_id="lost-" + uuid.uuid4().hex)
        assert result["success"] is True, result
        again = await manager.submit_trade(**DOCUMENT_TRADE, signal_id=result["signal_id"])
    assert again == result
    assert proxy.requests == ["GET /health", *["POST /execute"] * 3]
    assert server.get("/stats")["recorded"] == before + 1


async def test_when_every_reply_is_lost_the_outcome_is_unknown_until_resolved(server: Server, proxy: TcpProxy) -> None:
    async with ExecutionManager(port=proxy.port, retry=QUICK) as manager:
        proxy.replies_to_lose = 3
        with pytest.raises(OutcomeUnknown) as caught:
            await manager.submit_trade(**DOCUMENT_TRADE)
        assert proxy.requests.count("POST /execute") == 3
        record = await manager.resolve(caught.value.signal_id)
    assert record is not None and record["success"] is True
    assert record["signal"]["signal_id"] == caught.value.signal_id


async def test_a_server_that_does_not_answer_in_time_leaves_the_outcome_unknown(proxy: TcpProxy) -> None:
    async with ExecutionManager(port=proxy.port, timeout=0.3, retry=QUICK) as manager:
        proxy.mute = True
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown, match=r"no answer within 0\.3 s") as caught:
            await manager.submit_trade(**DOCUMENT_TRADE)
        assert time.monotonic() - started < 5
    proxy.mute = False
    async with ExecutionManager(port=proxy.port, retry=QUICK) as manager:
        record = await manager.resolve(caught.value.signal_id)
    assert record is not None and record["success"] is True


async def test_lost_then_gone_is_unknown_not_failed() -> None:
    """The reply is lost, and then nothing listens any more: the first sending may have traded."""
    lost = 0

    async def lose(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal lost
        await reader.read(65536)
        lost += 1
        listener.close()
        writer.close()

    listener = await asyncio.start_server(lose, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with ExecutionClient("127.0.0.1", port, retry=QUICK) as client:
        with pytest.raises(OutcomeUnknown):
            await client.execute(TradeSignal(**DOCUMENT_TRADE))
    assert lost == 1


@pytest.mark.parametrize("status", [200, 500, 502, 504])
async def test_json_of_a_proxy_that_lost_the_server_leaves_the_outcome_unknown(status: int) -> None:
    """As gateways answer once they have handed a request on."""
    async with (
        scripted_server((status, {"message": "upstream failed"})) as server,
        ExecutionClient("127.0.0.1", server.port, mode="LIVE", retry=QUICK) as client,
    ):
        with pytest.raises(OutcomeUnknown, match=f"HTTP {status} without an answer of the server"):
            await client.execute(TradeSignal(**DOCUMENT_TRADE))
        with pytest.raises(OutcomeUnknown):
            await client.execute_batch([TradeSignal(**DOCUMENT_TRADE)])


async def test_a_page_that_a_proxy_does_not_find_is_no_word_on_the_trade() -> None:
    async with scripted_server((404, {"message": "no route"})) as server:
        async with ExecutionClient("127.0.0.1", server.port) as client:
            with pytest.raises(Refused):
                await client.resolve("abc", timeout=0.1)


async def test_json_of_a_proxy_that_let_nothing_through_is_a_refusal() -> None:
    async with scripted_server((403, {"message": "no"})) as server, ExecutionClient("127.0.0.1", server.port) as client:
        answer = await client.execute(TradeSignal(**DOCUMENT_TRADE))
    assert (answer["success"], answer["error"]) == (False, "HTTP 403")


async def test_a_client_does_as_many_attempts_as_its_policy_says() -> None:
    """A pause of its own, spread by chance above the longest that is waited for a server, has ended it before."""
    policy = RetryPolicy(attempts=20, pause=0.01, pause_max=0.01)
    async with scripted_server(None) as server, ExecutionClient("127.0.0.1", server.port, retry=policy) as client:
        with pytest.raises(OutcomeUnknown):
            await client.execute(TradeSignal(**DOCUMENT_TRADE))
        assert len(server.asked) == 20


async def test_a_signal_that_never_arrived_resolves_to_nothing(manager: ExecutionManager) -> None:
    assert await manager.resolve("never-" + uuid.uuid4().hex, timeout=0.3) is None


async def test_a_lost_reply_of_a_batch_trades_each_signal_once(server: Server, proxy: TcpProxy) -> None:
    before = server.get("/stats")["recorded"]
    signals = [TradeSignal(**{**DOCUMENT_TRADE, "amount": 1_000_000_000 + index}) for index in range(5)]
    async with ExecutionManager(port=proxy.port, retry=QUICK) as manager:
        proxy.replies_to_lose = 1
        batch = await manager.submit_batch(signals)
        assert batch["succeeded"] == 5
        proxy.replies_to_lose = 3
        with pytest.raises(OutcomeUnknown) as caught:
            await manager.submit_batch(signals)
    assert caught.value.signal_ids == tuple(signal.signal_id for signal in signals)
    assert server.get("/stats")["recorded"] == before + 5


async def test_a_lost_reply_of_a_request_without_effect_is_a_failed_connection(proxy: TcpProxy) -> None:
    async with ExecutionManager(port=proxy.port, retry=QUICK) as manager:
        proxy.replies_to_lose = 3
        with pytest.raises(ConnectionFailed):
            await manager.simulate_trade(**DOCUMENT_TRADE)


async def test_a_busy_server_is_asked_again(proxy: TcpProxy) -> None:
    async with ExecutionManager(port=proxy.port, retry=QUICK) as manager:
        proxy.canned = [http_reply(503, BUSY, "Retry-After: 0")] * 2
        result = await manager.submit_trade(**DOCUMENT_TRADE)
    assert result["success"] is True
    assert proxy.requests.count("POST /execute") == 3


async def test_a_server_that_stays_busy_is_an_answer(proxy: TcpProxy) -> None:
    async with ExecutionManager(port=proxy.port, retry=QUICK) as manager:
        proxy.canned = [http_reply(503, BUSY)] * 3
        result = await manager.submit_trade(**DOCUMENT_TRADE, signal_id="busy-1")
        assert result["success"] is False and result["code"] == "OVERLOADED" and result["signal_id"] == "busy-1"
        # Longer than a trade stays good: not waited for.
        proxy.canned = [http_reply(503, BUSY, "Retry-After: 30")]
        assert (await manager.submit_trade(**DOCUMENT_TRADE))["code"] == "OVERLOADED"
        proxy.canned = [http_reply(503, BUSY, "Retry-After: 30")]
        with pytest.raises(ServerBusy, match="The queue is full") as caught:
            await manager.get_statistics()
    assert caught.value.retry_after == 30 and caught.value.code == "OVERLOADED"


async def test_busy_after_a_lost_reply_says_nothing_about_the_first_sending(proxy: TcpProxy) -> None:
    async with ExecutionManager(port=proxy.port, retry=QUICK) as manager:
        lost = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"
        proxy.canned = [lost, http_reply(503, BUSY, "Retry-After: 30")]
        answers = asyncio.create_task(manager.submit_trade(**DOCUMENT_TRADE))
        while proxy.canned and len(proxy.canned) > 1:
            await asyncio.sleep(0.01)
        proxy.cut()
        with pytest.raises(OutcomeUnknown):
            await answers


async def test_in_flight_is_an_answer_at_first_and_waited_for_after_a_lost_reply(proxy: TcpProxy) -> None:
    async with ExecutionManager(port=proxy.port, retry=QUICK) as manager:
        proxy.canned = [http_reply(409, IN_FLIGHT)]
        assert (await manager.submit_trade(**DOCUMENT_TRADE))["code"] == "IN_FLIGHT"
        proxy.canned = [http_reply(502, b"<html>Bad Gateway</html>"), http_reply(409, IN_FLIGHT)]
        assert (await manager.submit_trade(**DOCUMENT_TRADE))["success"] is True


async def test_another_program_on_the_port_is_named(proxy: TcpProxy) -> None:
    manager = ExecutionManager(port=proxy.port, retry=QUICK)
    proxy.canned = [http_reply(200, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600}}')]
    with pytest.raises(ProtocolError, match="not a Titan execution server"):
        await manager.initialize()
    proxy.canned = [http_reply(200, b'{"status":"ok"}')]
    with pytest.raises(ProtocolError, match="not a Titan execution server"):
        await ExecutionManager(port=proxy.port, retry=QUICK).initialize()


async def test_an_answer_from_a_live_server_stops_a_paper_program(proxy: TcpProxy) -> None:
    async with ExecutionManager(port=proxy.port, retry=QUICK) as manager:
        proxy.canned = [http_reply(200, b'{"success":true,"mode":"LIVE","txHash":"0xabc"}')]
        with pytest.raises(ModeMismatch) as caught:
            await manager.submit_trade(**DOCUMENT_TRADE)
    assert caught.value.answer is not None and caught.value.answer["txHash"] == "0xabc"
