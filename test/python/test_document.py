"""The Python of the document, as it stands there."""

import os
import subprocess
import sys
import textwrap

import pytest
from conftest import ROOT, Server

MANUAL = """
import asyncio
from execution.execution_client import ExecutionManager

async def test():
    manager = ExecutionManager()
    await manager.initialize()
    
    result = await manager.submit_trade(
        chain_id=1,
        token="0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",  # USDC
        amount="1000000000",  # 1000 USDC
        flash_source=1,  # Balancer V3
        protocols=[0],
        routers=["0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D"],
        path=["0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"],
        extras=[b''],
        expected_profit=50.0
    )
    
    print(result)
    await manager.close()

asyncio.run(test())
"""

MANAGER = """
from execution.execution_client import ExecutionManager

# Initialize
manager = ExecutionManager(
    host="localhost",
    port=8545,
    mode="PAPER"
)

# Connect
await manager.initialize()

# Submit trade
result = await manager.submit_trade(
    chain_id=1,
    token="0x...",
    amount="1000000000",
    flash_source=1,
    protocols=[0, 1],
    routers=["0x...", "0x..."],
    path=["0x...", "0x..."],
    extras=[b'', b''],
    expected_profit=50.0
)

# Check result
if result['success']:
    print(f"Trade executed: {result['mode']}")
else:
    print(f"Trade failed: {result['error']}")

# Get statistics
stats = await manager.get_statistics()
print(stats)

# Cleanup
await manager.close()
"""

FUNCTION = """
from execution.execution_client import execute_trade

result = await execute_trade(
    chain_id=1,
    token="0x...",
    amount="1000000000",
    flash_source=1,
    protocols=[0],
    routers=["0x..."],
    path=["0x..."],
    extras=[b''],
    expected_profit=50.0
)
"""
USDC, WETH = '"0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"', '"0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"'
V2, V3 = '"0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D"', '"0xE592427A0AEce92De3Edee1F18E0157C05861564"'
#: What stands for the dots.
FILLED_IN = {
    'token="0x..."': f"token={USDC}",
    'routers=["0x...", "0x..."]': f"routers=[{V2}, {V3}]",
    'path=["0x...", "0x..."]': f"path=[{USDC}, {WETH}]",
}
COUNTED = {
    "total_signals",
    "executed",
    "paper_executed",
    "failed",
    "total_profit",
    "mode",
    "connected_clients",
    "providers",
}


def run(server: Server, program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env={**os.environ, "EXECUTION_PORT": str(server.port)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == "", done.stderr
    return done.stdout


def awaited(snippet: str) -> str:
    return "import asyncio\nasync def main():\n" + textwrap.indent(snippet, "    ") + "    return locals()\n"


def test_the_manual_submission(server: Server) -> None:
    told = eval(run(server, MANUAL))
    assert told["mode"] == "PAPER" and told["success"] is False and len(told["error"]) > 20


@pytest.mark.parametrize("filled_in", [False, True])
def test_the_manager(server: Server, filled_in: bool) -> None:
    snippet = MANAGER.replace("8545", str(server.port))
    for dots, value in FILLED_IN.items() if filled_in else ():
        snippet = snippet.replace(dots, value)
    said, stats = run(server, awaited(snippet) + "asyncio.run(main())").splitlines()
    assert said == "Trade executed: PAPER" if filled_in else said.startswith("Trade failed: ")
    assert COUNTED <= set(eval(stats))


def test_the_function(server: Server) -> None:
    told = run(server, awaited(FUNCTION) + "print(asyncio.run(main())['result']['error'])")
    assert "0x..." in told


def test_the_check_of_the_document(server: Server) -> None:
    program = "import runpy; runpy.run_path('test_python_node_communication.py', run_name='__main__')"
    assert run(server, program).endswith("✅ 4 of 4 tests passed\n")
