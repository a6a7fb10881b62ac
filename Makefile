# Everything is one command. Needs Python 3.11 or newer and make; nothing else.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run demo test check bench vendor translations screenshots clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
PIP := $(PYTHON) -m pip install --quiet --quiet --disable-pip-version-check --no-input --require-virtualenv
# A change of the pinned versions gives the stamp another name, so an old environment is renewed.
RUN_STAMP := $(VENV)/.ramal-run-$(shell cat requirements.txt | cksum | tr ' ' '-')
DEV_STAMP := $(VENV)/.ramal-dev-$(shell cat requirements.txt requirements-dev.txt | cksum | tr ' ' '-')

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN_STAMP) ## Serve Ramal on http://127.0.0.1:8000; Ctrl-C stops it
	@exec $(BIN)/flask serve

demo: $(RUN_STAMP) ## Serve a sample office and a PBX that rings it
	@exec $(BIN)/flask serve --demo

test: $(DEV_STAMP) ## Run all tests, also those with PostgreSQL, Valkey and a browser
	@$(PYTHON) -m tests.browser_at_hand
	@exec $(PYTHON) -m pytest $(ARGS)

check: $(DEV_STAMP) ## Check style, types, layers, templates, spelling and house rules
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo > .lint-imports.log || { cat .lint-imports.log; rm -f .lint-imports.log; exit 1; }
	@rm -f .lint-imports.log
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/codespell
	$(PYTHON) -m pytest --quiet tests/house
	@echo "All checks passed."

bench: $(DEV_STAMP) ## Measure the speed and print a table
	@$(PYTHON) -m tests.browser_at_hand
	@exec $(PYTHON) -m tests.bench $(ARGS)

vendor: $(DEV_STAMP) ## Fetch the pinned versions of htmx and Tabler into static/vendor
	@exec $(PYTHON) static/vendor/fetch.py

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
	@echo "Installing what Ramal runs on (about a minute, only when its versions change)"
	@$(PIP) --requirement requirements.txt
	@rm -f $(VENV)/.ramal-run-*; touch $@

$(DEV_STAMP): requirements-dev.txt | $(RUN_STAMP)
	@echo "Installing what tests and checks need"
	@$(PIP) --requirement requirements-dev.txt
	@rm -f $(VENV)/.ramal-dev-*; touch $@
