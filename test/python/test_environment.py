from pathlib import Path

import pytest

from execution.environment import parse_environment
from execution.execution_client import ExecutionClient


def test_reads_what_a_dotenv_file_holds() -> None:
    text = (
        "# EXECUTION_PORT=1\nEXECUTION_PORT = 8546 # note\nexport EXECUTION_HOST='titan.local'\n"
        'KEY="a # b"\nEMPTY=\nnot a setting\nURL=https://x.example/?a=b\n'
    )
    assert parse_environment(text) == {
        "EXECUTION_PORT": "8546",
        "EXECUTION_HOST": "titan.local",
        "KEY": "a # b",
        "EMPTY": "",
        "URL": "https://x.example/?a=b",
    }


def test_the_address_comes_from_the_argument_the_environment_the_file_or_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EXECUTION_HOST", raising=False)
    monkeypatch.delenv("EXECUTION_PORT", raising=False)
    assert ExecutionClient().url == "http://localhost:8545"
    (tmp_path / ".env").write_text("EXECUTION_PORT=8547\n")
    assert ExecutionClient().url == "http://localhost:8547"
    monkeypatch.setenv("EXECUTION_PORT", "8548")
    monkeypatch.setenv("EXECUTION_HOST", "10.1.2.3")
    assert ExecutionClient().url == "http://10.1.2.3:8548"
    assert ExecutionClient("::1", 8549).url == "http://[::1]:8549"
    monkeypatch.setenv("EXECUTION_PORT", "eighty")
    with pytest.raises(ValueError, match="EXECUTION_PORT must be a port number, not 'eighty'"):
        ExecutionClient()
