import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from conftest import NODE, ROOT, Server, free_port

from execution.execution_client import ExecutionManager, ModeMismatch, RetryPolicy
from execution.fake_titan import FakeTitan, lost
from ml import abi
from ml.brain import Brain, _devnet
from ml.market import BALANCER, Loan, Snapshot, discover
from ml.opportunity import Opportunity, find_gaps, settle
from ml.pool import Pool, virtual_reserves
from ml.rpc import Rpc, RpcFailed
from ml.settings import CHAIN_NAMES, read_settings
from ml.sizing import best_loan, ladder, owed
from ml.venues import ETHEREUM, VENUES
from ml.watcher import ChainWatcher

USDC, WETH = ETHEREUM.dollars[0], ETHEREUM.others[0]


def evaluate(script: str) -> Any:
    """The JSON that a module of the project's Node prints."""
    done = subprocess.run(
        [NODE, "--input-type=module", "-e", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def pool(dollars: int, others: int, fee: int = 3000) -> Pool:
    return Pool(ETHEREUM.v2[0], USDC, WETH, dollars, others, fee)


def run_brain(*arguments: str, folder: Path = ROOT / "ml", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RPC_", "EXECUTION_"))}
    return subprocess.run(
        [sys.executable, "-W", "error", ROOT / "ml" / "brain.py", *arguments],
        cwd=folder,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_selectors_are_those_of_the_signatures() -> None:
    source = (ROOT / "ml" / "abi.py").read_text()
    named = dict(re.findall(r'= "(0x[0-9a-f]{8})"  # (\S+)', source))
    signatures = json.dumps(list(named.values()))
    expected = evaluate(
        f"import {{ id }} from 'ethers'; console.log(JSON.stringify({signatures}.map((s) => id(s).slice(0, 10))))"
    )
    assert len(named) == 10 and list(named) == expected


def test_addresses_carry_their_checksum() -> None:
    source = (ROOT / "ml" / "venues.py").read_text()
    addresses = json.dumps(re.findall(r"0x[0-9a-fA-F]{40}", source))
    assert evaluate(
        f"import {{ getAddress }} from 'ethers'; console.log(JSON.stringify({addresses}.map(getAddress)))"
    ) == json.loads(addresses)


def test_chain_names_are_the_servers() -> None:
    rows = evaluate(
        "import { CHAINS } from './src/config/chains.ts';"
        "console.log(JSON.stringify(CHAINS.map((c) => [c.envName, c.chainId])))"
    )
    assert dict(rows) == CHAIN_NAMES
    assert set(VENUES) <= set(CHAIN_NAMES.values())


def test_the_size_is_the_best_one() -> None:
    cheap, dear = pool(2_000_000_000_000, 1_000 * 10**18), pool(3_150_000_000_000, 1_500 * 10**18)
    for premium in (0, 5):
        best = best_loan(cheap, dear, premium)

        def profit(loan: int, premium: int = premium) -> int:
            return dear.sell(cheap.buy(loan)) - owed(loan, premium)

        assert 10**9 < best < 10**11
        assert profit(best) > profit(best * 99 // 100) and profit(best) > profit(best * 101 // 100)
    assert best_loan(dear, cheap, 0) == 0
    assert best_loan(cheap, cheap, 0) == 0
    assert best_loan(cheap, pool(0, 0), 0) == 0


def test_a_v2_swap_is_the_routers_arithmetic() -> None:
    # UniswapV2Library.getAmountOut with 997/1000, computed apart.
    assert pool(5_000_003, 7_000_001).buy(1_234) == 1_234 * 997 * 7_000_001 // (5_000_003 * 1000 + 1_234 * 997)
    assert owed(10_001, 5) == 10_007  # 5.0005 rounded up
    assert ladder(1_000, 10, 190, 4) == [100, 700, 1300, 1900] and ladder(0, 10, 190, 9) == []
    assert virtual_reserves(2 << 96, 1_000) == (500, 2_000)


def test_the_cheapest_sufficient_lender_is_taken() -> None:
    cheap, dear = pool(2_000_000_000_000, 1_000 * 10**18), pool(3_150_000_000_000, 1_500 * 10**18)

    def best(*loans: Loan) -> Any:
        return find_gaps(Snapshot((cheap, dear), {USDC.address: loans}))[0]

    free, aave, drained = Loan(BALANCER, 10**13, 0), Loan(2, 10**13, 5), Loan(BALANCER, 10**7, 0)
    assert best(free, aave).flash_source == BALANCER
    assert best(drained, aave).flash_source == 2
    assert best(drained).loan == 10**7
    assert find_gaps(Snapshot((cheap, dear), {})) == []


async def test_what_it_expects_is_what_the_server_simulates(server: Server) -> None:
    """To the base unit, over every gap of the devnet: V2 to V2, V2 to V3 and V3 to V3."""
    chain = next(each for each in server.get("/health?verbose")["chain_status"] if each["chainId"] == 42161)
    settings = read_settings(["--min-profit", "0"])
    kinds = set()
    async with aiohttp.ClientSession() as session, ExecutionManager(port=server.port) as manager:
        rpc = Rpc(session, chain["devnetRpc"])
        market = await discover(rpc, ETHEREUM)
        snapshot = await market.read()
        brain = Brain(manager, [], settings)
        for gap in find_gaps(snapshot):
            found = await settle(rpc, gap, snapshot)
            if found is None:
                continue
            # The pools' liquidity is even, so the closed form is right across ticks too, and settling must not lose it.
            assert found.profit * 1000 >= gap.profit * 999
            result = await brain._submit(42161, found)
            # The server also counts gas, and refuses what it eats.
            assert result["success"] is True or result["code"] == "UNPROFITABLE", result
            assert int(result["simulation"]["profit"]) == found.profit
            kinds.add((type(found.buy.venue).__name__, type(found.sell.venue).__name__))
    assert {("V2Venue", "V3Venue"), ("V2Venue", "V2Venue")} <= kinds


async def test_the_same_gap_is_one_opportunity(server: Server) -> None:
    chain = next(each for each in server.get("/health?verbose")["chain_status"] if each["chainId"] == 10)
    async with aiohttp.ClientSession() as session:
        watcher = ChainWatcher(session, 10, chain["devnetRpc"], read_settings([]))
        assert await watcher.look() is not None
        assert await watcher.look() is None


def test_once_finds_and_submits_a_trade_on_every_chain_of_the_devnet(server: Server, tmp_path: Path) -> None:
    """As the quick start has it: with the example file as .env, whose endpoints are placeholders."""
    shutil.copy(ROOT / ".env.example", tmp_path / ".env")
    before = server.get("/stats")["paper_executed"]
    done = run_brain("--port", str(server.port), "--once", folder=tmp_path)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    trades = [line for line in done.stdout.splitlines() if line.startswith("✅")]
    assert len(trades) == 15, done.stdout
    assert all(
        re.fullmatch(
            r"✅ chain \d+: [\d,.]+ [A-Z]+, .+ -> .+, expected ([\d,.]+), made \1 [A-Z]+, net of gas \$[\d,.]+", line
        )
        for line in trades
    ), trades
    assert done.stdout.endswith("15 trades submitted, 15 successful\n")
    assert server.get("/stats")["paper_executed"] == before + 15


def test_takes_chains_from_the_command_line_and_the_environment(server: Server) -> None:
    rpcs = {each["chainId"]: each["devnetRpc"] for each in server.get("/health?verbose")["chain_status"]}
    port = {"EXECUTION_PORT": str(server.port)}
    done = run_brain("--rpc", f"137={rpcs[137]}", "--seconds", "1", "--interval", "0.2", **port)
    assert re.match(r"chain 137: watching \d+ pools\n✅ chain 137: ", done.stdout), done.stdout
    done = run_brain("--max-trades", "1", RPC_POLYGON=f"wss://x.example, {rpcs[137]}", RPC_BASE=rpcs[8453], **port)
    assert done.returncode == 0 and done.stdout.endswith("1 trades submitted, 1 successful\n"), done.stdout
    done = run_brain("--once", "--min-profit", "1000000", "--rpc", f"137={rpcs[137]}", **port)
    assert done.stdout.endswith("0 trades submitted, 0 successful\n")


def test_says_what_is_wrong(server: Server) -> None:
    port = free_port()
    done = run_brain("--port", str(port), "--once")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Failed to connect to execution server at http://localhost:{port}")
    rpc = next(each for each in server.get("/health?verbose")["chain_status"] if each["chainId"] == 1)["devnetRpc"]
    done = run_brain(
        "--port", str(server.port), "--once", "--rpc", f"10={rpc}", "--rpc", f"1=http://127.0.0.1:{port}/key"
    )
    assert done.returncode == 0
    assert "chain 10: the endpoint serves another chain\n" in done.stdout
    assert "chain 1: the node does not answer (ClientConnectorError)\n" in done.stdout and "/key" not in done.stdout
    done = run_brain("--rpc", "mainnet")
    assert done.returncode == 2 and "'mainnet' is not CHAIN=URL" in done.stderr


def test_ends_cleanly_on_an_interrupt(server: Server) -> None:
    brain = subprocess.Popen(
        [sys.executable, "-u", ROOT / "ml" / "brain.py", "--port", str(server.port), "--interval", "0.2"],
        cwd=ROOT / "ml",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert brain.stdout is not None
        brain.stdout.readline()
        time.sleep(0.5)
        brain.send_signal(signal.SIGINT)
        rest, errors = brain.communicate(timeout=60)
    finally:
        brain.kill()
        brain.wait()
    assert brain.returncode == 0 and errors == ""
    assert re.search(r"\d+ trades submitted, \d+ successful\n$", rest)


async def test_a_node_that_answers_nonsense_is_a_failure_not_a_crash(server: Server) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(RpcFailed):
            await Rpc(session, f"http://127.0.0.1:{server.port}/health").chain_id()
        chain = server.get("/health?verbose")["chain_status"][0]
        (no_code,) = await Rpc(session, chain["devnetRpc"]).read([("0x" + "11" * 20, abi.GET_RESERVES)])
        assert abi.word(no_code) is None and abi.address(no_code) is None


def test_amounts_of_the_command_line() -> None:
    assert read_settings(["--min-profit", "2.5"]).min_profit == Decimal("2.5")
    with pytest.raises(SystemExit):
        read_settings(["--min-profit", "nan"])


class Chain(ChainWatcher):
    """A chain that looks as the test says, and finds what it says."""

    def __init__(self, chain_id: int, look: Callable[[], Awaitable[Any]]) -> None:
        self.chain_id, self.lost, self.looks, self.forgotten, self._look = chain_id, False, 0, 0, look

    async def look(self) -> Any:
        self.looks += 1
        return await self._look()

    def forget(self) -> None:
        self.forgotten += 1


async def nothing() -> None:
    return None


async def found() -> Opportunity:
    cheap, dear = pool(2_000_000_000_000, 1_000 * 10**18), pool(3_150_000_000_000, 1_500 * 10**18)
    return find_gaps(Snapshot((cheap, dear), {USDC.address: (Loan(BALANCER, 10**13, 0),)}))[0]


QUICK = RetryPolicy(attempts=1)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_no_chain_waits_for_another(server: Server) -> None:
    hung, quiet = Chain(10, asyncio.Event().wait), Chain(137, nothing)
    async with ExecutionManager(port=server.port) as manager:
        brain = Brain(manager, [hung, quiet], read_settings(["--interval", "0.01"]))
        running = asyncio.create_task(brain.run())
        await until(lambda: quiet.looks > 20)
        assert hung.looks == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_server_that_goes_away_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    chain = Chain(137, found)
    async with FakeTitan(chains=[137]) as titan, titan.manager(retry=QUICK) as manager:
        await titan.stop()
        brain = Brain(manager, [chain], read_settings(["--interval", "0.01", "--max-trades", "1"]))
        running = asyncio.create_task(brain.run())
        await until(lambda: chain.forgotten > 2)
        await titan.start()
        await asyncio.wait_for(running, 30)
    assert (brain.submitted, brain.succeeded) == (1, 1)
    away, well, trade = capsys.readouterr().out.splitlines()
    assert away.startswith("execution server: away, waiting for it (Failed to connect to execution server at")
    assert well == "execution server: well again" and trade.startswith("✅ chain 137: ")


async def test_an_answer_that_was_lost_with_the_server_is_asked_for_when_it_is_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with FakeTitan(chains=[137]) as titan, titan.manager(retry=QUICK) as manager:
        titan.script += [lost()]
        brain = Brain(manager, [Chain(137, found)], read_settings(["--interval", "0.01", "--max-trades", "1"]))
        running = asyncio.create_task(brain.run())
        await until(lambda: len(titan.signals) == 1)
        await titan.stop()
        await asyncio.sleep(0.1)
        await titan.start()
        await asyncio.wait_for(running, 30)
    assert len(titan.signals) == 1 and (brain.submitted, brain.succeeded) == (1, 1)
    assert capsys.readouterr().out.splitlines()[-1].startswith("✅ chain 137: ")


async def test_a_server_in_another_mode_ends_every_chain() -> None:
    async with FakeTitan(chains=[137]) as titan, titan.manager() as manager:
        titan.mode = "LIVE"
        brain = Brain(manager, [Chain(10, asyncio.Event().wait), Chain(137, found)], read_settings([]))
        with pytest.raises(ModeMismatch):
            await asyncio.wait_for(brain.run(), 30)
        assert titan.signals == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_devnet_that_comes_back_elsewhere_is_found_again(server: Server) -> None:
    nodes = {each["chainId"]: each["devnetRpc"] for each in server.get("/health?verbose")["chain_status"]}
    async with aiohttp.ClientSession() as session, ExecutionManager(port=server.port) as manager:
        settings = read_settings(["--interval", "0.05", "--max-trades", "1"])
        watcher = ChainWatcher(session, 137, f"http://127.0.0.1:{free_port()}", settings)
        brain = Brain(manager, [watcher], settings, partial(_devnet, manager))
        await asyncio.wait_for(brain.run(), 60)
        assert brain.succeeded == 1
        # Another node is another world: its gaps were not taken.
        assert await watcher.look() is None
        watcher.move(nodes[137] + "/")
        assert await watcher.look() is not None
