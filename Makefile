# Each target sets up .venv by itself, once: again only when pyproject.toml or constraints.txt changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
QUALITY := tests/benchmarks/quality
# Where this is set, each of the thousands of processes that the tests start compiles our modules anew.
export PYTHONDONTWRITEBYTECODE :=
BENCHMARKS := $(filter-out %/conftest.py tests/benchmarks/test_% tests/benchmarks/_%,$(wildcard tests/benchmarks/*.py))

.PHONY: help demo demo-graph test quick lint matrix bench quality chaos reference docs pictures release clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo    tune the example: 12 trials on 2 workers'
	@echo 'make demo-graph  tune a graph network on causal sets, then its depth, too'
	@echo 'make test    lint, then every test but the chaos ones'
	@echo 'make quick   the tests that take no more than a minute together'
	@echo 'make lint    ruff and mypy'
	@echo 'make matrix  the quick tests and some sweeps, on other Pythons and releases of Hydra and Optuna'
	@echo 'make bench   print the benchmarks'
	@echo 'make quality  compare what is found by when with other ways to tune: hours'
	@echo 'make chaos   the long fault-injection tests'
	@echo 'make reference  write the pages of the reference that are made of the code'
	@echo 'make docs    build the documentation into site/'
	@echo 'make pictures  take the pictures of docs/pictures again'
	@echo 'make release  build sdist, wheel and bill of materials into dist/, and try them as built'
	@echo 'make clean   remove .venv, caches and builds; results of runs stay'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.examples: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[examples]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[examples,dev]'
	@touch $(VENV)/.examples $(VENV)/.graph $(VENV)/.docs $@

demo: $(VENV)/.examples
	$(BIN)/python examples/train.py --multirun hydra/sweeper=qgtune hydra.sweeper.n_trials=12 hydra.sweeper.n_jobs=2

$(VENV)/.graph: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[graph]'
	@touch $@

demo-graph: $(VENV)/.graph
	$(BIN)/python examples/causal_sets/train_causal_sets.py --multirun
	$(BIN)/python examples/causal_sets/train_causal_sets.py --multirun space=tuned

test: lint
	$(BIN)/python -m pytest -m 'not chaos' -n 3 --dist loadfile

quick: $(VENV)/.dev
	$(BIN)/python -m pytest -m 'not slow and not examples and not chaos'

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

matrix: $(VENV)/.dev
	$(BIN)/python tests/matrix.py $(ROWS)

bench: $(VENV)/.dev
	@set -e; for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python "$$script"; done
	$(BIN)/python $(QUALITY)/run.py --tables 2 --seeds 2 --workers 4 --trials 40

quality: $(VENV)/.dev
	$(BIN)/python $(QUALITY)/run.py --tables 8 --seeds 10 --workers 1 4 8 --trials 60 --out docs/benchmarks
	$(BIN)/python $(QUALITY)/picture.py docs/benchmarks

chaos: $(VENV)/.dev
	$(BIN)/python -m pytest -m chaos

$(VENV)/.docs: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[docs,report]'
	@touch $@

reference: $(VENV)/.docs
	$(BIN)/python tools/reference.py

docs: $(VENV)/.docs
	$(BIN)/python tools/reference.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

pictures: $(VENV)/.dev
	$(BIN)/python -m tools.pictures

release: $(VENV)/.dev
	$(INSTALL) -e '.[release]'
	$(BIN)/python tools/release.py

clean:
	rm -rf $(VENV) site .matrix .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
