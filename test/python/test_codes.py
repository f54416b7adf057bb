import subprocess

from conftest import NODE, ROOT

from execution.execution_client import CODES


def test_the_table_is_the_servers() -> None:
    written = subprocess.run(
        [NODE, ROOT / "scripts" / "writePythonCodes.ts", "--print"], check=True, capture_output=True, text=True
    ).stdout
    assert (ROOT / "execution" / "codes.py").read_text() == written, "run: node scripts/writePythonCodes.ts"


def test_every_code_of_the_source_is_there() -> None:
    source = (ROOT / "src" / "errors" / "codes.ts").read_text()
    named = {
        line.strip().removesuffix(": {")
        for line in source.splitlines()
        if line.startswith("  ") and line.endswith(": {")
    }
    assert named == set(CODES)
    assert CODES["OVERLOADED"].retryable and CODES["OVERLOADED"].status == 503
    assert not CODES["UNPROFITABLE"].retryable and CODES["UNPROFITABLE"].status == 200
