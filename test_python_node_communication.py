"""Checks a running execution server from Python: ``python3 test_python_node_communication.py``.

Four tests: connection, a paper trade, several chains, statistics. The server is the one of EXECUTION_HOST and
EXECUTION_PORT (environment or .env), else localhost:8545; its PAPER mode is required, so nothing is ever sent to a
chain. The trade is the documented one and pays on the built-in devnet, which a server without RPC_* settings runs on;
on a real chain its loss or profit is as true, and a true refusal passes. Exit status 0 when all tests pass, else 1.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from execution.execution_client import ExecutionManager, TitanError, TradeAnswer

USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
WETH = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
TRADE: dict[str, Any] = {
    "token": USDC,
    "amount": "1000000000",  # 1,000 USDC
    "flash_source": 1,  # Balancer V3
    "protocols": [0, 1],  # USDC -> WETH at Uniswap V2, WETH -> USDC at Uniswap V3
    "routers": ["0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D", "0xE592427A0AEce92De3Edee1F18E0157C05861564"],
    "path": [USDC, WETH],
    "extras": [b"", b""],
    "expected_profit": 50.0,
}
#: How a trade may end on a real chain, where prices are what they are.
TRUE_REFUSALS = ("UNPROFITABLE", "SIMULATION_FAILED", "UNSUPPORTED_ON_CHAIN")


async def chains_of(manager: ExecutionManager) -> dict[int, bool]:
    """The chains that are ready, and whether each is a devnet."""
    health = await manager.get_health(verbose=True)
    return {chain["chainId"]: chain["devnet"] for chain in health["chain_status"] if chain["state"] == "ready"}


def judge(result: TradeAnswer, devnet: bool) -> str:
    """What the answer to ``TRADE`` says, as a sentence. Raises AssertionError when it cannot be true."""
    assert result["mode"] == "PAPER", result
    if result["success"]:
        simulation = result["simulation"]
        assert simulation is not None and simulation["profit"] is not None, result
        assert simulation["success"] is True and simulation["gasUsed"] > 100_000, result
        assert int(simulation["profit"]) > 0, result
        profit = int(simulation["profit"]) / 1e6
        return f"filled, profit {profit:.6f} USDC, gas {simulation['gasUsed']}, block {simulation['block']}"
    assert not devnet, f"the trade pays on the devnet, but: {result['error']}"
    assert result["code"] in TRUE_REFUSALS, result
    return f"refused: {result['error']}"


async def check_connection(manager: ExecutionManager) -> str:
    health = await manager.get_health()
    assert health["status"] in ("healthy", "degraded"), f"the server is {health['status']}"
    assert health["mode"] == "PAPER" and health["chains"] >= 1 and health["uptime"] > 0, health
    return f"{health['status']}, {health['mode']}, {health['chains']} chains"


async def check_paper_trade(manager: ExecutionManager) -> str:
    chains = await chains_of(manager)
    assert chains, "no chain is ready; GET /readyz?verbose says why"
    chain_id = 1 if 1 in chains else next(iter(chains))
    result = await manager.submit_trade(chain_id=chain_id, **TRADE)
    again = await manager.submit_trade(chain_id=chain_id, **TRADE, signal_id=result["signal_id"])
    assert again == result, "the same signal_id gave another answer"
    return f"chain {chain_id}: {judge(result, chains[chain_id])}"


async def check_multi_chain(manager: ExecutionManager) -> str:
    chains = await chains_of(manager)
    results = await asyncio.gather(*(manager.submit_trade(chain_id=chain_id, **TRADE) for chain_id in chains))
    for (chain_id, devnet), result in zip(chains.items(), results, strict=True):
        print(f"     chain {chain_id}: {judge(result, devnet)}")
    unknown = await manager.submit_trade(chain_id=999_999_999, **TRADE)
    assert (unknown["success"], unknown["code"]) == (False, "UNKNOWN_CHAIN"), unknown
    return f"{len(results)} chains at once, {sum(result['success'] is True for result in results)} trades filled"


async def check_statistics(manager: ExecutionManager) -> str:
    before = await manager.get_statistics()
    chain_id = next(iter(await chains_of(manager)))
    result = await manager.submit_trade(chain_id=chain_id, **TRADE)
    after = await manager.get_statistics()
    # At least: others may trade on the same server.
    assert after["total_signals"] >= before["total_signals"] + 1, (before, after)
    if result["success"]:
        assert after["paper_executed"] >= before["paper_executed"] + 1, (before, after)
    else:
        assert after["failed"] >= before["failed"] + 1, (before, after)
    assert after["executed"] == before["executed"], "a PAPER server executed something"
    return (
        f"{after['total_signals']} signals, {after['paper_executed']} filled, {after['failed']} failed, "
        f"total profit ${after['total_profit']:,.2f}"
    )


TESTS: dict[str, Callable[[ExecutionManager], Awaitable[str]]] = {
    "Connection to execution server": check_connection,
    "Paper trade execution": check_paper_trade,
    "Multi-chain execution": check_multi_chain,
    "Statistics retrieval": check_statistics,
}


async def main() -> int:
    passed = 0
    try:
        async with ExecutionManager(mode="PAPER") as manager:
            print(f"Execution server at {manager.url}")
            for name, test in TESTS.items():
                try:
                    print(f"  ✅ {name}: {await test(manager)}")
                    passed += 1
                except (AssertionError, TitanError) as cause:
                    print(f"  ❌ {name}: {cause}")
    except TitanError as cause:
        print(f"  ❌ {cause}")
    print(f"{'✅' if passed == len(TESTS) else '❌'} {passed} of {len(TESTS)} tests passed")
    return 0 if passed == len(TESTS) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
