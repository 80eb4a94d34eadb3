# Everything here needs python3 (3.11 or newer, with venv) and make.
# The environment in .venv is set up once, from hash-locked requirements; after that, all is offline.

PYTHON ?= python3
UV ?= uv
SEEDS ?= 1000
CONSOLE_SEEDS ?= 200
RUNS ?= 1000000
APP ?= continuum.demo.shop
ARGS ?=
POOLER ?= 0
# Tests wait for processes, too: one more than there are cores leaves none of them idle.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

BIN := .venv/bin
READY := .venv/.ready
RUN := $(BIN)/python -m

.PHONY: help demo test test-console test-cluster simulate lint release-check bench bench-query bench-console \
  bench-peer screenshots lock clean

help:
	@echo "make demo          the console on a live demo shop (20 s and a summary without a terminal)"
	@echo "make test          the whole test suite; ARGS='-k name' narrows it"
	@echo "make test-console  the console acted upon at random while its rows move; CONSOLE_SEEDS=$(CONSOLE_SEEDS)"
	@echo "make test-cluster  real worker processes, killed, stopped and cut off, in long form;"
	@echo "                   POOLER=1: behind PgBouncer in transaction mode"
	@echo "make simulate      random workflows with random faults; SEEDS=$(SEEDS) of them"
	@echo "make lint          ruff, types, import contracts"
	@echo "make release-check all of it, the suite in paranoid mode too, and an audit of APP=$(APP): before a release"
	@echo "make bench         speed against a raw psycopg script on this machine"
	@echo "make bench-query   queries on RUNS=$(RUNS) runs, kept for the next time (10,000,000 need 20 GB)"
	@echo "make bench-console the console on RUNS=$(RUNS) runs while more start and end"
	@echo "make bench-peer    install DBOS beside them, for comparison in bench-query"
	@echo "make screenshots   screenshots/*.svg and .png from the demo; ARGS=runs: those only"
	@echo "make lock          renew requirements.lock (needs uv)"
	@echo "make clean         remove .venv and everything generated"

demo: $(READY)
	@if [ -t 0 ] && [ -t 1 ]; then $(RUN) console --demo; \
	else $(RUN) continuum.cli demo --seconds 20; fi

# Where Python may not write byte code, each of the many processes of the tests would compile it all.
test: $(READY)
	@$(RUN) compileall -q continuum console
	$(RUN) pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-console: $(READY)
	CONTINUUM_CONSOLE_SEEDS=$(CONSOLE_SEEDS) $(RUN) pytest -n logical --dist worksteal \
	  tests/console/test_wrong_target.py $(ARGS)

test-cluster: $(READY)
	CONTINUUM_CLUSTER=long CONTINUUM_TEST_POOLER=$(POOLER) $(RUN) pytest -v -n 0 --timeout 1800 -m "cluster or cluster_long" \
	  tests/cluster $(ARGS)

simulate: $(READY)
	CONTINUUM_SIMULATION_SEEDS=$(SEEDS) $(RUN) pytest -v -n logical --timeout 0 --durations 0 \
	  tests/simulation $(ARGS)

lint: $(READY)
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) basedpyright
	$(RUN) pytest -n 0 tests/architecture

release-check: $(READY)
	$(MAKE) lint
	$(MAKE) test
	$(MAKE) test-cluster
	CONTINUUM_PARANOID=1 $(MAKE) test
	$(MAKE) simulate
	$(RUN) continuum.cli check continuum/demo
	$(RUN) continuum.cli audit --app $(APP) --strict

bench: $(READY)
	$(RUN) bench.run $(ARGS)

bench-query: $(READY)
	RUNS=$(RUNS) $(RUN) bench.query $(ARGS)

bench-console: $(READY)
	RUNS=$(RUNS) $(RUN) bench.console

bench-peer: $(READY)
	@directory=$$($(RUN) bench.query.load) && $(PYTHON) -m venv "$$directory/peer-venv" && \
	  "$$directory/peer-venv/bin/pip" install --quiet --disable-pip-version-check \
	  dbos==3.4.0 'psycopg[binary]'

screenshots: $(READY)
	$(RUN) console.shots screenshots $(ARGS)
	$(RUN) tests.console.pictures $(ARGS)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "This Python lacks venv; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Setting up .venv (once, one to three minutes)"
	@$(PYTHON) -m venv .venv
	@$(RUN) pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(RUN) pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	  --no-index --editable .
	@touch $(READY)

lock:
	$(UV) pip compile --no-config --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --extra embedded --extra dev pyproject.toml \
	  -o requirements.lock

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
