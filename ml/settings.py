"""What the brain is told: command line, environment, .env."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from execution.environment import read_environment, setting
from execution.execution_client import SettingError

#: Environment names of the chains, as in RPC_<NAME>.
CHAIN_NAMES: dict[str, int] = {
    "ETHEREUM": 1,
    "OPTIMISM": 10,
    "BSC": 56,
    "POLYGON": 137,
    "OPBNB": 204,
    "FANTOM": 250,
    "ZKSYNC": 324,
    "MANTLE": 5000,
    "BASE": 8453,
    "ARBITRUM": 42161,
    "CELO": 42220,
    "AVALANCHE": 43114,
    "LINEA": 59144,
    "BLAST": 81457,
    "SCROLL": 534352,
}


@dataclass(frozen=True, slots=True)
class Settings:
    #: HTTP RPC endpoint per chain id; empty when none was named.
    endpoints: dict[int, str]
    #: None leaves it to the settings of the client, as the port and the mode.
    host: str | None
    port: int | None
    mode: str | None
    #: Seconds between two rounds.
    interval: float
    #: US dollars, before gas, below which a gap is not submitted.
    min_profit: Decimal
    rounds_max: int | None
    trades_max: int | None
    #: Seconds after which the brain ends.
    seconds_max: float | None


def read_settings(arguments: Sequence[str] | None = None) -> Settings:
    """Command line over environment over .env. Prints a sentence and exits with status 2 when something is wrong."""
    parser = argparse.ArgumentParser(
        prog="brain.py",
        description="Watches pools on each chain and submits what pays to the execution server.",
        epilog="Chains come from --rpc, else from RPC_ETHEREUM, RPC_POLYGON, ... of the environment or .env, "
        "else from the execution server when it runs on its own devnet.",
    )
    parser.add_argument("--rpc", action="append", default=[], type=_endpoint, metavar="CHAIN=URL",
                        help="chain id and HTTP RPC endpoint, e.g. 1=http://127.0.0.1:19000; repeatable")  # fmt: skip
    parser.add_argument("--host", help="execution server (default EXECUTION_HOST, else localhost)")
    parser.add_argument("--port", type=int, help="its port (default EXECUTION_PORT, else 8545)")
    parser.add_argument(
        "--mode",
        choices=("PAPER", "LIVE"),
        help="mode that the server must run in (default EXECUTION_MODE, else PAPER)",
    )
    parser.add_argument("--interval", type=float, default=1.0, metavar="S", help="seconds between rounds (default 1)")
    parser.add_argument(
        "--min-profit",
        type=_usd,
        default=Decimal(5),
        metavar="USD",
        help="least profit before gas that is worth a signal (default 5)",
    )
    parser.add_argument("--once", action="store_true", help="one round, then end")
    parser.add_argument("--seconds", type=float, metavar="N", help="end after N seconds")
    parser.add_argument("--max-trades", type=int, metavar="N", help="end after N submitted trades")
    given = parser.parse_args(arguments)
    try:
        endpoints = dict(given.rpc) or _endpoints_of(read_environment())
    except SettingError as cause:
        parser.error(str(cause))
    return Settings(
        endpoints=endpoints,
        host=given.host,
        port=given.port,
        mode=given.mode,
        interval=given.interval,
        min_profit=given.min_profit,
        rounds_max=1 if given.once else None,
        trades_max=given.max_trades,
        seconds_max=given.seconds,
    )


def _endpoints_of(environment: Mapping[str, str]) -> dict[int, str]:
    """The first http(s) endpoint of each RPC_<CHAIN> that is set; the server's other kinds (ws, ipc) are not read here."""
    endpoints: dict[int, str] = {}
    for name, chain_id in CHAIN_NAMES.items():
        urls = (url.strip() for url in (setting(f"RPC_{name}", environment) or "").split(","))
        url = next((url for url in urls if url.startswith(("http://", "https://"))), None)
        if url is not None:
            endpoints[chain_id] = url
    return endpoints


def _endpoint(text: str) -> tuple[int, str]:
    chain, separator, url = text.partition("=")
    if not separator or not chain.isdecimal() or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} is not CHAIN=URL, such as 1=http://127.0.0.1:19000")
    return int(chain), url


def _usd(text: str) -> Decimal:
    try:
        usd = Decimal(text)
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount of dollars")
    return usd
