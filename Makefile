# Every target sets up what it needs; a second run skips what is there. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Airflow's many processes compile its modules once, not each for itself, whatever the environment says
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
PORT ?= 4566
UI_PORT ?= 8080

# 1. the machine's Python -> .venv with uv in it; 2. the package and the emulator; 3. the tools of the tests
UV := $(BIN)/uv
RUN_SET_UP := $(VENV)/.installed
TEST_SET_UP := $(VENV)/.installed-test
DIST_SET_UP := $(VENV)/.installed-dist
DISTRIBUTED_SET_UP := $(VENV)/.installed-distributed
BENCH_SET_UP := $(VENV)/.installed-bench
DOCS_SET_UP := $(VENV)/.installed-docs
PINS := --quiet --python $(BIN)/python --constraint constraints.txt --build-constraint constraints.txt

$(UV): constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "No Python found: install Python 3.11 or newer, or name it: make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@echo "setting up $(VENV) (once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install --constraint constraints.txt uv
	@touch $@

$(RUN_SET_UP): $(UV) pyproject.toml constraints.txt
	@echo "installing Airflow, this package and the emulator (about a minute, once)"
	@$(UV) pip install $(PINS) --editable '.[emulator]'
	@touch $@

$(TEST_SET_UP): $(RUN_SET_UP)
	@echo "installing the tools of the tests"
	@$(UV) pip install $(PINS) --group test --group lint
	@touch $@

$(DIST_SET_UP): $(TEST_SET_UP)
	@echo "installing what builds and checks packages"
	@$(UV) pip install $(PINS) --group build
	@touch $@

$(DISTRIBUTED_SET_UP): $(TEST_SET_UP)
	@echo "installing Celery and what speaks to Postgres and Redis"
	@$(UV) pip install $(PINS) --group distributed
	@touch $@

$(BENCH_SET_UP): $(RUN_SET_UP)
	@echo "installing what draws the plots"
	@$(UV) pip install $(PINS) --group bench
	@touch $@

$(DOCS_SET_UP): $(RUN_SET_UP)
	@echo "installing what makes the documentation"
	@$(UV) pip install $(PINS) --group docs
	@touch $@

.PHONY: install
install: $(RUN_SET_UP) ## Set up .venv, and nothing else

.PHONY: demo
demo: $(RUN_SET_UP) ## Run the chain and show it in build/demo; or edit a photo: IMAGE= [MASK= | MASK_PROMPT=] [TEXT=] [FIT=1]
	@exec $(BIN)/python demo/run.py

.PHONY: ui
ui: $(RUN_SET_UP) ## Start Airflow with its UI, the examples and the emulator, until Ctrl-C: [UI_PORT=8080] [PORT=4566]
	@exec $(BIN)/python demo/ui.py --ui-port $(UI_PORT) --port $(PORT)

.PHONY: emulator
emulator: $(RUN_SET_UP) ## Start just the emulator, S3 and Bedrock on one port, until Ctrl-C: [PORT=4566]
	@exec $(BIN)/airflow-titan emulator --port $(PORT) --bucket titan-images

.PHONY: check
check: $(RUN_SET_UP) ## Find out whether tasks can work: connection, bucket, models; pays nothing: [ARGS=--json]
	@exec $(BIN)/airflow-titan check $(ARGS)

.PHONY: lint
lint: $(TEST_SET_UP) ## Check style, types and the import law
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: test
test: lint ## Check everything: style, types, import law and all tests; some only: make test TESTS=tests/unit
	@.ci/browser
	$(BIN)/python -m pytest $(TESTS)

.PHONY: dist
dist: $(DIST_SET_UP) ## Build what is published from the last commit, and try it in empty environments: dist/
	@exec .ci/dist

.PHONY: distributed
distributed: $(DISTRIBUTED_SET_UP) ## Run the Compose file's services without containers: all examples, then kills and restarts; some 9 minutes
	@.ci/databases
	@TITAN_DISTRIBUTED=required $(BIN)/python -m pytest --durations 0 tests/distributed

.PHONY: bench
bench: $(BENCH_SET_UP) ## Measure thousands of pictures side by side, about 45 minutes on an idle machine: [ARGS=--quick]
	@exec $(BIN)/python benchmarks/bulk/run.py $(ARGS)

.PHONY: docs
docs: $(DOCS_SET_UP) ## Make the documentation's site, build/docs/index.html; a warning or a dead link is an error
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env docs build/docs
	@$(BIN)/python docs/check_links.py build/docs

.PHONY: constraints
constraints: $(RUN_SET_UP) ## Choose the pinned versions anew (for maintainers)
	.ci/constraints

.PHONY: clean
clean: ## Remove what was built, and keep .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.PHONY: help
help: ## List the targets
	@sed -nE 's/^([a-z]+):.* ## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done
