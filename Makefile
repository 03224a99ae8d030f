# Every target sets up what it needs by itself.
.DEFAULT_GOAL := help
DEMO ?= demo/shop
# Where scripts/setup.sh puts Kafka, and where the tests of services find it.
export KAFKA_HOME ?= $(CURDIR)/.work/kafka

.PHONY: help setup demo test slow prove matrix lint format check bench lock docs

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup:  ## Install what is needed into this folder: uv and the pinned packages
	@scripts/setup.sh

demo: setup  ## Generate a service into demo/shop, start it and show its URLs; Ctrl-C ends it
	@test -d $(DEMO) || .venv/bin/scaffold new $(DEMO) --defaults --no-git
	@$(MAKE) --no-print-directory -C $(DEMO) dev

# The tests of `make test` need no database server and take a few minutes. `make check` also runs the slow ones.
QUICK := tests/starter tests/laws tests/template tests/tool
SLOW := tests/conformance tests/copier tests/updates tests/wheel tests/projects tests/servers tests/proofs
PYTEST := .venv/bin/python -m pytest -n 2 --dist loadgroup

test:  ## Run the quick tests
	@scripts/setup.sh tests
	@$(PYTEST) $(QUICK) $(ARGS)

slow:  ## Run the slow tests, which need database servers
	@scripts/setup.sh servers
	@$(PYTEST) $(SLOW) --ignore tests/proofs/test_proving.py $(ARGS)

prove:  ## Prove the rows that the ledger of proofs lacks, or those in ROWS
	@scripts/setup.sh servers
	@.venv/bin/python -m tests.proofs.prove $(ROWS)

matrix:  ## Lint and test the combinations of the full matrix that are no rows, or those in ROWS
	@scripts/setup.sh servers
	@.venv/bin/python -m tests.proofs.matrix $(ROWS)

lint: setup  ## Check style and types
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --quiet --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo --no-cache

format: setup  ## Put the code into shape
	@.venv/bin/ruff check --quiet --fix .
	@.venv/bin/ruff format --quiet .

check:  ## Run all that CI runs; a component that this machine lacks skips its tests
	@CI= .ci/run

bench:  ## Measure the tool against copier, services against bare ones, and the outbox
	@scripts/setup.sh bench
	@.venv/bin/python -m benchmarks.tool
	@.venv/bin/python -m benchmarks.service
	@.venv/bin/python -m benchmarks.outbox

lock: setup  ## Resolve requirements-dev.txt anew
	@uv=$$(test -x .uv/bin/uv && echo .uv/bin/uv || command -v uv) && $$uv pip compile --quiet \
		--universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(UPGRADE) \
		--group dev --output-file requirements-dev.txt pyproject.toml

docs:  ## Write the pages that come from the code
	@scripts/setup.sh tests
	@.venv/bin/python -m tests.proofs.readme
	@UPDATE_DOCS=1 .venv/bin/python -m pytest --quiet $(patsubst %,tests/tool/test_%.py,bad_input steps terminal)
