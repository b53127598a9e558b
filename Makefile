PYTHON ?= python3
BIN := .venv/bin
SOURCE := https://github.com/programming-kubernetes/cnat
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' cnat/__init__.py)

.PHONY: help demo test lint pytest executables exhaustive e2e releases mutants bench gitops controlplane
.PHONY: schemas pin lock bounds lowest newest dist dist/install.yaml dist/notes.md version clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.ready ## Run the first sample on the embedded store, and show each step
	@$(BIN)/python -m tests.support.demo

test: lint pytest ## Everything: style, types, and the tests on both clusters

lint: .venv/.ready ## Style, types, which room may import which, and the workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/zizmor --offline --quiet --pedantic .github
	$(BIN)/python -m tests.support.actionlint

# Built before pytest, which would hide for minutes that it is under way. Where it can't be built,
# the tests that need it are skipped, loudly; in CI that is a failure.
pytest: .venv/.ready
	$(BIN)/python -m tests.support.controlplane --build || test -z "$$CI"
	$(BIN)/python -m pytest

executables: .venv/.ready ## Build etcd and Kubernetes for the tests, once (minutes)
	$(BIN)/python -m tests.support.controlplane --build

exhaustive: executables ## Every fault at every request of a pass, on the real control plane (minutes)
	$(BIN)/python -m pytest -m exhaustive -s tests/exactly_once

# The cluster that KUBECONFIG names gets cnat installed; where none is named, one is made.
e2e: .venv/.ready ## On a real node: the install, the first sample, what can go wrong (minutes)
	@$(if $(KUBECONFIG),,$(BIN)/python -m tests.support.node) \
	  $(BIN)/python -m pytest -m e2e tests/e2e

releases: .venv/.ready ## The tests on each Kubernetes that is promised, and a table of how they went (hours)
	$(BIN)/python -m tests.releases

mutants: executables ## Break each line that the promise hangs on, and see a test fail
	@$(BIN)/python -m tests.mutants

bench: executables ## Speed, memory and punctuality beside the floor (an hour; BENCH_N=100000 for more)
	@$(BIN)/python -m tests.bench

# Each tool on a control plane of its own, both at once: most of the time they wait.
gitops: executables ## What Flux and Argo CD themselves make of Ats, on the real control plane (minutes)
	$(BIN)/python -m tests.gitops.build
	@$(MAKE) --no-print-directory --jobs=2 --output-sync gitops-flux gitops-argocd

gitops-%:
	$(BIN)/python -m pytest -m gitops tests/gitops -k $*

controlplane: .venv/.ready ## Start a real control plane, print its KUBECONFIG, stay until Ctrl-C
	@$(BIN)/python -m tests.support.controlplane --filename kustomize/crd/ats.cnat.programming-kubernetes.info.yaml

schemas: .venv/.ready ## Generate the CRD and the JSON Schema anew
	$(BIN)/python schemas/generate.py

pin: .venv/.ready ## Take in the newest Kubernetes, or KUBERNETES=v1.38.0: servers, CRD, schemas
	$(BIN)/python -m tests.support.controlplane.pin $(KUBERNETES)

lock: .uv/bin/uv ## Lock the newest of all packages, for the tests and for the image, with hashes
	@compile() { $< pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' \
	  "$$@" pyproject.toml; } && \
	compile --group dev --output-file requirements-dev.lock && \
	compile --constraints requirements-dev.lock --output-file requirements.lock

bounds: lowest newest ## The tests with the lowest packages that pyproject.toml allows, and with the newest

lowest: resolution = lowest-direct
newest: resolution = highest
lowest newest: .uv/bin/uv
	@$< venv --quiet --clear --python $(PYTHON) .bounds/$@
	@$< pip install --quiet --python .bounds/$@ --resolution $(resolution) --group dev --editable .
	@$< pip list --quiet --python .bounds/$@
	.bounds/$@/bin/python -m tests.support.controlplane --build
	.bounds/$@/bin/python -m pytest -p no:cacheprovider

dist: .venv/.ready ## Build the wheel and the sdist
	$(BIN)/python -m hatchling build

# For a release, whose image has DIGEST=sha256:...: all that kustomize/default has, in one file.
dist/install.yaml:
	@test -n "$(DIGEST)" || { echo "Name the digest of the image: DIGEST=sha256:..." >&2; exit 1; }
	@mkdir -p dist
	kubectl kustomize kustomize/default | sed 's#\(/cnat:$(VERSION)\)$$#\1@$(DIGEST)#' > $@
	@grep --quiet '/cnat:$(VERSION)@$(DIGEST)$$' $@

# What the changelog has of the version. Its links are relative to a page that isn't this one.
dist/notes.md:
	@mkdir -p dist
	awk '/^## / {ours = $$2 == "$(VERSION)"; next} ours' CHANGELOG.md | \
	  sed 's#](\([^:)]*\))#]($(SOURCE)/blob/v$(VERSION)/\1)#g' > $@
	@test -s $@

version:
	@echo $(VERSION)

clean: ## Remove what make has made in this folder
	rm -rf .venv .uv .bounds .demo dist

# Where Python may not keep what it has compiled, each start takes a second more.
unexport PYTHONDONTWRITEBYTECODE

# pip checks each package against the lock, itself included; cnat is built by what it has installed.
# Python compiles what is imported: of all that is installed, that is little.
.venv/.locked: requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "cnat needs Python 3.11 or later. Name one: make PYTHON=python3.13")'
	@echo "Installing the packages of $< into .venv, once (about 30 s) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --no-compile --no-deps --require-hashes \
	  --only-binary=:all: --requirement requirements-dev.lock
	@touch $@

.venv/.ready: .venv/.locked pyproject.toml cnat/__init__.py
	@$(BIN)/python -m pip install --quiet --no-deps --no-index --no-build-isolation --editable .
	@touch $@

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet uv
