# keymesh.ike: every command sets up what it needs by itself and can be repeated.
#   make demo    roll out a VPN between two sites on this machine and watch traffic cross it
#   make test    run every test
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test test-engine lint format bench docs docs-pictures packages-demo packages-test clean

help:
	@echo "make demo [KEEP=1]   two sites on this machine, rolled out with the real playbook"
	@echo "make test            every test (lint, unit, interop with strongSwan, kernel, collection, demo)"
	@echo "make test-engine     only the fast tests of the engine"
	@echo "make lint            ruff, mypy, import-linter, codespell, ansible-lint"
	@echo "make format          rewrite the sources in the project's style"
	@echo "make bench           the engine and strongSwan side by side"
	@echo "make docs            write the generated references anew"
	@echo "make docs-pictures   record the pictures and failure records of the documentation anew"

$(STAMP): pyproject.toml tests/lab/provision.sh
	@tests/lab/provision.sh venv "$(PYTHON)" "$(VENV)"

packages-demo:
	@tests/lab/provision.sh packages demo

packages-test:
	@tests/lab/provision.sh packages test
	@tests/lab/provision.sh kernel .build/kernel
	@tests/lab/provision.sh strongswan .build/strongswan & tests/lab/provision.sh ubuntu .build/ubuntu; wait

demo: packages-demo $(STAMP)
	@$(BIN)/python -m tests.lab.demo $(if $(KEEP),--keep)

test: packages-test $(STAMP)
	@$(BIN)/python -m tests.run

test-engine: $(STAMP)
	@$(BIN)/python -m pytest -q -n auto -m "not interop and not kernel"

lint: $(STAMP)
	@$(BIN)/python -m tests.run lint

format: $(STAMP)
	@$(BIN)/ruff check --fix -q . || true
	@$(BIN)/ruff format .

bench: packages-test $(STAMP)
	@$(BIN)/python -m benchmarks.handshakes

docs: $(STAMP)
	@$(BIN)/python -m docs.generate

docs-pictures: packages-demo $(STAMP)
	@$(BIN)/python -m docs.failures
	@$(BIN)/python -m docs.record

clean:
	rm -rf .venv .build .mypy_cache .ruff_cache .pytest_cache
