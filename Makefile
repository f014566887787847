# Recipes are one line each: what needs more lives in tools/ (CONTRIBUTING.md says what is where).
PYTHON ?= python3
# Earlier versions described this machine in .local.
INVENTORY ?= $(or $(wildcard .local/inventory.yml),inventory/hosts.yml)
# Not from the environment: some shells export a variable of this name.
HOST =
ARGS ?=
SCENARIO ?=
VERSION =
BIN := .venv/bin
PLAY = $(BIN)/ansible-playbook -i '$(INVENTORY)' $(if $(HOST),--limit '$(HOST)')
# Each playbook is a target, except those that have one of their own: up, down and new.
VERBS := $(filter-out site uninstall new,$(basename $(notdir $(wildcard playbooks/*.yml))))

# A misspelt variable would be dropped in silence, and `make up INVENTROY=hosts` would set up this very machine.
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command line,$(origin $(name))),$(name)))
UNKNOWN := $(filter-out PYTHON INVENTORY HOST ARGS SCENARIO VERSION MAKEFLAGS,$(GIVEN))
$(if $(UNKNOWN),$(error There is no variable $(UNKNOWN). There are PYTHON, INVENTORY, HOST, ARGS, SCENARIO and VERSION))

.DEFAULT_GOAL := help
.PHONY: help new up down venv .venv test lint unit sanity molecule matrix connection faults bench lock dist
.PHONY: release clean
.PHONY: python $(VERBS)

help: ## This list
	@echo 'make new    five questions about a machine, then the installation'
	@echo 'make up     the installation. Without an inventory: on this machine'
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'For the hosts of the inventory: INVENTORY=path, HOST=name, ARGS="--check --diff"'
	@awk 'FNR == 2 { name = FILENAME; gsub(/.*\/|\.yml$$/, "", name); sub(/^# /, ""); \
	  printf "  %-16s %s\n", name, $$0 }' $(VERBS:%=playbooks/%.yml)

new: python ## Ask for the settings of a host, write them into the inventory (ARGS='--host lab --access both')
	@$(PYTHON) -m tools.environment runtime
	@$(BIN)/python -m tools.new --inventory '$(INVENTORY)' $(ARGS)

up: python ## Install Jupyter on the hosts of the inventory, and prove that it works
	@$(PYTHON) -m tools.environment runtime
	@$(BIN)/python -m tools.local_inventory '$(INVENTORY)'
	@$(PLAY) playbooks/site.yml $(ARGS)

down: python ## Remove what `make up` installed, and keep the notebooks
	@$(PYTHON) -m tools.environment runtime
	@$(BIN)/python -m tools.local_inventory --existing '$(INVENTORY)'
	@$(PLAY) playbooks/uninstall.yml $(ARGS)
	@echo 'Kept beside $(INVENTORY): the authority that devices trust, and the old passwords, in credentials/removed.'
	@echo 'Delete them by hand when nothing needs them any more.'

$(VERBS): python
	@$(PYTHON) -m tools.environment runtime
	@$(BIN)/python -m tools.local_inventory --existing '$(INVENTORY)'
	@$(PLAY) playbooks/$@.yml $(ARGS)

venv .venv: python ## The environment for working on the project
	@$(PYTHON) -m tools.environment dev

test: venv ## Set up everything and check everything, or one part (ARGS='molecule smoke'); pytest's line is the last
	@$(BIN)/python -m tools.gate $(ARGS)

lint: venv ## ansible-lint, yamllint, ruff, mypy, release notes, documentation of the plugins
	@$(BIN)/python -m tools.gate lint

unit: venv ## Unit tests (ARGS='-k word')
	@$(BIN)/python -m pytest tests/unit $(ARGS)

sanity: venv ## ansible-test sanity
	@$(BIN)/python -m tools.gate sanity

molecule: venv ## Every scenario in containers, or one (SCENARIO=name)
	@$(BIN)/python -m tools.gate molecule $(SCENARIO)

matrix: venv ## Daily operations, unit tests and sanity with each series of ansible-core (ARGS=2.21)
	@$(BIN)/python -m tools.gate matrix $(ARGS)

connection: venv ## The connection check against servers broken on purpose
	@$(BIN)/python -m pytest tests/connection $(ARGS)

faults: venv ## Runs cut off, full disks, damaged files
	@$(BIN)/python -m pytest tests/faults $(ARGS)

bench: venv ## Ratios against peers in the same run (ARGS=nochange, ARGS=--quick, ARGS=--record)
	@$(BIN)/python -m tools.gate bench $(ARGS)

lock: venv ## Write the lock files from pyproject.toml (ARGS=--upgrade)
	@$(BIN)/python -m tools.lock $(ARGS)

dist: venv ## The archive of the collection and the wheels of the control node, in dist/
	@$(BIN)/python -m tools.release dist

release: venv ## Lint, a commit and a tag of a version with its notes, dist (VERSION=1.2.0). Nothing is pushed
	@$(BIN)/python -m tools.release ready '$(VERSION)'
	@$(BIN)/python -m tools.gate lint
	@$(BIN)/python -m tools.release version '$(VERSION)'
	@$(BIN)/python -m tools.release dist

clean: ## Remove what the targets above built; passwords, keys and .local/ stay
	@rm -rf dist .venv .ansible .cache .mypy_cache .pytest_cache .ruff_cache

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo >&2 "$(PYTHON) is missing or older than Python 3.11:" \
	    "install a newer one and name it, as in: make up PYTHON=python3.12"; \
	  exit 1; }
