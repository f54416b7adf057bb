"""A real server, built and started once, on its own devnet."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tcp_proxy import TcpProxy, tcp_proxy

from execution.execution_client import ExecutionManager

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "node_modules" / ".bin" / "node"
START_TIMEOUT_S = 120

USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
WETH = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
UNISWAP_V2 = "0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D"
UNISWAP_V3 = "0xE592427A0AEce92De3Edee1F18E0157C05861564"

#: 1,000 USDC from Balancer: USDC -> WETH at Uniswap V2, WETH -> USDC at Uniswap V3. It pays on the devnet.
DOCUMENT_TRADE: dict[str, Any] = {
    "chain_id": 1,
    "token": USDC,
    "amount": "1000000000",
    "flash_source": 1,
    "protocols": [0, 1],
    "routers": [UNISWAP_V2, UNISWAP_V3],
    "path": [USDC, WETH],
    "extras": [b"", b""],
    "expected_profit": 50.0,
}


@dataclass(frozen=True)
class Server:
    port: int

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
            return json.load(response)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            ready = server.get("/readyz")
            if ready["chains_ready"] == ready["chains"]:
                return
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.2)
    pytest.fail(f"The server did not become ready:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not (ROOT / "dist" / "main.js").is_file():
        pytest.fail("There is no dist/main.js: run `npm run build` first.")
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RPC_", "EXECUTION_"))}
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [NODE, ROOT / "dist" / "main.js"],
            cwd=folder,  # not the checkout, whose .env would be read
            env={**clean, "EXECUTION_PORT": str(port), "DATA_DIR": str(folder / "data")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        running = Server(port)
        wait_until_ready(running, process, log)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
async def manager(server: Server) -> AsyncIterator[ExecutionManager]:
    async with ExecutionManager(port=server.port) as manager:
        yield manager


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[TcpProxy]:
    async with tcp_proxy(server.port) as proxy:
        yield proxy
