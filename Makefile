# `make demo` and `make test` are all a newcomer needs; both set the environment up first.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.12 >/dev/null && python3.12 -c '' 2>/dev/null && ! command -v python3.11 >/dev/null && echo python3.12 || echo python3.11)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
TOOLS := $(VENV)/tools
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export UV_COMPILE_BYTECODE := 1
export GX_ANALYTICS_ENABLED := false
export MPLBACKEND := Agg
# threads that wait must not burn the cores that others need
export OMP_WAIT_POLICY := PASSIVE
export OPENBLAS_NUM_THREADS := 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo ui docs browser slurm test bench loops lint typecheck imports drift clean

setup: $(STAMP)

# The official OPTIMADE validator ships a package named `tests`, which would hide ours: it lies apart in $(TOOLS).
VALIDATOR := --quiet --no-deps --target $(TOOLS) -c constraints.txt optimade lark email-validator

# uv is quicker, but pip alone will do: MATLOOM_INSTALLER=pip
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	rm -rf $(TOOLS)
	@if [ "$(MATLOOM_INSTALLER)" != pip ] && $(BIN)/python -m pip install --quiet uv; then \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e ".[dev]" && \
	  $(BIN)/uv pip install --python $(BIN)/python $(VALIDATOR); \
	else \
	  $(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]" && \
	  $(BIN)/python -m pip install $(VALIDATOR); \
	fi
	touch $@

# The whole graph on the data that ships with the project; MATLOOM_PROFILE=datasets reads MATLOOM_DATASETS too.
demo: setup
	$(BIN)/matloom run

ui: setup
	$(BIN)/matloom ui

docs: setup
	$(BIN)/python -m schemas.emit.generate

# A browser and its driver for the tests of the site, where there are none and apt may install them; without a browser
# those tests are skipped and say so.
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq
browser:
	@if command -v chromedriver >/dev/null; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then echo "no apt-get: the browser tests will be skipped"; exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then as=env; elif sudo -n true 2>/dev/null; then as="sudo env"; \
	else echo "apt-get is not permitted: the browser tests will be skipped"; exit 0; fi; \
	install="$(APT) install -y --no-install-recommends chromium chromium-driver"; \
	$$as $$install >/dev/null 2>&1 || { $$as $(APT) update && $$as $$install; } >/dev/null 2>&1 || \
	echo "apt-get cannot install chromium: the browser tests will be skipped"

# A queueing system for the tests of calculations, on the same terms.
slurm:
	@if command -v slurmctld >/dev/null || [ -x /usr/sbin/slurmctld ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then echo "no apt-get: the tests of SLURM will be skipped"; exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then echo "not root: the tests of SLURM will be skipped"; exit 0; fi; \
	install="$(APT) install -y --no-install-recommends slurm-wlm munge"; \
	$$install >/dev/null 2>&1 || { $(APT) update && $$install; } >/dev/null 2>&1 || \
	echo "apt-get cannot install slurm-wlm: the tests of SLURM will be skipped"

test: setup browser slurm
	$(BIN)/python -m pytest --cov --cov-report=term -n 2 --dist loadfile

bench: setup
	$(BIN)/python -m pytest tests/benchmarks --override-ini addopts="-ra -s --import-mode=importlib"

# Closed loops that nobody attends: rehearsed with failures, CHGNet, GPAW under a SLURM on this machine; engines that are
# not installed (pip install .[dft,mlip], or MATLOOM_GPAW_PYTHON and MATLOOM_CHGNET_PYTHON) are skipped.
loops: setup slurm
	$(BIN)/python -m pytest tests/benchmarks/test_loops.py --override-ini addopts="-ra -s --import-mode=importlib"

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
