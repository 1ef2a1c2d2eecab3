# maskbank: `make repro` runs the benchmark, `make test` passes the tests; both set up what they need.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: repro test nightly check bench ui clean lock
.DEFAULT_GOAL := repro

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --no-deps --requirement requirements.lock
	$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

repro: $(VENV)/.installed params.yaml  ## run the pipeline, then check that records and MLflow agree
	dvc repro
	maskbank sync --check
	@echo "Open reports/index.html, or run: make ui"

params.yaml: | $(VENV)/.installed
	maskbank configure --profile default

# Two workers; the tests of a file stay together (tests/conftest.py). Each skipped test says why.
PYTEST := python -m pytest -n 2 --dist loadscope --no-loadscope-reorder -rs
AVX2 := ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2
WIDER := python -c "import sys, torch; sys.exit(torch.backends.cpu.get_cpu_capability() != 'AVX512')"

test: $(VENV)/.installed  ## run the tests; where numbers are promised to the bit, with a second set of kernels too
	$(PYTEST)
	@if $(WIDER); then echo "$(AVX2) $(PYTEST) tests/models tests/pruning tests/cells"; \
		$(AVX2) $(PYTEST) tests/models tests/pruning tests/cells; \
	else echo "skipped: tests/models, tests/pruning and tests/cells with AVX2 kernels again, as this processor has no wider ones"; fi

nightly: $(VENV)/.installed  ## all tests, with those that are too long for every day
	$(PYTEST) -m "nightly or not nightly"

check: $(VENV)/.installed  ## lint, format and types
	ruff check .
	ruff format --check .
	mypy

bench: $(VENV)/.installed  ## speed, as ratios side by side
	python benchmarks/throughput.py
	python benchmarks/recipes.py
	python benchmarks/masks.py
	python benchmarks/pruning.py
	python benchmarks/bank.py
	python benchmarks/sparse.py
	python benchmarks/bootstrap.py
	python benchmarks/reporting.py

ui: $(VENV)/.installed  ## MLflow's UI on this machine only
	maskbank ui

lock:  ## resolve requirements.lock again (needs uv)
	uv pip compile --universal --no-emit-index-url --no-emit-find-links --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --extra dev --output-file requirements.lock pyproject.toml

clean:  ## remove what the pipeline made, the cell store included; the environment stays
	rm -rf .maskbank .dvc/cache .dvc/tmp dvc.lock mlflow.db mlruns
	find data reports -mindepth 1 -not -name .gitignore -delete
