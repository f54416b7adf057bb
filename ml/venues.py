"""Where the brain looks: tokens and venues by their addresses on Ethereum, which the devnet carries on every chain.

A chain on which nothing stands at these addresses is skipped; to trade there, add a row of its own to ``VENUES``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    symbol: str
    address: str
    decimals: int


@dataclass(frozen=True, slots=True)
class V2Venue:
    name: str
    factory: str
    router: str
    #: Fee of a swap in millionths.
    fee: int


@dataclass(frozen=True, slots=True)
class V3Venue:
    name: str
    factory: str
    router: str
    quoter: str
    #: Fee tiers in millionths.
    fees: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Venues:
    #: Worth one US dollar each, in order of preference: trades begin, end and are counted in one of them.
    dollars: tuple[Token, ...]
    #: What is bought and sold against the dollars.
    others: tuple[Token, ...]
    v2: tuple[V2Venue, ...]
    v3: tuple[V3Venue, ...]
    balancer_vault: str
    #: Aave's PoolAddressesProvider.
    aave_provider: str


ETHEREUM = Venues(
    dollars=(
        Token("USDC", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", 6),
        Token("DAI", "0x6B175474E89094C44Da98b954EedeAC495271d0F", 18),
        Token("USDT", "0xdAC17F958D2ee523a2206206994597C13D831ec7", 6),
    ),
    others=(Token("WETH", "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", 18),),
    v2=(
        V2Venue(
            "Uniswap V2",
            "0x5C69bEe701ef814a2B6a3EDD4B1652CB9cc5aA6f",
            "0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D",
            3000,
        ),
        V2Venue(
            "Sushi",
            "0xC0AEe478e3658e2610c5F7A4A2E1777cE9e4f2Ac",
            "0xd9e1cE17f2641f24aE83637ab66a2cca9C378B9F",
            3000,
        ),
    ),
    v3=(
        V3Venue(
            "Uniswap V3",
            "0x1F98431c8aD98523631AE4a59f267346ea31F984",
            "0xE592427A0AEce92De3Edee1F18E0157C05861564",
            "0x61fFE014bA17989E743c5F6cB21bF9697530B21e",
            (500, 3000, 10_000),
        ),
    ),
    balancer_vault="0xbA1333333333a1BA1108E8412f11850A5C319bA9",
    aave_provider="0x2f39d218133AFaB8F2B819B1066c7E434Ad94E9e",
)

VENUES: dict[int, Venues] = {1: ETHEREUM}


def venues_of(chain_id: int) -> Venues:
    """The chain's own row, else Ethereum's addresses."""
    return VENUES.get(chain_id, ETHEREUM)
