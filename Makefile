# Everything a person or CI does here. Needs Python 3.11, git and make; Node 20 for the console and its tests.

PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
UV     := .cache/uv/bin/uv
UV_VERSION := 0.13.8
NODE   := $(shell command -v node 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help setup console demo up services test test-python test-crash agents test-agents test-console test-e2e lint format openapi secrets bench clean

help: ## what there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(UV):
	@command -v $(PYTHON) >/dev/null || { echo "Kyros needs Python 3.11 or newer: set PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv .cache/uv || { echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	@.cache/uv/bin/pip install --quiet uv==$(UV_VERSION)

$(VENV)/.ready: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --frozen --python $(PYTHON)
	@touch $@

setup: $(VENV)/.ready ## install what Kyros needs into .venv

console/node_modules/.ready: console/package-lock.json
	cd console && npm ci --no-audit --no-fund
	@touch $@

CONSOLE := console/package-lock.json console/vite.config.ts console/index.html console/tools console/openapi.json \
           $(shell find console/src console/public -type f 2>/dev/null)

e2e/node_modules/.ready: e2e/package-lock.json
	cd e2e && npm ci --no-audit --no-fund
	@touch $@

src/kyros/entrypoints/static/index.html: $(CONSOLE)
	@if [ -n "$(NODE)" ]; then $(MAKE) --no-print-directory console/node_modules/.ready && cd console && npm run build; \
	 else echo "Node 20 is not installed: Kyros works, but without its console."; fi

console: src/kyros/entrypoints/static/index.html ## build the web console

demo: setup ## the main job end to end on a sample project
	$(BIN)/kyros demo

up: setup console ## serve the console on http://127.0.0.1:8000
	$(BIN)/kyros up

test: test-python test-console test-e2e ## every test

services: ## install what tests start for themselves: PostgreSQL, Redis, bubblewrap
	@scripts/services

test-python: setup services
	$(BIN)/pytest -n 2 --dist worksteal

test-crash: setup ## kill -9 two hundred times under load; KYROS_TEST_SEED=… for the same again
	KYROS_TEST_KILLS=200 $(BIN)/pytest -s tests/integration/system/test_collab_killed.py

agents: setup ## install the real agent programs that tests drive into .cache/agents (3 GB)
	@$(BIN)/python scripts/agents

test-agents: agents ## real agent programs against a scripted model
	$(BIN)/pytest tests/agents -m agents -n 2

test-console: console/node_modules/.ready
	cd console && npm test

test-e2e: setup console e2e/node_modules/.ready
	scripts/e2e

lint: setup console/node_modules/.ready e2e/node_modules/.ready ## style, types, architecture, sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_sizes.py
	$(BIN)/kyros openapi | diff - console/openapi.json || { echo "The API changed: make openapi"; exit 1; }
	cd console && npm run lint && npm run check:api
	cd e2e && npm run lint

format: setup ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: setup ## write the API's document and the console's client from it
	$(BIN)/kyros openapi > console/openapi.json
	cd console && npm run generate

secrets: setup ## look for secrets in what is committed
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --no-verify --baseline .secrets.baseline

bench: setup ## speed, as ratios against named references
	$(UV) sync --quiet --frozen --python $(PYTHON) --group bench
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .cache console/node_modules src/kyros/entrypoints/static
