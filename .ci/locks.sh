#!/bin/sh
# Resolves pyproject.toml into the five hashed lock files. None of them holds an address.
set -eu
cd "$(dirname "$0")/.."
compile() { .venv/bin/uv pip compile -q --generate-hashes --universal --no-annotate --no-header "$@"; }
compile pyproject.toml -o requirements.lock
compile pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
echo 'pyscard==2.3.1' | compile - -o requirements-pcsc.lock
echo 'gmalglib==0.5.9' | compile - -o requirements-sm2.lock
echo 'uv==0.13.9' | compile - -o requirements-uv.lock
! grep -n '://' requirements*.lock
