PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: dev demo test lint types fmt

dev: $(VENV)/ready

$(VENV)/ready: pyproject.toml
	@echo "setting up $(VENV) (once) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -e '.[test]'
	@touch $@

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: dev
	$(BIN)/mypy

fmt: dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint types
	$(BIN)/pytest

# KEEP=1 holds the server open until Ctrl-C.
demo: dev
	$(BIN)/python -m tests.demo $(if $(KEEP),--keep)
