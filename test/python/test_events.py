import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web
from conftest import DOCUMENT_TRADE, Server, free_port
from tcp_proxy import TcpProxy

from execution.execution_client import (
    ConnectionFailed,
    ExecutionClient,
    ExecutionManager,
    ModeMismatch,
    ProtocolError,
    RetryPolicy,
)

Script = Callable[[web.WebSocketResponse], Awaitable[None]]
HELLO = {
    "type": "connected",
    "mode": "PAPER",
    "stats": {},
    "session": "s",
    "seq": 20,
    "epoch": "e1",
    "heartbeat_ms": 60,
}


async def take(events: AsyncIterator[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    return [await asyncio.wait_for(anext(events), 20) for _ in range(count)]


async def submit(manager: ExecutionManager, count: int) -> list[str]:
    results = [await manager.submit_trade(**DOCUMENT_TRADE) for _ in range(count)]
    return [result["signal_id"] for result in results]


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["signal"]["signal_id"] for event in events]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + 30
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def has_clients(manager: ExecutionManager, count: int) -> bool:
    return bool((await manager.get_statistics())["connected_clients"] == count)


async def is_last(seen: list[dict[str, Any]], signal_id: str) -> bool:
    return bool(seen) and ids(seen)[-1] == signal_id


async def test_sees_each_execution_in_order(manager: ExecutionManager) -> None:
    seen: list[dict[str, Any]] = []

    async def watch() -> None:
        async for each in manager.events():
            seen.append(each)

    await until(lambda: has_clients(manager, 0))  # those of the test before are gone
    watching = asyncio.create_task(watch())
    await until(lambda: has_clients(manager, 1))
    sent = await submit(manager, 3)
    await until(lambda: is_last(seen, sent[-1]))
    watching.cancel()
    # Trades of earlier tests may still have been recorded after the stream began.
    assert ids(seen)[-3:] == sent
    assert [event["seq"] for event in seen] == list(range(seen[0]["seq"], seen[0]["seq"] + len(seen)))
    assert {event["type"] for event in seen} == {"paper_execution"}


async def test_resumes_where_the_connection_was_lost(manager: ExecutionManager, proxy: TcpProxy) -> None:
    (sent,) = await submit(manager, 1)
    record = await manager.resolve(sent)
    assert record is not None
    async with ExecutionManager(port=proxy.port) as watcher:
        stream = watcher.events(from_seq=record["seq"])
        (first,) = await take(stream, 1)
        proxy.cut()
        missed = await submit(manager, 4)
        seen = await take(stream, 4)
        proxy.cut()
        late = await submit(manager, 1)
        seen += await take(stream, 1)
    assert ids([first, *seen]) == [sent, *missed, *late]
    assert [event["seq"] for event in seen] == [record["seq"] + 1 + index for index in range(5)]


async def test_ends_when_the_client_is_closed(manager: ExecutionManager, proxy: TcpProxy) -> None:
    watcher = ExecutionManager(port=proxy.port)
    await watcher.initialize()

    async def count() -> int:
        return len([event async for event in watcher.events()])

    await until(lambda: has_clients(manager, 0))  # those of the test before are gone
    counting = asyncio.create_task(count())
    await until(lambda: has_clients(manager, 1))
    await watcher.close()
    assert await asyncio.wait_for(counting, 10) == 0


async def test_without_a_server_the_first_connection_fails() -> None:
    async with ExecutionClient(port=free_port(), retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(ConnectionFailed):
            await anext(client.events())


@asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[int]:
    """A WebSocket server that plays one script per connection, the last one for all further ones."""
    waiting = list(scripts)

    async def play(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(socket)
        return socket

    application = web.Application()
    application.router.add_get("/", play)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def event(seq: int, **more: Any) -> dict[str, Any]:
    return {"type": "paper_execution", "seq": seq, "signal": {"signal_id": f"s{seq}"}, "success": True, **more}


def heartbeat(seq: int) -> dict[str, Any]:
    return {"type": "heartbeat", "seq": seq}


def script(
    seq: int,
    *messages: dict[str, Any],
    epoch: str = "e1",
    wants: int | None = None,
    mute: bool = True,
    mode: str = "PAPER",
) -> Script:
    """Says hello with the newest event ``seq``, checks what is asked for, says ``messages``; then stays silent or leaves."""

    async def play(socket: web.WebSocketResponse) -> None:
        await socket.send_json({**HELLO, "seq": seq, "epoch": epoch, "mode": mode})
        asked = json.loads((await socket.receive()).data)
        if wants is not None:
            assert asked["from_seq"] == wants, asked
        await socket.send_json({"type": "subscribed", "id": asked["id"], "seq": seq})
        for message in messages:
            await socket.send_json(message)
        if mute:
            await socket.receive()  # until the client leaves

    return play


async def watch(port: int, count: int, from_seq: int | None = None, mode: str = "PAPER") -> list[dict[str, Any]]:
    async with ExecutionClient("127.0.0.1", port, mode=mode) as client:
        return await take(client.events(from_seq), count)


async def test_leaves_a_mute_server_and_resumes() -> None:
    async with scripted(script(20, event(21)), script(22, event(22), wants=22)) as port:
        seen = await watch(port, 2)
    assert [each["seq"] for each in seen] == [21, 22]


async def test_heartbeats_keep_a_quiet_connection() -> None:
    async def quiet(socket: web.WebSocketResponse) -> None:
        await script(20, mute=False)(socket)
        for _ in range(20):  # a second in all, five times the silence that would end it
            await asyncio.sleep(0.05)
            await socket.send_json({"type": "heartbeat", "seq": 20})
        await socket.send_json(event(21))
        await socket.receive()

    async def never(socket: web.WebSocketResponse) -> None:
        raise AssertionError("the quiet connection was left")

    async with scripted(quiet, never) as port:
        assert [each["seq"] for each in await watch(port, 1)] == [21]


async def test_passes_over_repetitions_and_events_ahead_of_their_turn() -> None:
    async def eager(socket: web.WebSocketResponse) -> None:
        await socket.send_json(HELLO)
        await socket.send_json(event(21))  # before the subscription: it comes again in its place
        asked = json.loads((await socket.receive()).data)
        assert asked["from_seq"] == 18
        await socket.send_json({"type": "subscribed", "id": asked["id"], "seq": 21})
        for seq in (18, 18, 19, 20, 21):
            await socket.send_json(event(seq))
        await socket.receive()

    async with scripted(eager) as port:
        assert [each["seq"] for each in await watch(port, 4, from_seq=18)] == [18, 19, 20, 21]


async def test_tells_of_a_gap_and_of_another_log() -> None:
    first = script(20, {"type": "gap", "oldest": 15}, event(15), wants=3, mute=False)
    async with scripted(first, script(2, event(1), epoch="e2", wants=1)) as port:
        seen = await watch(port, 4, from_seq=3)
    assert [(each["type"], each.get("seq")) for each in seen] == [
        ("gap", None),
        ("paper_execution", 15),
        ("reset", None),
        ("paper_execution", 1),
    ]


async def test_a_position_beyond_the_log_means_another_log() -> None:
    async with scripted(script(2, event(1), wants=1)) as port:
        seen = await watch(port, 2, from_seq=900)
    assert [each["type"] for each in seen] == ["reset", "paper_execution"]


async def test_comes_back_after_an_orderly_shutdown() -> None:
    shutdown = {"type": "shutdown", "reconnect_after_ms": 50}
    async with scripted(script(20, event(21), shutdown), script(21, event(22), wants=22)) as port:
        assert [each["seq"] for each in await watch(port, 2)] == [21, 22]


async def test_another_mode_and_another_protocol_are_errors() -> None:
    async with scripted(script(20)) as port:
        with pytest.raises(ModeMismatch):
            await watch(port, 1, mode="LIVE")

    async def foreign(socket: web.WebSocketResponse) -> None:
        await socket.send_json({"jsonrpc": "2.0"})

    async with scripted(foreign) as port:
        with pytest.raises(ProtocolError, match="not with 'connected'"):
            await watch(port, 1)


@pytest.mark.parametrize(
    "late", [event(24, prev_seq=23), event(24), heartbeat(23)], ids=["named", "numbered", "by a heartbeat"]
)
async def test_a_hole_is_noticed_and_asked_for_again(late: dict[str, Any]) -> None:
    async def alive(socket: web.WebSocketResponse) -> None:
        await script(20, event(21), late, mute=False)(socket)
        with suppress(ConnectionError):
            while True:
                await socket.send_json(heartbeat(23))
                await asyncio.sleep(0.02)

    again = script(24, event(22), event(23), event(24), wants=22)
    async with scripted(alive, again) as port:
        assert [each["seq"] for each in await watch(port, 4)] == [21, 22, 23, 24]


async def test_what_the_log_does_not_have_is_told_once() -> None:
    hole = event(24, prev_seq=23)
    async with scripted(script(20, event(21), hole), script(24, hole, event(25), wants=22)) as port:
        seen = await watch(port, 4)
    assert [(each["type"], each.get("seq", each.get("oldest"))) for each in seen] == [
        ("paper_execution", 21),
        ("gap", 24),
        ("paper_execution", 24),
        ("paper_execution", 25),
    ]
    async with scripted(
        script(20, event(21), heartbeat(23)), script(23, heartbeat(23), event(24, prev_seq=21), wants=22)
    ) as port:
        assert [each["seq"] for each in await watch(port, 2)] == [21, 24]


async def test_what_was_not_asked_for_is_no_hole() -> None:
    """In LIVE the log has updates too: a heartbeat says up to where there was nothing else for us."""
    quiet = script(20, event(21), event(24, prev_seq=21), heartbeat(27), mode="LIVE", mute=False)
    async with scripted(quiet, script(28, event(28), wants=28, mode="LIVE")) as port:
        assert [each["seq"] for each in await watch(port, 3, mode="LIVE")] == [21, 24, 28]


async def test_a_program_that_was_started_again_goes_on_where_it_was(manager: ExecutionManager, server: Server) -> None:
    (first,) = await submit(manager, 1)
    record = await manager.resolve(first)
    assert record is not None
    async with ExecutionManager(port=server.port) as before:
        stream = before.events(from_seq=record["seq"])
        assert (stream.next_seq, stream.epoch) == (record["seq"], None)
        assert ids(await take(stream, 1)) == [first]
        kept = stream.next_seq, stream.epoch
    missed = await submit(manager, 2)
    async with ExecutionManager(port=server.port) as after:
        stream = after.events(kept[0], epoch=kept[1])
        assert ids(await take(stream, 2)) == missed
        assert stream.epoch == kept[1] and stream.next_seq == record["seq"] + 3
        # The same number in another log is another event.
        other = await take(after.events(kept[0], epoch="another"), 2)
    assert other[0] == {"type": "reset", "epoch": kept[1]} and other[1]["seq"] < record["seq"]


async def test_an_epoch_alone_says_nothing() -> None:
    async with ExecutionClient() as client:
        with pytest.raises(ValueError, match="epoch says of which log from_seq is"):
            client.events(epoch="e1")


async def test_a_log_that_is_replaced_while_it_is_read_is_begun_anew() -> None:
    first = script(20, event(21), {"type": "gap", "oldest": 1, "epoch": "e2"})
    async with scripted(first, script(2, event(1), epoch="e2", wants=1)) as port:
        seen = await watch(port, 3)
    assert [each["type"] for each in seen] == ["paper_execution", "reset", "paper_execution"]
