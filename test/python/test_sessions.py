"""However a program ends, aiohttp has nothing to complain about. Each case is a program of its own."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT, Server, free_port

HEAD = """
import asyncio, gc
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
    # At the very end of a program asyncio itself warns, in development mode, of sockets that outlived their loop.
    strict = [] if way == "kept to the end of the program" else ["-X", "dev", "-W", "error"]
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
