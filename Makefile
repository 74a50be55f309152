# Everything a person types. `make run` and `make test` start from nothing: they need only Rust and Python.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ./data
MIN_RUST := 1.89
CARGO := cargo
NATIVE := native/Cargo.toml
# Cargo is often in the home directory and not on the path of a bare environment.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: help tools venv build run check test verify-js bench torture compat-resp compat-sql compat-cql clean

help: ## what can be typed here
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{ printf "make %-12s %s\n", $$1, $$2 }'

tools:
	@command -v $(PYTHON) >/dev/null || { echo "HyperDB needs Python 3.11 or newer: '$(PYTHON)' is not there. Set PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "HyperDB needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Set PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv and pip are missing: install python3-venv."; exit 1; }
	@command -v $(CARGO) >/dev/null || { echo "HyperDB needs Rust $(MIN_RUST) or newer: cargo is not there. Get it from https://rustup.rs."; exit 1; }
	@have=$$(rustc --version | cut -d' ' -f2); printf '%s\n%s\n' $(MIN_RUST) "$$have" | sort -V -C || { echo "HyperDB needs Rust $(MIN_RUST) or newer; rustc is $$have: run 'rustup update'."; exit 1; }
	@command -v cc >/dev/null || { echo "HyperDB needs a C compiler to link (cc is not there): install build-essential."; exit 1; }

# A stamp says which pins the environment holds, so that a second build installs nothing.
$(VENV)/.run: requirements/run.txt | tools
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/run.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/bench.txt
	@touch $@

# One release build serves the user, the Python tests and stubtest: what is tested is what is run. Cargo decides what is stale.
build: tools $(VENV)/.run ## set everything up; leaves .venv/bin/hyperdb
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked --quiet

run: build ## build, then serve ./data (DATA=DIR for another place)
	$(BIN)/hyperdb serve $(DATA)

check: build $(VENV)/.dev ## formats, lints, types, layers
	$(CARGO) fmt --manifest-path $(NATIVE) --all --check
	$(CARGO) clippy --manifest-path $(NATIVE) --locked --workspace --all-targets --quiet -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest hyperdb._core
	$(BIN)/lint-imports

test: build $(VENV)/.dev ## build, cargo test, pytest
	$(CARGO) test --manifest-path $(NATIVE) --locked --workspace --quiet
	$(BIN)/pytest

bench: build $(VENV)/.bench ## RESP beside redis-server, the engine beside rocksdict, lmdb and sqlite3
	$(BIN)/python bench/engine.py
	$(BIN)/python bench/resp.py
	$(BIN)/python bench/memory.py

torture: build $(VENV)/.dev ## the long forms: kill -9, power cuts, a full disk (hours; some need root)
	$(BIN)/python tests/torture/kill9.py --cycles 200
	$(BIN)/python tests/torture/kill9_tables.py --cycles 50
	$(BIN)/python tests/torture/disk_full.py
	$(BIN)/python tests/torture/power_cut.py
	cd native && TORTURE=1 cargo test --release -p hyperdb-lsm --test crash --test faults --test levels_model
	cd native && FUZZ_SECONDS=$(or $(FUZZ_SECONDS),3600) cargo test --release -p hyperdb-lsm -p hyperdb-graph -p hyperdb-resp -p hyperdb-pir -p hyperdb-verenc fuzzing -- --nocapture
	cd native/oracle && for seed in 1 2 3 4 5; do cargo run --release -- 300000 $$seed || exit 1; done

compat-resp: build $(VENV)/.dev ## other people's suites and applications of Redis, each beside Redis (hours; NAMES="ioredis chat" runs these)
	$(BIN)/python compat-tests/resp/run_all.py $(NAMES)

compat-sql: build $(VENV)/.dev ## every SQL client and suite, each beside PostgreSQL (hours; KEEP=DIR keeps what it fetched and what it said)
	$(BIN)/python compat-tests/sql/run_all.py $(if $(KEEP),--home $(KEEP)) $(NAMES)

compat-cql: build $(VENV)/.dev ## cqlsh on a tour and on a terminal; the drivers of Node and Java
	$(BIN)/python compat-tests/cql/cqlsh_tour.py
	$(BIN)/python compat-tests/cql/cqlsh_session.py
	$(BIN)/python compat-tests/cql/drivers.py

verify-js: ## the browser's verifier reads the vectors of proofs (needs Node 20 and the npm registry once)
	@command -v npm >/dev/null || { echo "npm is not there: install Node 20 or newer."; exit 1; }
	cd compat-tests/verify-js && npm ci --silent --no-audit --no-fund && node --test

clean: ## take away what was built; data stays
	rm -rf $(VENV) native/target hyperdb/_core*.so
