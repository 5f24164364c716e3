# Two commands are all a newcomer needs: `make run` and `make test`. `make help` lists the rest.

SHELL      := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CORPUS ?= corpus
export FUTFUT_HOME ?= .futfut

.DEFAULT_GOAL := help
.PHONY: help run test test-ollama test-compose lint format models index install bench eval lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: index ## set everything up and serve the chatbot on 127.0.0.1:8000
	@echo "==> Serving"
	@$(BIN)/futfut serve

test: $(VENV)/.dev models ## run the tests
	@echo "==> Testing"
	@$(BIN)/pytest --numprocesses 2 --dist loadfile

test-ollama: $(VENV)/.dev models ## run the tests that need a real Ollama (compiled once if there is none)
	@echo "==> Ollama for the tests"
	@$(BIN)/python -m tests.real_ollama
	@echo "==> Testing against it"
	@$(BIN)/pytest -m ollama

test-compose: $(VENV)/.dev models ## bring the whole stack up on a Docker engine (one is started where none runs)
	@echo "==> Docker engine and compose tool for the tests"
	@$(BIN)/python -m tests.compose.programs
	@echo "==> Testing the stack"
	@$(BIN)/pytest tests/compose -m "" --capture=no

lint: $(VENV)/.dev ## ruff, mypy strict and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## let ruff format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

install: $(VENV)/.run ## create .venv from the hash-locked requirements

models: $(VENV)/.run ## fetch and check the model files, build the encoder
	@echo "==> Model files"
	@$(BIN)/futfut-convert fetch
	@$(BIN)/futfut-convert embedder

index: models ## index the corpus
	@echo "==> Index of $(CORPUS)/"
	@$(BIN)/futfut index --corpus $(CORPUS)

eval: index ## measure retrieval on our own questions
	@$(BIN)/futfut eval tests/eval/handbook.jsonl

bench: $(VENV)/.dev models ## measure speed as ratios, one table
	@$(BIN)/python tests/bench/run.py

$(VENV)/.run: requirements.lock pyproject.toml .ci/llama-wheel
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "FutFut needs Python 3.11 or later; name one with: make run PYTHON=python3.12" >&2; exit 1; }
	@echo "==> Environment in $(VENV)/"
	@$(PYTHON) -m venv $(VENV)
	@.ci/llama-wheel $(BIN)/python requirements.lock $(VENV)
	@awk '/^llama-cpp-python==/ {skip=1} !skip; !/\\$$/ {skip=0}' requirements.lock > $(VENV)/without-llama.lock
	@$(BIN)/python -m pip install --require-hashes --no-deps -r $(VENV)/without-llama.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "==> Tools for tests and lint"
	@awk '/^llama-cpp-python==/ {skip=1} !skip; !/\\$$/ {skip=0}' requirements-dev.lock > $(VENV)/without-llama.lock
	@$(BIN)/python -m pip install --require-hashes --no-deps -r $(VENV)/without-llama.lock
	@touch $@

# The locks hold for every platform and Python we support; they name no host.
lock: ## renew both locks (needs uv)
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-header --upgrade -o requirements.lock
	uv pip compile pyproject.toml --group build --group dev --universal --python-version 3.11 --generate-hashes --no-header -c requirements.lock -o requirements-dev.lock

clean: ## remove the environment and what tools cached (models and index stay)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
