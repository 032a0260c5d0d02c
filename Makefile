# Every target works from a fresh clone: the environment is a file that make knows how to build.
# Another Python: make PYTHON=python3.13 test
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench clean

help: ## say what there is
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

demo: .venv/.ready ## send a sync to a local Intercom and show what arrived
	@$(BIN)/python integration_tests/demo/demo.py

test: lint ## lint, then run every test that needs no network
	@$(BIN)/python -m pytest -n auto --maxprocesses 8

lint: .venv/.ready ## ruff, its formatter and mypy
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary

format: .venv/.ready ## let ruff fix and format what it can
	@$(BIN)/ruff check --quiet --fix
	@$(BIN)/ruff format --quiet

bench: .venv/.ready ## measure speed and memory, for a quarter of an hour
	@for name in contacts events latency memory quota; do $(BIN)/python benchmarks/$$name.py || exit; done

clean: ## remove the environment and all that tools left behind
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist .tmp destination-intercom/*.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Rebuilt from nothing when its inputs change, so that no package of an older list stays behind.
.venv/.ready: setup.py constraints.txt
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[tests]'
	@touch $@
