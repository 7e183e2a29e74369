# Every target sets up what it needs first; `make help` lists them.
SHELL := /bin/sh
ONECARD := .venv/bin/onecard
# The private copy of system packages (ordinary user, no root) is found through .local/env.sh; harmless when there is none.
WITH := [ ! -e .local/env.sh ] || . ./.local/env.sh;
ARGS ?=
TESTS ?= tests
WORKERS ?= 2
SEEDS ?= 1000
COMMANDS ?= 1000000
INPUTS ?= 1000000

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test check format bench soak docs capi locks clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-11s %s\n", $$1, $$2 }'

setup: ## what the demo needs; says in one line each what is missing
	@.ci/setup.sh run

setup-test: ## what the tests need besides
	@.ci/setup.sh test

demo: ## one card, from application to clearing (ARGS="--seed 7 --transport direct")
	@.ci/setup.sh run --if-needed
	@$(ONECARD) demo $(ARGS)

test: ## everything that is checked: style, types, floors, all tests (TESTS=tests/card WORKERS=1)
	@.ci/setup.sh test --if-needed
	@$(WITH) failed=0; $(MAKE) --no-print-directory check || failed=1; \
	.venv/bin/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS) $(ARGS) || failed=$$?; exit $$failed

check: ## the part that runs nothing: ruff, mypy, import rules; all four are tried
	@.ci/setup.sh test --if-needed
	@failed=0; for tool in "ruff check ." "ruff format --check ." mypy lint-imports; do \
	  echo "$$tool"; .venv/bin/$$tool || failed=1; \
	done; exit $$failed

format: ## put the code into its one form
	@.ci/setup.sh test --if-needed
	.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

bench: ## our figures beside a bare baseline each (ARGS=--json)
	@.ci/setup.sh test --if-needed
	@$(ONECARD) bench $(ARGS)

soak: ## every cut twice, the twin against its specification, bad input, seeded worlds (SEEDS=5000 ARGS="--seed 1000 --steps 2000")
	@.ci/setup.sh test --if-needed
	@$(ONECARD) tears --twice
	@.venv/bin/python -m tests.terminal.transfer_cuts
	@.venv/bin/python -m tests.model.search --commands $(COMMANDS)
	@.venv/bin/python -m tests.fuzz --inputs $(INPUTS)
	@terminal/capi/build.sh build/capi fuzz && build/capi/fuzz/fuzz $(INPUTS)
	@$(ONECARD) world --seeds $(SEEDS) $(ARGS)

docs: ## write again the pages that are made from tables
	@.ci/setup.sh run --if-needed
	@$(ONECARD) doctor --page docs/stand-ins.md

capi: ## the C library of the standard terminal functions: build/capi/{linux,win32,win64}
	@.ci/setup.sh test --if-needed
	@$(WITH) terminal/capi/build.sh

locks: ## resolve the dependencies anew
	@.ci/setup.sh test --if-needed
	@.ci/locks.sh

clean: ## remove what was built, keep the set-up
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
