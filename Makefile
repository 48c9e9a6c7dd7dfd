# Verbs: run test test-model test-suites test-crash format lint types bench docs image-test lock clean.
# A fresh machine needs make and Python 3.11 or later.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TEST_PROCESSES ?= 2
LINTED := broker protocol storage tests $(wildcard bench examples)

.DEFAULT_GOAL := help
.PHONY: help run test test-model test-suites test-crash format lint types bench docs image-test lock clean

help:
	@grep '^# Verbs' Makefile

run: $(INSTALLED)
	exec $(BIN)/brokerd $(ARGS)

test: $(INSTALLED)
	$(BIN)/python -m tests.support.celery53
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) -q $(ARGS)

# The broker against a naive one, for many more and longer examples than `make test` has time for.
test-model: $(INSTALLED)
	LEVERET_MODEL=soak $(BIN)/python -m pytest -q tests/model $(ARGS)

# The clients' own suites, whole (about a quarter of an hour); `make test` runs a selection.
test-suites: $(INSTALLED)
	LEVERET_WHOLE_SUITES=1 $(BIN)/python -m pytest -n $(TEST_PROCESSES) -q tests/suites $(ARGS)

# Kills the broker again and again while it works (some 60 times in a minute), and looks at every crash of recorded
# workloads on a test disk (about five minutes on one core); `make test` does a part of both.
test-crash: $(INSTALLED)
	LEVERET_CRASH=whole $(BIN)/python -m pytest -n $(TEST_PROCESSES) -q tests/crash $(ARGS)

format: $(INSTALLED)
	$(BIN)/ruff check --fix $(LINTED)
	$(BIN)/ruff format $(LINTED)

lint: $(INSTALLED)
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)

types: $(INSTALLED)
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/python -m bench $(ARGS)

docs: $(INSTALLED)
	$(BIN)/python -m broker.config_docs > docs/configuration.md
	$(BIN)/python -m broker.metrics.docs > docs/metrics.md
	$(BIN)/python -m broker.model.arguments_docs > docs/arguments.md

# Builds the container image and checks it. Needs Linux, root, buildah, and mmdebstrap unless PYTHON_IMAGE is given.
image-test: $(INSTALLED)
	$(BIN)/python -m tests.image $(ARGS)

# Writes the versions of a fresh install with the newest releases that pyproject.toml allows.
lock:
	rm -rf $(VENV)-lock
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --editable '.[dev]'
	$(VENV)-lock/bin/python -m pip freeze --exclude-editable > requirements-dev.lock
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) $(VENV)-lock $(VENV)-celery53 .suites build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(INSTALLED): pyproject.toml requirements-dev.lock
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=...")'
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || $(MAKE) --no-print-directory venv-through-apt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

# Debian and Ubuntu ship Python without ensurepip; root can add it, anybody else has to ask.
.PHONY: venv-through-apt
venv-through-apt: PACKAGE = $(shell $(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
venv-through-apt:
	@if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "$(PACKAGE) is missing; install it: sudo apt-get install $(PACKAGE)" >&2; exit 1; fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(PACKAGE)
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
