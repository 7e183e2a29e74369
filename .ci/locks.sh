#!/bin/sh
# Resolves pyproject.toml into the six hashed lock files. None of them holds an address.
set -eu
cd "$(dirname "$0")/.."
compile() { .venv/bin/uv pip compile -q --generate-hashes --universal --no-annotate --no-header "$@"; }
compile pyproject.toml -o requirements.lock
compile pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
echo 'pyscard==2.3.1' | compile - -o requirements-pcsc.lock
echo 'gmalglib==0.5.9' | compile - -o requirements-sm2.lock
# What the terminal itself needs of its own list; pyscard is ours, the rest is for older Pythons.
printf '%s\n' emv==1.0.14 click==7.1.2 pycountry==20.7.3 terminaltables==3.1.0 | compile --no-deps - -o requirements-emv.lock
echo 'uv==0.13.9' | compile - -o requirements-uv.lock
! grep -n '://' requirements*.lock
