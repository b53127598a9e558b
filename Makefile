PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test lint pytest exhaustive e2e mutants bench controlplane schemas lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.ready ## Run the first sample on the embedded store, and show each step
	@$(BIN)/python -m tests.support.demo

test: lint pytest ## Everything: style, types, and the tests on both clusters

lint: .venv/.ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Built before pytest, which would hide for minutes that it is under way. Where it can't be built,
# the tests that need it are skipped, loudly; in CI that is a failure.
pytest: .venv/.ready
	$(BIN)/python -m tests.support.controlplane --build || test -z "$$CI"
	$(BIN)/python -m pytest

exhaustive: .venv/.ready ## Every fault at every request of a pass, on the real control plane (minutes)
	$(BIN)/python -m tests.support.controlplane --build
	$(BIN)/python -m pytest -m exhaustive -s tests/exactly_once

# The cluster that KUBECONFIG names gets cnat installed; where none is named, one is made.
e2e: .venv/.ready ## On a real node: the install and the first sample (minutes)
	@$(if $(KUBECONFIG),,$(BIN)/python -m tests.support.node) \
	  $(BIN)/python -m pytest -m e2e tests/e2e

mutants: .venv/.ready ## Break each line that the promise hangs on, and see a test fail
	$(BIN)/python -m tests.support.controlplane --build
	@$(BIN)/python -m tests.mutants

bench: .venv/.ready ## Speed, memory and punctuality beside the floor (half an hour; BENCH_N=100000 for more)
	$(BIN)/python -m tests.support.controlplane --build
	@$(BIN)/python -m tests.bench

controlplane: .venv/.ready ## Start a real control plane, print its KUBECONFIG, stay until Ctrl-C
	@$(BIN)/python -m tests.support.controlplane --filename kustomize/crd/ats.cnat.programming-kubernetes.info.yaml

schemas: .venv/.ready ## Generate the CRD and the JSON Schema anew
	$(BIN)/python schemas/generate.py

lock: .venv/.ready ## Resolve what the image is made of anew, with hashes
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	$(BIN)/python -m pip install --quiet --target "$$tmp" uv && \
	"$$tmp/bin/uv" pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' \
	  --output-file requirements.lock pyproject.toml

clean: ## Remove what make has made in this folder
	rm -rf .venv .demo dist

.venv/.ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@
