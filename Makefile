PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: bench crash dev demo faults soak test thorough lint types fmt

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

# The service at work for ten minutes.
soak: dev
	$(BIN)/pytest --thorough tests/live/test_serve.py

# Ten times as many samples in the tests that draw them.
thorough: dev
	$(BIN)/pytest --thorough tests/core tests/protocol

# KEEP=1 holds the server open until Ctrl-C.
demo: dev
	$(BIN)/python -m tests.demo $(if $(KEEP),--keep)

# Costs as ratios, against a bare loop and Argilla's SDK on one real server.
bench: dev
	$(BIN)/python -m tests.bench

# Every fault of network and server at every kind of request, about half an hour.
faults: dev
	$(BIN)/python -m tests.faults

# The crash sweep in full: a thousand places at which the program is killed, about a quarter of an hour.
crash: dev
	$(BIN)/python -m tests.crash
