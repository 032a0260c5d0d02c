# Every target works from a fresh clone: the environment is a file that make knows how to build.
# Another Python: make PYTHON=python3.13 test
PYTHON ?= python3
BIN := .venv/bin

# The wings are the folders of unit_tests.
WINGS = $(sort $(patsubst unit_tests/%/,%,$(dir $(wildcard unit_tests/*/test_*.py))))
UNKNOWN = $(filter-out $(WINGS),$(foreach part,$(T),$(firstword $(subst /, ,$(part)))))
ifneq ($(and $(filter unit,$(MAKECMDGOALS)),$(UNKNOWN)),)
$(error There is no wing $(UNKNOWN). T is one of: $(WINGS))
endif

.DEFAULT_GOAL := help
.PHONY: help demo unit test fault-test long-test page-test connector-test image image-test source-test form screenshot lint
.PHONY: package package-test release-check format ask-intercom bench soak audit clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

demo: .venv/.ready ## send a sync to a local Intercom and show what arrived; OPEN=1 leaves it there, with a page to look at
	@$(BIN)/python integration_tests/demo/demo.py $(if $(OPEN),--open)

unit: .venv/.ready ## run unit tests only: of one wing with T=contacts, of one file with T=contacts/test_diff.py
	@$(BIN)/python -m pytest -q -m "not slow" $(or $(addprefix unit_tests/,$(T)),unit_tests -n auto --maxprocesses 8)

test: lint ## lint, then run every test that needs no network
	@$(BIN)/python -m pytest -n auto --maxprocesses 8

fault-test: .venv/.ready ## run each cell of the fault matrix, of which `make test` runs a ninth
	@$(BIN)/python -m pytest -q --all-faults -n auto --maxprocesses 8 integration_tests/faults

long-test: .venv/.ready ## run the tests that take many seconds each, and more syncs that are killed
	@$(BIN)/python -m pytest -q -m long -n auto --maxprocesses 8
	@$(BIN)/python -m pytest -q --crash-seeds 40 -n auto --maxprocesses 8 integration_tests/crash

page-test: .venv/.ready build/axe/.ready ## look at the local Intercom's page in a headless Chromium, and let axe-core judge it
	@$(BIN)/python -m pytest -q -m "" integration_tests/page

connector-test: .venv-cdk/.ready ## run Airbyte's own tests of a connector, with Airbyte's own pytest
	@.venv-cdk/bin/airbyte-cdk connector test ./destination-intercom

image: ## build the image; where no engine runs, as a file in build/
	@integration_tests/image/engine integration_tests/image/build --keep

image-test: .venv/.ready ## build the image and run it as Airbyte does
	@integration_tests/image/engine sh -c 'integration_tests/image/build && $(BIN)/python -m pytest -m image integration_tests/image'

source-test: .venv/.ready .venv-pyairbyte/.ready .venv-source-faker/.ready .venv-singer-sdk/.ready ## send a local Intercom a real source's records and public test streams
	@$(BIN)/python -m pytest -m source integration_tests/source

package: .venv-build/.ready ## build the sdist and the wheel: dist/
	@rm -rf dist
	@REPOSITORY_URL="$(REPOSITORY_URL)" PIP_CONSTRAINT=$(CURDIR)/integration_tests/package/build-constraints.txt \
		.venv-build/bin/python -m build --outdir dist . >build/package.log 2>&1 || { cat build/package.log; exit 1; }
	@ls dist/*

package-test: .venv/.ready .venv-build/.ready .venv-pyairbyte/.ready ## build the package and run it in environments that have nothing else
	@$(BIN)/python -m pytest -q -m package integration_tests/package

release-check: .venv/.ready package ## say whether changelog, image, metadata, pages and package agree on the version
	@$(BIN)/python integration_tests/package/release_check.py dist/*.whl

form: .venv/.ready ## draw the form as Airbyte lays it out: docs/form
	@$(BIN)/python docs/form/render.py

screenshot: .venv/.ready ## picture the local Intercom's page, with a Chromium: docs/page
	@$(BIN)/python docs/page/screenshot.py

lint: .venv/.ready ## ruff, its formatter and mypy
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary

format: .venv/.ready ## let ruff fix and format what it can
	@$(BIN)/ruff check --quiet --fix
	@$(BIN)/ruff format --quiet

ask-intercom: .venv/.ready ## ask a real test workspace what nobody knows about Intercom, with secrets/config.json; ONLY=5,9 asks less
	@$(BIN)/python -m integration_tests.ask_intercom $(if $(ONLY),--only $(ONLY))

bench: .venv/.ready .venv-bench/.ready ## measure everything beside others for twenty minutes, and write benchmarks/results
	@$(BIN)/python benchmarks/run.py $(BENCH)

soak: .venv/.ready ## send a million records in an hour of the connector's clock, for some ten minutes
	@$(BIN)/python benchmarks/soak.py

audit: .venv-audit/.ready ## ask the network for known vulnerabilities of the versions in constraints.txt
	@.venv-audit/bin/pip-audit --strict --progress-spinner off --no-deps --disable-pip -r constraints.txt

clean: ## remove the environment and all that tools left behind
	@rm -rf .venv .venv-audit .venv-bench .venv-build .venv-cdk .venv-pyairbyte .venv-source-faker .venv-singer-sdk
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist .tmp destination-intercom/*.egg-info
	@cd destination-intercom && rm -rf .pytest_cache .tmp build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Rebuilt from nothing when its inputs change, so that no package of an older list stays behind.
.venv/.ready: setup.py constraints.txt
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@$(PYTHON) integration_tests/support/install.py constraints.txt \
		$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[tests]'
	@touch $@

# The address of the repository for links in the package; setup.py makes one of git's remote that a browser can open.
REPOSITORY_URL ?= $(shell git remote get-url origin 2>/dev/null)

.venv-build/.ready: integration_tests/package/build-constraints.txt
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check -c $< build uv
	@mkdir -p build
	@touch $@

# What a connector's developer at Airbyte has: the CDK with its own pytest, an older one than ours, and nothing of our tests.
.venv-cdk/.ready: setup.py constraints.txt
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@sed '/^pytest/d' constraints.txt > $(@D)/constraints.txt
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check -c $(@D)/constraints.txt 'airbyte-cdk[dev]' -e .
	@touch $@

.venv-audit/.ready:
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check 'pip-audit>=2.9,<3'
	@touch $@

# What the connector is measured against, and what draws the plots.
.venv-bench/.ready: benchmarks/constraints.txt
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check -c $< dlt matplotlib python-intercom
	@touch $@

# The judge of the page's accessibility, for page-test: too large, and under another licence, to lie in the repository.
build/axe/.ready: Makefile
	@rm -rf $(@D)
	@npm install --prefix $(@D) --no-save --no-audit --no-fund --ignore-scripts --loglevel error axe-core@4.14.1
	@touch $@

# Other people's programs, for source-test, each with an environment of its own. Two of them do not take Python 3.13 yet, so
# where that is the one in use, another that is at hand builds them. Of singer-sdk only the files of its tests are wanted.
SOURCE_PYTHON ?= $(shell for name in $(PYTHON) python3.12 python3.11 python3.10; do \
	$$name -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$name && break; done)

.venv-pyairbyte/.ready: PACKAGE := airbyte
.venv-source-faker/.ready: PACKAGE := airbyte-source-faker
.venv-singer-sdk/.ready: PACKAGE := --no-deps singer-sdk
.venv-%/.ready: integration_tests/source/%-constraints.txt
	@test -n "$(SOURCE_PYTHON)" || { echo "make source-test needs Python 3.10, 3.11 or 3.12: make SOURCE_PYTHON=... source-test" >&2; exit 1; }
	@rm -rf $(@D)
	@$(SOURCE_PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check -c $< $(PACKAGE)
	@touch $@
