# One command each: set-up, demo, tests, checks, bot. The same here and in .ci/run.
# PIP_ARGS passes further options to pip (another index, a local folder of wheels, ...).

VENV     ?= .venv
PIP_ARGS ?=
# pip shows its progress where somebody looks on, and only errors elsewhere.
QUIET    := $(shell test -t 2 || echo --quiet --quiet)
# The first Python of a version that we test and that can make environments (Debian keeps that in python3-venv).
PYTHON   ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& echo "$$p" && break; done)

BIN      := $(VENV)/bin
PIP      := $(BIN)/python -m pip --disable-pip-version-check
CHILD    := $(BIN)/childface
PINS     := pyproject.toml requirements/constraints.txt

FUZZ_SECONDS ?= 60

.PHONY: help setup setup-dev weights demo bot test lint audit fuzz types docs unit format texts clean distclean
.DEFAULT_GOAL := help

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: weights  ## create the environment, fetch the weights, check their hashes

setup-dev: $(VENV)/.dev weights  ## the same, with the tools that tests and checks need

demo: weights  ## photos in, child out: the whole conversation in the terminal with two example parents
	@$(CHILD) chat --demo

bot: weights  ## start the bot, all in one process: TELEGRAM_TOKEN=... make bot, DISCORD_TOKEN=... or both
	@$(CHILD) bot all

weights: $(VENV)/.installed  ## fetch the published weights; takes a second when they are there and undamaged
	@$(CHILD) weights fetch >/dev/null

test: lint types docs unit  ## lint, types, documentation and tests

lint: $(VENV)/.dev  ## ruff and bandit: style, likely mistakes, likely vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive .

audit: $(VENV)/.dev  ## pip-audit: known vulnerabilities of the pinned versions; needs the network
	$(BIN)/python requirements/audit.py

fuzz: $(VENV)/.fuzz  ## fuzz photo decoding for a minute; FUZZ_SECONDS=... for more
	mkdir -p build/fuzz && cd build/fuzz && $(abspath $(BIN))/python ../../tests/fuzz/fuzz_photo.py corpus \
		-max_total_time=$(FUZZ_SECONDS) -close_fd_mask=3

types: $(VENV)/.dev  ## mypy, strict
	$(BIN)/mypy

docs: $(VENV)/.dev  ## the documentation as a site in build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

unit: $(VENV)/.dev weights  ## pytest with coverage
	@$(CHILD) weights fetch --originals --research >/dev/null
	$(BIN)/python -m pytest --cov --cov-report=term

format: $(VENV)/.dev  ## let ruff fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

texts: $(VENV)/.dev  ## bring the catalogues of all languages up to date with the English texts
	@$(BIN)/python -m bots.i18n.catalog_tool

clean:  ## remove caches and build products, keep the environment
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean  ## remove the environment as well (your data and weights stay where they are)
	rm -rf $(VENV)

# Stamps: each is newer than what it was made from, so that a second run does nothing.

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo 'ChildFace needs Python 3.11, 3.12 or 3.13 with its venv module:' >&2; \
		echo '  sudo apt install python3 python3-venv' >&2; exit 3; }
	@echo 'Making the environment in $(VENV) ...' >&2
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 3; }

$(VENV)/.installed: $(PINS) | $(VENV)/bin/python
	@echo 'Installing pinned packages (torch is large: some minutes the first time) ...' >&2
	@$(PIP) install $(QUIET) --constraint requirements/constraints.txt $(PIP_ARGS) --editable .
	@touch $@

$(VENV)/.dev: $(PINS) | $(VENV)/.installed
	@echo 'Installing the tools for tests, checks and training ...' >&2
	@$(PIP) install $(QUIET) --constraint requirements/constraints.txt $(PIP_ARGS) --editable '.[dev,train,c2pa,traces]'
	@touch $@ $(VENV)/.installed

$(VENV)/.fuzz: $(PINS) | $(VENV)/.dev
	@$(PIP) install $(QUIET) --constraint requirements/constraints.txt $(PIP_ARGS) --editable '.[fuzz]'
	@touch $@ $(VENV)/.dev $(VENV)/.installed
