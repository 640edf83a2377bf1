# Every target sets up what it needs: a virtual environment with the dependencies of pyproject.toml.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
RUN_OPTIONS ?=
BENCH_OPTIONS ?=

.PHONY: run test lint check bench docs format clean wheel

run: $(STAMP)  ## play the whole catalogue against the embedded reference responder
	$(BIN)/ike-harness run $(RUN_OPTIONS)

test: $(STAMP)  ## all tests, those with real daemons and network namespaces included; most of them wait, so three at a time
	$(BIN)/python -m pytest -n 3 --dist worksteal testcases/selftest

lint: $(STAMP)  ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint  ## those, and the selftests that need neither root nor a daemon
	$(BIN)/python -m pytest testcases/selftest -m "not daemon and not slow"

bench: $(STAMP)  ## ratios: the codec against scapy, handshakes against bare crypto calls, audits against tshark; a flood of hostile datagrams
	$(BIN)/python -m benchmarks $(BENCH_OPTIONS)

docs: $(STAMP)  ## draw the pages of docs/ that are drawn
	$(BIN)/python docs/generate.py

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

wheel: $(STAMP)
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev,fast]"
	touch $(STAMP)
