import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from conftest import ROOT


def test_the_wheel_holds_the_client_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    shutil.copytree(ROOT / "execution", source / "execution", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source)
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
