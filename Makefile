# The verbs of the project; `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
RECIPE ?= support_desk
BIN := .venv/bin
STAMP := .venv/.ready
UV_VERSION := 0.13.8
TORCH_VERSION := 2.13.0
BFCL_VERSION := 2026.3.23
# uv does not read pip's find-links: hand it on. Bytecode is compiled once, at installation: where
# PYTHONDONTWRITEBYTECODE is set, as in many images, every process would compile its imports again.
UV := UV_COMPILE_BYTECODE=1 $(if $(PIP_FIND_LINKS),UV_FIND_LINKS="$(PIP_FIND_LINKS)") VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/uv
# Builds of torch differ by machine: those of PyPI are locked, for one of your own only the version is.
TORCH := $(if $(PIP_FIND_LINKS),"torch==$(TORCH_VERSION)",--require-hashes -r requirements-torch.lock)
COMPILE := pip compile --generate-hashes --no-header

.PHONY: help setup run test up down status check bench bfcl miniwob selenium chromium openenv format lock

help:  ## list the verbs
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 16

setup: $(STAMP)  ## make .venv with the locked dependencies

$(STAMP): requirements.lock requirements-torch.lock requirements-uv.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	$(UV) pip install --quiet $(TORCH)
	$(UV) pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(UV) pip install --quiet --no-deps --no-build-isolation -e .
	touch $(STAMP)

# `factory round` exits 0 deployed, 3 gate FAIL, 1 fault. GNU make tells that number ("Error 3") and exits 2.
run: setup  ## one whole round of the factory for RECIPE, from first traffic to the deployed agent
	@$(BIN)/factory round --recipe $(RECIPE)

up: setup  ## start the platform and keep it running; prints the addresses
	@$(BIN)/factory platform up

down: setup  ## end what `make up` started
	@$(BIN)/factory platform down

status: setup  ## what of the platform is running, and where
	@$(BIN)/factory platform status

test: setup  ## all the tests
	$(BIN)/pytest

check: setup  ## lint, types, import rules, Dagster definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/dg check defs

bench: setup  ## measure; ONLY=<name> for one benchmark
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

# Its dependencies (numpy 1.26.4, openai, anthropic, ...) contradict ours and are not needed by its classes: a folder
# of its own keeps `uv pip check` true. mpmath, which they do need, is there with torch.
bfcl: setup  ## install BFCL's multi-turn cases and classes, an evaluation set, beside the rest
	$(UV) pip install --quiet --no-deps --require-hashes --target .venv/bfcl -r requirements-bfcl.lock

# Its dependencies are the peer's (below): its pages are served and its browser driven without them.
miniwob: setup  ## install MiniWoB++'s pages, 130 tasks for a browser, beside the rest
	$(UV) pip install --quiet --no-deps --require-hashes --target .venv/miniwob -r requirements-miniwob.lock

selenium: miniwob  ## install MiniWoB++'s own route, what `make bench ONLY=browser` measures ours against
	$(UV) pip install --quiet --no-deps --require-hashes --target .venv/selenium -r requirements-selenium.lock
	@command -v chromedriver >/dev/null || echo "chromedriver is not on PATH: apt-get install chromium-driver"

chromium: setup  ## install Chromium for the browser kind (as root; on Debian its package, else Playwright's own)
	if command -v apt-get >/dev/null && apt-get update -qq && apt-cache show chromium-headless-shell >/dev/null 2>&1; then \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium-headless-shell; \
	else $(BIN)/playwright install --with-deps --only-shell chromium; fi

openenv: setup  ## install the openenv package, to test and measure beside it, into .venv/openenv
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv/openenv
	UV_FIND_LINKS="$$PIP_FIND_LINKS" $(BIN)/uv pip install --quiet --python .venv/openenv/bin/python openenv==0.10.0

format: setup  ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup  ## resolve the dependencies again into the lock files
	$(UV) $(COMPILE) pyproject.toml --group dev --no-emit-package torch -o requirements.lock
	echo "torch==$(TORCH_VERSION)" | UV_FIND_LINKS= $(BIN)/uv $(COMPILE) - -c requirements.lock --no-annotate --universal \
		--python-version 3.11 -o requirements-torch.lock
	echo "uv==$(UV_VERSION)" | $(BIN)/uv $(COMPILE) - --no-annotate --universal --python-version 3.11 -o requirements-uv.lock
	echo "bfcl-eval==$(BFCL_VERSION)" | $(UV) $(COMPILE) - --no-deps --no-annotate -o requirements-bfcl.lock
