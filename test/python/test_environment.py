import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import NODE, ROOT

from execution.environment import parse_environment, read_environment, setting
from execution.execution_client import ExecutionClient, ExecutionManager, SettingError, TitanError
from ml.settings import read_settings

PARSER, SETTING = ROOT / "src/config/parseEnvFile.ts", ROOT / "src/config/settingText.ts"
FILES: list[bytes] = [
    *(
        text.encode()
        for text in (
            '# a = none\n\n  A=1\nexport B = two words \nC=\'single#kept\' \nD="double"   # a comment\nE=`back`\nF=\nG=""',
            "H=https://host/#fragment\nI=value # a comment\nJ=# nothing\nK=it's\nA=1\r\nB=2\rC=3\nA=4",
            "\ufeffA=1\nB='\"/x\"'\n\u00a0C\u00a0=\u00a01\u00a0#\u00a0x\nexport\u00a0D=5",
            'RPC_ETHEREUM: http://node\n$env:RPC_ETHEREUM = "x"\nRPC_ETHEREUM x\nset RPC_BASE=x\n- RPC_BASE=x',
            '{\n"RPC_ETHEREUM": "http://node",\n}',
            "RPC-ETHEREUM=x\n=x\nexport\n0x3f3f\n// a comment\nÄ=1\n1A=2",
            'A="open\nB="x"y\nC="x #1"\nD="#1"\nE="\nF=\'a\' b',
            "nonsense\nA=1\nmore of it",
            "A=#x\u2028y\nB=x #y\u2028\"\nC=\"x\" # a\u2028b",
            "EXECUTION_MODE=PAPER # or LIVE\x0b\nEXECUTION_PORT=1\x0c2\n",
        )
    ),
    "DATA_DIR=/donnée".encode("latin-1"),
    "A=1\n".encode("utf-16"),
    "A=1\n".encode("utf-16-le"),
    "\ufeffA=1\n".encode("utf-16-be"),
    b"",
    (ROOT / ".env.example").read_bytes(),
]
VALUES = [
    "", "  ", "x", " x # note", "#x", "x#y", "https://...", "https://..., ", "https://a.example,https://...", "0x...",
    "Your_Private_Key_here", "'x'", '"x"', "x,'y'", "o'brien", "“x”", '"https://..."', "a\n#b", "\u00a0x\u2003",
]  # fmt: skip


def python_reads(content: bytes) -> Any:
    try:
        return parse_environment(content)
    except SettingError as cause:
        return str(cause).splitlines()


def python_takes(value: str) -> Any:
    try:
        return setting("NAME", {"NAME": value})
    except SettingError as cause:
        return [str(cause)]


def test_the_server_reads_every_file_and_every_value_alike() -> None:
    script = f"""
    import {{ parseEnvFile }} from '{PARSER}'; import {{ settingText }} from '{SETTING}'
    const [files, values] = JSON.parse(await new Response(process.stdin).text())
    const read = (hex) => {{ const file = parseEnvFile(Buffer.from(hex, 'hex')); return file.ok ? file.variables : file.problems }}
    const take = (text) => {{ const value = settingText(text); return value.ok ? value.value : ['NAME ' + value.problem] }}
    console.log(JSON.stringify([files.map(read), values.map(take)]))"""
    done = subprocess.run(
        [NODE, "--input-type=module", "-e", script],
        input=json.dumps([[content.hex() for content in FILES], VALUES]),
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    read, taken = json.loads(done.stdout)
    assert [python_reads(content) for content in FILES] == read
    assert [python_takes(value) for value in VALUES] == taken


def test_reads_what_a_dotenv_file_holds() -> None:
    text = (
        "# EXECUTION_PORT=1\nEXECUTION_PORT = 8546 # note\nexport EXECUTION_HOST='titan.local'\n"
        'KEY="a#b"\nEMPTY=\nURL=https://x.example/?a=b\n'
    )
    assert parse_environment(text.encode()) == {
        "EXECUTION_PORT": "8546",
        "EXECUTION_HOST": "titan.local",
        "KEY": "a#b",
        "EMPTY": "",
        "URL": "https://x.example/?a=b",
    }


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("EXECUTION_MODE=LIVE\r\n".encode("utf-16"), " is saved as UTF-16, or is no text; save it as UTF-8"),
        (b"DATA_DIR=/donn\xe9es\n", " is not UTF-8; save it as UTF-8."),
        (b"A=1\nRPC_ETHEREUM: http://node\n", " line 2 is not NAME=VALUE; write RPC_ETHEREUM="),
        (b'A="open\n', ' line 1 has a value that begins with " and does not end with it.'),
    ],
)
def test_what_cannot_be_read_is_a_sentence(
    content: bytes, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / ".env"
    file.write_bytes(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError) as caught:
        ExecutionManager()
    assert str(caught.value).startswith(f"{file}{sentence}") and isinstance(caught.value, TitanError)
    # What is said in full needs no file.
    assert ExecutionManager("localhost", 8545, "PAPER").url == "http://localhost:8545"
    with pytest.raises(SystemExit) as ended:
        read_settings([])
    assert ended.value.code == 2 and sentence in capsys.readouterr().err


def test_a_folder_and_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingError, match="is a folder and no file; remove it"):
        read_environment(tmp_path)
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / ".env").symlink_to(tmp_path / "loop" / ".env")
    with pytest.raises(SettingError, match="cannot be read"):
        read_environment(tmp_path / "loop")


