"""What becomes of requests on their way out: no room, no server yet, not let in, given up."""

import asyncio
import json
import socket
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest
from conftest import DOCUMENT_TRADE, Server
from scripted_server import scripted_server
from tcp_proxy import tcp_proxy

from execution.execution_client import (
    ConnectionFailed,
    ExecutionClient,
    ExecutionManager,
    Refused,
    RetryPolicy,
    TradeSignal,
)
from execution.transport import Transport

ONCE = RetryPolicy(attempts=1)
FILLED = 200, {"success": True, "mode": "PAPER", "status": "filled"}


async def test_what_waits_for_room_has_not_left_and_its_clock_stands(server: Server) -> None:
    async with scripted_server(FILLED) as slow:
        slow.delay = 2.0
        async with ExecutionClient("127.0.0.1", slow.port, connections_max=2, timeout=3.0) as client:
            work = [client.execute(TradeSignal(**DOCUMENT_TRADE)) for _ in range(5)]
            *answers, last = await asyncio.gather(*work, return_exceptions=True)
    # Two at a time, 2 s each: the second pair is answered 4 s after it was asked for, the fifth never leaves.
    assert [isinstance(answer, dict) and answer["success"] for answer in answers] == [True] * 4
    assert isinstance(last, ConnectionFailed) and "connections_max" in str(last)
    assert len(slow.asked) == 4


def test_there_is_room_for_one_at_least() -> None:
    with pytest.raises(ValueError, match="connections_max must be at least 1"):
        ExecutionClient(connections_max=0)


async def test_a_program_can_wait_for_the_server(server: Server) -> None:
    async with tcp_proxy(server.port) as proxy:
        port = proxy.port
    manager = ExecutionManager("127.0.0.1", port, retry=ONCE)
    for _ in range(2):
        with pytest.raises(ConnectionFailed):
            await manager.initialize()
    async with tcp_proxy(server.port, port=port):
        await manager.initialize()
        assert (await manager.submit_trade(**DOCUMENT_TRADE))["success"] is True
        await manager.close()
        await manager.initialize()
        assert (await manager.get_statistics())["mode"] == "PAPER"
        await manager.close()


async def test_a_refusal_is_not_taken_for_health(server: Server) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/health", headers={"Host": "titan.example"})
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(request)
    refusal = json.load(told.value)
    told.value.close()
    async with scripted_server((403, refusal)) as gate:
        manager = ExecutionManager("127.0.0.1", gate.port)
        with pytest.raises(Refused, match="The Host header .* is not one .* ALLOWED_HOSTS") as caught:
            await manager.initialize()
        assert (caught.value.status, caught.value.code) == (403, "FORBIDDEN_HOST")
        assert caught.value.hint is not None and "ALLOWED_HOSTS" in caught.value.hint
        async with ExecutionClient("127.0.0.1", gate.port) as client:
            with pytest.raises(Refused):
                await client.health()
            with pytest.raises(ConnectionFailed, match="HTTP 403: The Host header .* is not one .* ALLOWED_HOSTS"):
                await anext(client.events())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="PEP 678")
async def test_who_gives_up_keeps_the_signal_id() -> None:
    async with scripted_server(FILLED) as slow, ExecutionClient("127.0.0.1", slow.port) as client:
        slow.delay = 30
        for submit in (client.execute, lambda signal: client.execute_batch([signal])):
            signal = TradeSignal(**DOCUMENT_TRADE)
            task = asyncio.create_task(submit(signal))
            while not slow.asked:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            assert [note for note in caught.value.__notes__ if signal.signal_id in note]
            slow.asked.clear()


@pytest.mark.parametrize("turns", range(6))
async def test_a_watcher_that_is_cancelled_while_its_connection_comes_stops(
    turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()

    async def upgrade(_: Transport) -> Any:
        await gate.wait()

    monkeypatch.setattr(Transport, "_upgrade", upgrade)
    task = asyncio.create_task(Transport("http://x", connect_timeout=30, connections_max=1).websocket())
    await asyncio.sleep(0.01)
    gate.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    if task.done():
        return
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_found_no_connection_in_its_time_has_not_left() -> None:
    """The time of a request can be shorter than what a connection may take."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:  # once they fill the queue of the listener, connecting hangs
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        async with ExecutionClient("127.0.0.1", port, timeout=0.3, retry=ONCE) as client:
            with pytest.raises(ConnectionFailed, match=r"no connection within 0\.3 s"):
                await client.execute(TradeSignal(**DOCUMENT_TRADE))
        for each in waiting:
            each.close()
