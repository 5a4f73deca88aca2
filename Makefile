# Every target sets itself up: a virtual environment in .venv, then the job.
# PYTHON is the interpreter the environment is made from; 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check format reference translations pictures clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# The environment is made again when what it was made from changes. The first stamp runs the product,
# the second tests and checks it.
$(VENV)/run: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try: make PYTHON=python3.11")'
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip --constraint constraints.txt
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/develop: $(VENV)/run
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev
	@touch $@

demo: $(VENV)/run ## Write three sample digests into demo-outbox/
	@$(BIN)/digest demo

test: $(VENV)/develop ## Run the tests; those that need a missing server are skipped and named
	@$(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST)

check: $(VENV)/develop ## Check style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(VENV)/develop ## Put the code into its form
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

reference: $(VENV)/develop ## Write docs/reference.md from the help of all commands
	@$(BIN)/python -m tests.reference

translations: $(VENV)/develop ## Add the new messages of pages and mails to the catalogues
	@$(BIN)/python -m tests.translations

pictures: $(VENV)/develop ## Make the pictures of a mail that the pages show; needs Chromium
	@$(BIN)/python -m tests.browser.pictures

clean: ## Remove the environment and all caches
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache demo-outbox
