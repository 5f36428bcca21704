# `make demo` and `make test` are all a newcomer needs; both set the environment up first.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.12 >/dev/null && python3.12 -c '' 2>/dev/null && ! command -v python3.11 >/dev/null && echo python3.12 || echo python3.11)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export UV_COMPILE_BYTECODE := 1
export GX_ANALYTICS_ENABLED := false
export MPLBACKEND := Agg
# threads that wait must not burn the cores that others need
export OMP_WAIT_POLICY := PASSIVE
export OPENBLAS_NUM_THREADS := 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo ui docs test bench lint typecheck imports drift clean

setup: $(STAMP)

# uv is quicker, but pip alone will do: MATLOOM_INSTALLER=pip
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if [ "$(MATLOOM_INSTALLER)" != pip ] && $(BIN)/python -m pip install --quiet uv; then \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e ".[dev]"; \
	else $(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"; fi
	touch $@

# The whole graph on the data that ships with the project; MATLOOM_PROFILE=datasets reads MATLOOM_DATASETS too.
demo: setup
	$(BIN)/matloom run

ui: setup
	$(BIN)/matloom ui

docs: setup
	$(BIN)/python -m schemas.emit.generate

test: setup
	$(BIN)/python -m pytest --cov --cov-report=term -n 2 --dist loadfile

bench: setup
	$(BIN)/python -m pytest tests/benchmarks --override-ini addopts="-ra -s --import-mode=importlib"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

drift: setup
	$(BIN)/python -m schemas.emit.generate --check

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov build *.egg-info
