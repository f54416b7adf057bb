#!/bin/sh
# Checks the Python client and the brain: types, then tests against the built server (`npm run build` first).
# PYTHON names the interpreter (3.10 or newer); further arguments go to pytest. The environment is kept in .venv.
set -eu
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
  echo "The client needs Python 3.10 or newer; set PYTHON to one ($python is $("$python" -V))." >&2
  exit 1
}
venv="${TITAN_VENV:-.venv}"
stamp="$venv/requirements.txt"
# Left by another interpreter, or for other versions: made anew.
if ! "$venv/bin/python" -c '' 2>/dev/null || ! cat requirements.txt requirements-dev.txt | cmp -s - "$stamp"; then
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r requirements-dev.txt
  cat requirements.txt requirements-dev.txt >"$stamp"
fi
"$venv/bin/mypy" execution ml test_python_node_communication.py
exec "$venv/bin/pytest" "$@"
