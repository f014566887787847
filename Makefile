# Recipes are one line each: what needs more lives in tools/ (CONTRIBUTING.md says what is where).
PYTHON ?= python3
INVENTORY ?= .local/inventory.yml
ARGS ?=
SCENARIO ?=
BIN := .venv/bin

# A misspelt variable would be dropped in silence, and `make up INVENTROY=hosts` would set up this very machine.
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command line,$(origin $(name))),$(name)))
UNKNOWN := $(filter-out PYTHON INVENTORY ARGS SCENARIO MAKEFLAGS,$(GIVEN))
$(if $(UNKNOWN),$(error There is no variable $(UNKNOWN). There are PYTHON, INVENTORY, ARGS and SCENARIO))

.DEFAULT_GOAL := help
.PHONY: help up down venv .venv test lint unit sanity molecule connection faults bench lock clean python

help: ## This list
	@echo 'make up                    Jupyter on this machine, then how to connect'
	@echo 'make up INVENTORY=hosts    the same for the hosts of an inventory'
	@echo 'make test                  everything the project checks'
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: python ## Set up .venv, run playbooks/site.yml (INVENTORY=path, ARGS='--check --diff')
	@$(PYTHON) -m tools.environment runtime
	@$(BIN)/python -m tools.local_inventory $(INVENTORY)
	@$(BIN)/ansible-playbook -i $(INVENTORY) playbooks/site.yml $(ARGS)

down: python ## Take away again what `make up` installed (same INVENTORY)
	@$(PYTHON) -m tools.environment runtime
	@$(BIN)/python -m tools.local_inventory --existing $(INVENTORY)
	@$(BIN)/ansible-playbook -i $(INVENTORY) playbooks/uninstall.yml $(ARGS)
	@echo 'Kept beside $(INVENTORY): the authority that devices trust, and the old passwords, in credentials/removed.'
	@echo 'Delete them by hand when nothing needs them any more.'

venv .venv: python ## The environment for working on the project
	@$(PYTHON) -m tools.environment dev

test: venv ## Set up everything and check everything; the last line is pytest's
	@$(BIN)/python -m tools.gate

lint: venv ## ansible-lint, yamllint, ruff, mypy
	@$(BIN)/python -m tools.gate lint

unit: venv ## Unit tests (ARGS='-k word')
	@$(BIN)/python -m pytest tests/unit $(ARGS)

sanity: venv ## ansible-test sanity
	@$(BIN)/python -m tools.gate sanity

molecule: venv ## Every scenario in containers, or one (SCENARIO=name)
	@$(BIN)/python -m tools.gate molecule $(SCENARIO)

connection: venv ## The connection check against servers broken on purpose
	@$(BIN)/python -m pytest tests/connection $(ARGS)

faults: venv ## Runs cut off, full disks, damaged files
	@$(BIN)/python -m pytest tests/faults $(ARGS)

bench: venv ## Ratios against peers in the same run (ARGS=nochange, ARGS=--quick, ARGS=--record)
	@$(BIN)/python -m tools.gate bench $(ARGS)

lock: venv ## Write the lock files from pyproject.toml (ARGS=--upgrade)
	@$(BIN)/python -m tools.lock $(ARGS)

clean: ## Remove what the targets above built; passwords, keys and .local/ stay
	@rm -rf .venv .ansible .cache .mypy_cache .pytest_cache .ruff_cache

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo >&2 "$(PYTHON) is missing or older than Python 3.11:" \
	    "install a newer one and name it, as in: make up PYTHON=python3.12"; \
	  exit 1; }
