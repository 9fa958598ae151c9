# make run    install into .venv and open the program
# make test   install, then linters and all tests
# make fast   linters, and the tests that import no PyTorch, start no process and drive no workbench

# The first Python that runs and is new enough; a name on the PATH alone proves neither.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: install install-dev run test fast lint clean

install: .venv/.installed

install-dev: .venv/.installed-dev

.venv/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

run: .venv/.installed
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/cnn-tui quickstart; else $(BIN)/cnn-tui demo; fi

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2
	$(BIN)/lint-imports

# One process more than a small machine has cores: many tests wait for other processes.
test: lint
	$(BIN)/pytest -n 3 --dist worksteal

fast: lint
	$(BIN)/pytest -n 2 --fast

clean:
	rm -rf .venv
