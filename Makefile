# Every target does its own set-up: .venv is made once, and again when the dependencies change.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo "$$p" && break; \
	done)
BIN := .venv/bin

.PHONY: setup demo test test-slow lint docs examples bench

setup: .venv/.installed

.venv/.installed: setup.cfg pyproject.toml
	@test -n "$(PYTHON)" || { echo "keras_vae needs Python 3.11, 3.12 or 3.13; found none: make PYTHON=/path/to/python"; exit 2; }
	@echo "Making .venv with $$($(PYTHON) --version); installing takes a minute or two"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

# 784-256-2 on the digits that come with the installation: no download, under 90 seconds on two cores.
demo: setup
	@$(BIN)/keras-vae train --architecture 784-256-2 --dataset mnist-5k --epochs 50 --out runs/demo --overwrite
	@$(BIN)/keras-vae draw runs/demo
	@$(BIN)/keras-vae report runs/demo

# Two processes, each of which may hold a few GB.
test: setup
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-slow: setup
	@$(BIN)/python -m pytest -m slow --numprocesses 2 --dist worksteal

# The documentation site; a warning is an error. Nothing is loaded from the network after the installation.
docs: .venv/.docs-installed
	@$(BIN)/python -m sphinx -b html -c docs -d docs/_build/doctrees --fail-on-warning --keep-going --quiet . docs/_build/html
	@echo "docs/_build/html/index.html"

.venv/.docs-installed: .venv/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	@touch $@

# Pages that the gallery of the site links to: a run and a study, from embedded digits; then `make docs`.
EXAMPLES := docs/_build/examples
examples: setup
	@$(BIN)/keras-vae train --architecture 784-256-2 --dataset mnist-5k --epochs 50 --out $(EXAMPLES)/digits --overwrite
	@$(BIN)/keras-vae draw $(EXAMPLES)/digits
	@$(BIN)/keras-vae evaluate $(EXAMPLES)/digits
	@$(BIN)/keras-vae report $(EXAMPLES)/digits
	@$(BIN)/python recipes/sampling.py --quick --out $(EXAMPLES)/study
	@$(BIN)/keras-vae report $(EXAMPLES)/study

# A table of TensorFlow, about twelve minutes on two quiet cores, and one of each other backend that is installed, about
# six minutes each: pip install "keras-vae[jax]" into .venv. PEERS=1 adds PyTorch and pythae, installed apart (1 GB).
bench: setup
	@if [ -n "$(PEERS)" ] && [ ! -e benchmarks/.venv/.installed ]; then \
		$(PYTHON) -m venv benchmarks/.venv && \
		benchmarks/.venv/bin/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0" pythae && \
		touch benchmarks/.venv/.installed; \
	fi
	@$(BIN)/python benchmarks/bench.py $(if $(PEERS),--only start --only training --only videos --only evaluation \
		--only growth --only peers)
	@for backend in jax torch; do \
		if $(BIN)/python -c "import $$backend" 2> /dev/null; then \
			KERAS_BACKEND=$$backend $(BIN)/python benchmarks/bench.py --only training --only evaluation \
				--out runs/bench-$$backend.json || exit; \
		fi; \
	done

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
