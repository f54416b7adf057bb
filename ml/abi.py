"""Calldata and results of the few contract functions that are read; all arguments are static, one word each."""

from __future__ import annotations

# First four bytes of keccak256 of the signature in the name's comment.
GET_PAIR = "0xe6a43905"  # getPair(address,address)
GET_POOL = "0x1698ee82"  # getPool(address,address,uint24)
GET_RESERVES = "0x0902f1ac"  # getReserves()
SLOT0 = "0x3850c7bd"  # slot0()
LIQUIDITY = "0x1a686502"  # liquidity()
BALANCE_OF = "0x70a08231"  # balanceOf(address)
AAVE_POOL = "0x026b1d5f"  # getPool()
AAVE_RESERVE = "0x35ea6a75"  # getReserveData(address)
AAVE_PREMIUM = "0x074b2e43"  # FLASHLOAN_PREMIUM_TOTAL()
QUOTE_EXACT_INPUT = "0xc6a5026a"  # quoteExactInputSingle((address,address,uint256,uint24,uint160))


def encode_call(selector: str, *arguments: str | int) -> str:
    """Calldata; an argument is an address (0x-hex) or an unsigned integer."""
    words = (int(argument, 16) if isinstance(argument, str) else argument for argument in arguments)
    return selector + "".join(f"{word:064x}" for word in words)


def word(result: str | None, index: int = 0) -> int | None:
    """One 32-byte word of a result as an unsigned integer; None when the call failed or the result is too short."""
    text = (result or "")[2 + 64 * index : 2 + 64 * (index + 1)]
    return int(text, 16) if len(text) == 64 else None


def address(result: str | None, index: int = 0) -> str | None:
    """One word of a result as an address; None when there is none or it is zero."""
    value = word(result, index)
    return f"0x{value:040x}" if value else None
