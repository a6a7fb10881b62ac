# Everything is one command. Needs Python 3.11 or newer and make; nothing else.
SHELL := /bin/sh
# Hundreds of processes start in a run of the tests: each would compile all of Ramal for itself.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help install run demo test quick check bench vendor lock audit sbom translations screenshots clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
PIP := $(PYTHON) -m pip install --quiet --quiet --disable-pip-version-check --no-input --require-virtualenv
# Where the machine has uv, it installs in seconds; where it cannot (mirrors that only pip knows), pip does.
UV := $(shell command -v uv 2>/dev/null)
INSTALL = $(if $(UV),$(UV) pip install --quiet --system-certs --compile-bytecode --python $(PYTHON) --require-hashes --requirement $(1) ||) $(PIP) --require-hashes --requirement $(1)
# For every platform and Python that Ramal runs on.
LOCK := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-annotate
# A change of the pinned versions gives the stamp another name, so an old environment is renewed.
RUN_STAMP := $(VENV)/.ramal-run-$(shell cat requirements.txt | cksum | tr ' ' '-')
DEV_STAMP := $(VENV)/.ramal-dev-$(shell cat requirements.txt requirements-dev.txt | cksum | tr ' ' '-')

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(RUN_STAMP) ## Install what Ramal runs on, and start nothing

run: $(RUN_STAMP) ## Serve Ramal on http://127.0.0.1:8000; Ctrl-C stops it
	@exec $(BIN)/flask serve

demo: $(RUN_STAMP) ## Serve a sample office and a PBX that rings it
	@exec $(BIN)/flask serve --demo

test: $(DEV_STAMP) ## Run all tests, also those with PostgreSQL, Valkey and a browser
	@$(PYTHON) -m tests.browser_at_hand
	@exec $(PYTHON) -m tests $(ARGS)

quick: $(DEV_STAMP) ## Run the tests that need no PostgreSQL, browser or processes (house rules: make check)
	@exec $(PYTHON) -m pytest --quick --quiet --numprocesses auto --ignore tests/house $(ARGS)

check: $(DEV_STAMP) ## Check style, types, layers, templates, scripts, spelling and house rules
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo > .lint-imports.log || { cat .lint-imports.log; rm -f .lint-imports.log; exit 1; }
	@rm -f .lint-imports.log
	$(BIN)/djlint --quiet --lint templates
	@$(PYTHON) .ci/scripts.py
	$(BIN)/codespell
	$(PYTHON) -m pytest --quiet --numprocesses auto --maxprocesses 4 tests/house
	$(PYTHON) .ci/audit.py --if-reachable
	@echo "All checks passed."

bench: $(DEV_STAMP) ## Measure the speed and print a table
	@$(PYTHON) -m tests.browser_at_hand
	@exec $(PYTHON) -m tests.bench $(ARGS)

vendor: $(DEV_STAMP) ## Fetch the pinned versions of htmx and Tabler into static/vendor
	@exec $(PYTHON) .ci/vendor/fetch.py

lock: $(DEV_STAMP) ## Write the lock files from requirements.in and requirements-dev.in
	@$(LOCK) requirements.in --output-file requirements.txt $(ARGS)
	@$(LOCK) requirements-dev.in --constraint requirements.txt --output-file requirements-dev.txt $(ARGS)

audit: $(DEV_STAMP) ## Ask whether a package has a known weakness
	@exec $(PYTHON) .ci/audit.py

sbom: $(DEV_STAMP) ## List what is installed, in CycloneDX, into sbom.json
	@$(BIN)/cyclonedx-py requirements requirements.txt --output-file sbom.json && echo "The list is in sbom.json"

translations: $(DEV_STAMP) ## Gather new strings into the catalogues and compile them
	@$(BIN)/pybabel -q extract -F babel.cfg --ignore-dirs ".*" -k _l -k lazy_gettext -k _n:1,2 -k ngettext:1,2 -k lazy_ngettext:1,2 --no-location --sort-output -o .messages.pot .
	@$(BIN)/pybabel -q update --no-fuzzy-matching --ignore-obsolete -w 100 -l pt -i .messages.pot -d crm_app/translations
	@$(BIN)/pybabel -q compile -d crm_app/translations; rm -f .messages.pot

screenshots: $(DEV_STAMP) ## Photograph every page into docs/screenshots
	@$(PYTHON) -m tests.browser_at_hand
	@exec $(PYTHON) -m tests.screenshots

clean: ## Delete what was made here, except the data folder
	@rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PYTHON):
	@./.ci/make-venv $(VENV)

$(RUN_STAMP): requirements.txt | $(PYTHON)
	@echo "Installing what Ramal runs on (a minute at most, only when its versions change)"
	@$(call INSTALL,requirements.txt)
	@rm -f $(VENV)/.ramal-run-*; touch $@

$(DEV_STAMP): requirements-dev.txt | $(RUN_STAMP)
	@echo "Installing what tests and checks need"
	@$(call INSTALL,requirements-dev.txt)
	@rm -f $(VENV)/.ramal-dev-*; touch $@
