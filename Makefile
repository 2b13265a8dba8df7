# `make` lists the targets. Everything runs in .venv, which is created and updated when a target needs it.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS := $(VENV)/docs

# Only a python that nobody chose by name may be replaced by another one.
PYTHONS := "$(PYTHON)" $(if $(filter file,$(origin PYTHON)),python3.14 python3.13 python3.12 python3.11)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: $(STAMP) ## render, check and publish the sample registry to a local repository
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

.PHONY: docs
docs: $(DOCS)/.installed ## build the documentation site into build/docs, which needs no server
	$(DOCS)/bin/zensical build --strict --clean

.PHONY: prose
prose: $(VENV)/vale ## check the prose of the documentation with Vale and the rules in .vale (builds Vale with Go)
	$(VENV)/vale --output=line README.md CONTRIBUTING.md SECURITY.md docs/*.md

.PHONY: test
test: lint $(DOCS)/.installed ## lint, types, and the tests
	$(BIN)/pytest

.PHONY: coverage
coverage: $(STAMP) ## the tests, and which lines and branches they reach: at least 95 %
	$(BIN)/pytest --cov --cov-report=term

.PHONY: stress
stress: $(STAMP) ## many publishers at once, and publishers killed, in full size (ten minutes); writes docs/stress.md
	$(BIN)/python -m tests.stress --write docs/stress.md

.PHONY: e2e
e2e: $(STAMP) ## the life of three environments on a real Argo CD, from WORKLOADS_E2E_BIN (ten minutes); writes docs/e2e.md
	$(BIN)/python -m tests.e2e --write docs/e2e.md

.PHONY: bench
bench: $(STAMP) ## time every command at 100 to 50,000 apps (twenty minutes, 3 GB); writes docs/benchmarks.*
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks --write docs/benchmarks.md \
	  --json docs/benchmarks.json --plot docs/benchmarks.svg

.PHONY: lint
lint: $(STAMP) ## ruff and mypy, changing nothing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

.PHONY: fmt
fmt: $(STAMP) ## fix what ruff can fix, and format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Not in .venv's own list: only this target needs uv.
.PHONY: lock
lock: $(STAMP) ## move requirements*.lock to the newest versions that pyproject.toml allows
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet 'uv>=0.13'
	$(VENV)/lock/bin/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
	  --extra helm --group dev --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --output-file requirements.lock
	$(VENV)/lock/bin/uv pip compile requirements-docs.in --quiet --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --output-file requirements-docs.lock

.PHONY: clean
clean: ## remove .venv and everything else that git ignores here
	rm -rf $(VENV) .demo .hypothesis .mypy_cache .pytest_cache .ruff_cache .cache build dist htmlcov .coverage .coverage.*
	find benchmarks generator tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --no-deps: the lock is whole, and where pip resolves it again it fails over an extra once a newer version is out.
# --no-build-isolation: the build backend comes from the lock too.
# compileall: where PYTHONDONTWRITEBYTECODE is set, every command would compile the program for itself.
$(STAMP): requirements.lock pyproject.toml
	@for python in $(PYTHONS); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$${found-}" ]; then \
	  echo 'Python 3.11 or newer is needed; $(PYTHON) is missing or older. Name one: make PYTHON=/path/to/python3.13' >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv --clear $(VENV) || \
	  { echo 'The venv module does not work; on Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@$(BIN)/python -m compileall -q generator
	@touch $@

# An environment of its own: Zensical needs a tomli that reads TOML 1.1, and workloads one that does not.
$(DOCS)/.installed: requirements-docs.lock $(STAMP)
	@$(BIN)/python -m venv --clear $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-docs.lock
	@touch $@

# Versions from 3.20 on need a module at a commit that has no release.
$(VENV)/vale: $(STAMP)
	GOBIN=$(CURDIR)/$(VENV) go install github.com/errata-ai/vale/v3/cmd/vale@v3.17.1
	@touch $@
