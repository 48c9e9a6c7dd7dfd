# Verbs: run compiled test test-plain test-compiled test-model test-suites test-crash format lint types bench
# Verbs: instructions instructions-record docs screenshots image-test lock clean.
# A fresh machine needs make and Python 3.11 or later; for what is compiled a C compiler and Python's headers, which
# are installed where root may do that with apt-get.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TEST_PROCESSES ?= 2
LINTED := broker protocol storage tests building $(wildcard bench examples)
COMPILED := .compiled
# Python that finds the compiled copy of the tree and not the folder it runs in; so do all processes it starts.
IN_COMPILED = PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/$(COMPILED)

.DEFAULT_GOAL := help
.PHONY: help run compiled compiler test test-plain test-compiled test-model test-suites test-crash format lint types
.PHONY: bench instructions instructions-record docs screenshots image-test lock clean

help:
	@grep '^# Verbs' Makefile

# FORM=compiled runs the compiled broker, FORM=plain the sources.
run: FORM ?= plain
run: $(INSTALLED) form
	exec $(WITH_FORM) $(BIN)/brokerd $(ARGS)

# Compiles a copy of the tree in .compiled (half a minute), or what has changed since (seconds).
compiled: $(INSTALLED) compiler
	$(BIN)/python -m building.tree

.PHONY: form
form: $(INSTALLED)
	@case "$(FORM)" in plain) ;; compiled) $(MAKE) --no-print-directory compiled ;; \
		*) echo "FORM is plain or compiled, not '$(FORM)'" >&2; exit 1 ;; esac
WITH_FORM = $(if $(filter compiled,$(FORM)),env $(IN_COMPILED))

# Everything, the fuzzers and the model included, on the compiled broker and on the sources. Run once are the clients'
# own suites, the Celery workers, the browser and the tools around RabbitMQ, whose time is their own, on what is shipped;
# and what looks at the tree or at modules that are never compiled. Whoever names tests in ARGS gets them in both forms.
ONLY_COMPILED := tests/suites tests/clients/celery tests/clients/management tests/clients/test_celery_example.py tests/page
ONLY_PLAIN := tests/tidy tests/deploy tests/building tests/bench tests/doubles tests/testing \
	$(addprefix tests/broker/,cli listening management metrics offline tls test_authorization_matrix.py)
test: test-compiled test-plain

test-plain: $(INSTALLED)
	$(BIN)/python -m tests.support.celery53
	LEVERET_FORM=plain $(BIN)/python -m pytest -n $(TEST_PROCESSES) -q $(or $(ARGS),$(ONLY_COMPILED:%=--ignore=%))

test-compiled: compiled chromium
	$(BIN)/python -m tests.support.celery53
	cd $(COMPILED) && LEVERET_FORM=compiled PYTHONPATH=$(CURDIR)/$(COMPILED) ../$(BIN)/python -m pytest \
		-n $(TEST_PROCESSES) -q $(or $(ARGS),$(ONLY_PLAIN:%=--ignore=%))

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

# Measures the compiled broker; FORM=plain measures the sources.
bench: FORM ?= compiled
bench: $(INSTALLED) form
	$(WITH_FORM) $(BIN)/python -m bench $(ARGS)

# Counts the instructions that the compiled kernel spends on a message, lane by lane (under valgrind, some 20 seconds),
# and fails where a lane is a tenth above what is recorded. Nothing is timed, so a busy machine changes nothing.
instructions: compiled valgrind
	$(IN_COMPILED) $(BIN)/python -m tests.instructions

# Writes the counts for this version of Python; what was recorded for others stays.
instructions-record: compiled valgrind
	$(IN_COMPILED) $(BIN)/python -m tests.instructions --record tests/instructions/recorded.toml

# A browser for tests/page, from Debian where root may install it; elsewhere any Chromium or Chrome on the PATH does.
.PHONY: chromium
chromium:
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
		command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
			chromium fonts-dejavu-core; \
	else echo "install Chromium: apt-get install chromium" >&2; exit 1; fi

.PHONY: valgrind
valgrind:
	@command -v valgrind >/dev/null || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends valgrind; \
	else echo "install valgrind: apt-get install valgrind" >&2; exit 1; fi

# Makes the pictures of docs/page.md again, from the page's tests.
screenshots: $(INSTALLED) chromium
	LEVERET_SCREENSHOTS=docs/images $(BIN)/python -m pytest -q tests/page/test_screenshots.py

docs: $(INSTALLED)
	$(BIN)/python -m broker.config_docs > docs/configuration.md
	$(BIN)/python -m broker.config_rabbitmq_docs > docs/rabbitmq-settings.md
	$(BIN)/python -m broker.metrics.docs > docs/metrics.md
	$(BIN)/python -m broker.management.openapi > docs/http-api.md
	$(BIN)/python -m broker.model.arguments_docs > docs/arguments.md
	$(BIN)/python -m broker.policies.docs > docs/policies.md
	$(BIN)/python -m broker.cli.docs > docs/brokerctl.md

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
	rm -rf $(COMPILED) $(VENV) $(VENV)-lock $(VENV)-celery53 .suites build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

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

# A C compiler and Python's headers, where they are missing and root can install them.
.PHONY: compiler
compiler: HEADERS = $(shell $(PYTHON) -c 'import sys, sysconfig; from pathlib import Path; \
	print("" if Path(sysconfig.get_path("include"), "Python.h").exists() else "python%d.%d-dev" % sys.version_info[:2])')
compiler: $(INSTALLED)
	@$(BIN)/python -m building.compiler || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends gcc libc6-dev $(HEADERS); \
	else echo "install a C compiler and Python's headers: apt-get install gcc libc6-dev $(HEADERS)" >&2; exit 1; fi
