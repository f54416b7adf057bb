import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy: building leaves things behind."""
    source = tmp_path / "source"
    source.mkdir()
    shutil.copytree(ROOT / "execution", source / "execution", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source)
    return source


PROGRAM = """
import asyncio, importlib.util, sys
from execution.execution_client import ExecutionManager, TradeAnswer
from execution.fake_titan import FakeTitan

async def main():
    async with FakeTitan() as titan, titan.manager() as manager:
        trade = dict(chain_id=1, token="0x", amount=1, flash_source=1, protocols=[0], routers=["0x"], path=["0x"], extras=[b""])
        print((await manager.submit_trade(**trade))["success"])

asyncio.run(main())
assert importlib.util.find_spec("execution").origin.startswith(sys.prefix)
"""


def test_pip_installs_it_for_programs_anywhere(source: Path, tmp_path: Path) -> None:
    python = tmp_path / "fresh" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "fresh"], check=True)
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "."], cwd=source, check=True
    )
    done = subprocess.run(
        [python, "-W", "error", "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, env={"PATH": ""}
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_the_wheel_holds_the_client_and_nothing_else(source: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        tmp_path,
        source,
    ]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {f"execution/{module.name}" for module in (ROOT / "execution").glob("*.py")}
    assert packed == modules | {"execution/py.typed"}


def test_the_version_is_the_servers() -> None:
    version = json.loads((ROOT / "package.json").read_text())["version"]
    assert f'\nversion = "{version}"\n' in (ROOT / "pyproject.toml").read_text()


def test_pins_agree() -> None:
    pinned = dict(re.findall(r"^([a-z-]+)==(.+)$", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE))
    extras = re.findall(r'"([a-z-]+)==([^"]+)"', (ROOT / "pyproject.toml").read_text())
    assert dict(extras) == pinned