def test_placeholders_are_not_set_and_quotes_left_on_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for placeholder in ("https://...", "https://..., wss://...", "0x...", "0x...your_private_key...", "...", ""):
        assert setting("RPC_BASE", {"RPC_BASE": placeholder}) is None
    assert setting("RPC_BASE", {"RPC_BASE": "\u0130://..."}) is not None
    # A value that was cut off is none: the server refuses it.
    assert setting("RPC_BASE", {"RPC_BASE": "https://base.example/v2/abc..."}) == "https://base.example/v2/abc..."
    monkeypatch.setenv("EXECUTION_HOST", '"titan.local"')
    with pytest.raises(SettingError, match="EXECUTION_HOST has quotes left in its value"):
        ExecutionClient()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("EXECUTION_HOST", "EXECUTION_PORT", "EXECUTION_MODE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_address_comes_from_the_argument_the_environment_the_file_or_the_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ExecutionClient().url == "http://localhost:8545"
    (folder / ".env").write_text("EXECUTION_PORT=8547\n")
    assert ExecutionClient().url == "http://localhost:8547"
    monkeypatch.setenv("EXECUTION_PORT", "8548")
    monkeypatch.setenv("EXECUTION_HOST", "10.1.2.3")
    assert ExecutionClient().url == "http://10.1.2.3:8548"
    assert ExecutionClient("::1", 8549).url == "http://[::1]:8549"
    # What the server takes: an address as in a URL, and a port with zeros before it.
    monkeypatch.setenv("EXECUTION_HOST", "[::1]")
    monkeypatch.setenv("EXECUTION_PORT", "008548")
    assert ExecutionClient().url == "http://[::1]:8548"
    for wrong in ("eighty", "0", "65536"):
        monkeypatch.setenv("EXECUTION_PORT", wrong)
        with pytest.raises(SettingError, match=f'EXECUTION_PORT must be .* 65535, not "{wrong}"'):
            ExecutionClient()


def test_so_does_the_mode(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ExecutionManager().mode == "PAPER"
    (folder / ".env").write_text("EXECUTION_MODE=LIVE  # real money\n")
    assert ExecutionManager().mode == "LIVE"
    assert ExecutionManager(mode="PAPER").mode == "PAPER"
    monkeypatch.setenv("EXECUTION_MODE", "paper")
    with pytest.raises(SettingError, match='EXECUTION_MODE must be PAPER or LIVE, not "paper"; write it as PAPER.'):
        ExecutionManager()


def test_the_example_file_names_no_endpoint(folder: Path) -> None:
    (folder / ".env").write_bytes((ROOT / ".env.example").read_bytes())
    assert read_settings([]).endpoints == {}
    assert (ExecutionManager().url, ExecutionManager().mode) == ("http://localhost:8545", "PAPER")
