"""However a program ends, aiohttp has nothing to complain about. Each case is a program of its own."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest
from conftest import ROOT, Server, free_port

from execution.execution_client import ExecutionManager, NotConnected

HEAD = """
import asyncio, gc, logging
# Of a busy machine, not of the client.
logging.getLogger("asyncio").addFilter(lambda record: not record.msg.startswith("Executing %s took"))
from execution.execution_client import ExecutionManager, ExecutionClient, ConnectionFailed
PORT, FREE = {port}, {free}
"""

WAYS_OUT = {
    "closed": """
async def main():
    async with ExecutionManager(port=PORT) as manager:
        await manager.get_statistics()
asyncio.run(main())
""",
    "never closed": """
async def main():
    manager = ExecutionManager(port=PORT)
    await manager.initialize()
    await manager.get_statistics()
asyncio.run(main())
gc.collect()
""",
    "dropped while the loop goes on": """
async def main():
    manager = ExecutionManager(port=PORT)
    await manager.initialize()
    del manager
    gc.collect()
    await asyncio.sleep(0.1)
asyncio.run(main())
""",
    "kept to the end of the program": """
async def main():
    global manager
    manager = ExecutionManager(port=PORT)
    await manager.initialize()
asyncio.run(main())
""",
    "initialize fails": """
async def main():
    manager = ExecutionManager(port=FREE)
    try:
        await manager.initialize()
    except ConnectionFailed:
        pass
asyncio.run(main())
gc.collect()
""",
    "wrong mode": """
async def main():
    manager = ExecutionManager(port=PORT, mode="LIVE")
    try:
        await manager.initialize()
    except Exception as error:
        assert "PAPER" in str(error)
asyncio.run(main())
gc.collect()
""",
    "cancelled during a request": """
async def main():
    manager = ExecutionManager(port=PORT)
    await manager.initialize()
    work = [asyncio.create_task(manager.get_statistics()) for _ in range(20)]
    await asyncio.sleep(0)
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
asyncio.run(main())
gc.collect()
""",
    "one event loop after another": """
manager = ExecutionManager(port=PORT)
async def first():
    await manager.initialize()
    await manager.get_statistics()
async def later():
    assert (await manager.get_statistics())["mode"] == "PAPER"
asyncio.run(first())
asyncio.run(later())
asyncio.run(later())
asyncio.run(manager.close())
gc.collect()
""",
    "loop cancelled while watching": """
async def main():
    manager = ExecutionManager(port=PORT)
    await manager.initialize()
    async def watch():
        async for _ in manager.events():
            pass
    task = asyncio.create_task(watch())
    await asyncio.sleep(0.5)
asyncio.run(main())
gc.collect()
""",
    "raises": """
async def main():
    async with ExecutionManager(port=PORT) as manager:
        raise KeyError("mine")
try:
    asyncio.run(main())
except KeyError:
    pass
gc.collect()
""",
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_nothing_is_left_unclosed(server: Server, way: str) -> None:
    program = HEAD.format(port=server.port, free=free_port()) + WAYS_OUT[way] + "\nprint('done')\n"
    # In development mode asyncio itself warns of sockets that outlived their loop.
    outlives = way in ("kept to the end of the program", "one event loop after another")
    strict = [] if outlives else ["-X", "dev", "-W", "error"]
    ended = subprocess.run(
        [sys.executable, *strict, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONASYNCIODEBUG": "0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout == "done\n", ended.stderr
    assert ended.stderr == ""


async def test_two_event_loops_at_once_are_named(manager: ExecutionManager) -> None:
    said: list[str] = []

    def elsewhere() -> None:
        try:
            asyncio.run(manager.get_statistics())
        except NotConnected as cause:
            said.append(str(cause))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    await asyncio.to_thread(thread.join)
    assert said and "make one for each loop" in said[0]
    assert (await manager.get_statistics())["mode"] == "PAPER"
