PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests of one file stay together, and so do all that share Ray or PostgreSQL (tests/conftest.py).
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadgroup

.PHONY: install demo bench docs screenshots test slow check format lint types imports clean

install: $(VENV)/.installed

# torch first and by its pattern: anything looser would pull gigabytes of CUDA libraries. Our own bytecode is written here,
# as Python does not where PYTHONDONTWRITEBYTECODE is set.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lrsweep needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt 'torch==2.13.*'
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m compileall -q migrations service sweeps workers
	touch $@

demo: install
	$(BIN)/lrsweep run examples/digits.yaml

bench: install
	$(BIN)/python -m benchmarks.lanes
	$(BIN)/python -m benchmarks.floor
	$(BIN)/python -m benchmarks.search --trials 32
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.sweeps --trials 32
	$(BIN)/python -m benchmarks.sweeps --trials 128 --contenders lrsweep,optuna,tune-reuse

docs: install
	$(BIN)/python -m service.cli.pages docs/cli

screenshots: install
	$(BIN)/python -m docs.pictures.screenshots

test: install
	$(PYTEST) -m "not slow"

slow: install
	$(PYTEST) -m slow

check: format lint types imports test

format: install
	$(BIN)/ruff format --check .

lint: install
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist *.egg-info
