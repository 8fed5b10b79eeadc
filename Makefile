# `make` lists the verbs. Each does all the set-up it needs, in .venv, from requirements.txt.
PYTHON ?= python3
VENV ?= .venv
CHAPTER ?=
# Where the book is published, as https://github.com/OWNER/NAME.
REPOSITORY ?=
DEVICE ?= cuda
PORT ?= 8000

BIN := $(VENV)/bin
READY := $(VENV)/.ready
PAGES := $(wildcard chapters/*.ipynb) $(shell find book -type f -not -name '*.pyc') _toc.yml _config.yml
HTML := _build/html/index.html
NODE := tests/node/node_modules/.package-lock.json

.PHONY: help book test test-offline chapters serve publish colab gpu bench faults clean clean-env
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:  ## list the verbs
	@echo "The LSTM Book"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

$(READY): requirements.txt constraints.txt pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else \
	  "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d: make clean-env, then make PYTHON=python3.13" \
	  % sys.version_info[:2])'
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps d2l==0.17.6
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $(READY)

book: $(HTML)  ## build the HTML book from the committed notebooks and say where it lies
	@echo "The book: $(abspath $(HTML))"

$(HTML): $(READY) $(PAGES)
	@rm -rf _build/html
	$(BIN)/jupyter-book build . --warningiserror --nitpick --keep-going --quiet
	@touch $(HTML)

# What the tests run by Node: the accessibility rules, and the reader of workflows.
$(NODE): tests/node/package.json tests/node/package-lock.json
	@command -v npm >/dev/null || { echo "npm is needed for the tests: install Node.js 20 or newer" >&2; exit 1; }
	npm ci --prefix tests/node --no-audit --no-fund --loglevel=error
	@touch $(NODE)

test: $(HTML) $(NODE)  ## lint, unit tests, the pages in a browser, and every notebook by nbval, outputs compared
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest --nbval

test-offline: $(READY)  ## every notebook by nbval again, on the stand-ins for the data
	LSTM_DATA=none $(BIN)/python -m pytest --nbval chapters

chapters: $(READY)  ## execute the chapter sources that changed into notebooks; CHAPTER=02 for one
	$(BIN)/python tools/chapters.py $(CHAPTER)

serve: book  ## build the book and serve it on this machine, PORT=8000
	@echo "http://127.0.0.1:$(PORT)/   (end with Ctrl-C)"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

publish: $(READY)  ## the site, a PDF, a zip and the branch for Colab, for REPOSITORY=https://github.com/OWNER/NAME
	$(BIN)/python tools/publish.py $(REPOSITORY)

colab: $(READY)  ## reproduce Colab: its versions, each notebook alone; CHAPTER=02 for one
	$(BIN)/python tools/colab.py $(CHAPTER)

gpu: $(READY)  ## every notebook and the benchmarks on a GPU, and a report; DEVICE=cpu rehearses it
	$(BIN)/python tools/gpu.py --device $(DEVICE) $(CHAPTER)

bench: $(READY)  ## measure training speeds side by side; OUTPUT=file.json keeps them
	$(BIN)/python -m lstm bench $(if $(OUTPUT),--output $(OUTPUT))

faults: $(READY)  ## plant faults in a copy of the package and show which tests catch them
	$(BIN)/python tools/faults.py

clean:  ## remove what was built; the environment stays
	rm -rf _build tests/node/node_modules .pytest_cache .ruff_cache .hypothesis

clean-env:  ## remove the environment
	rm -rf $(VENV)
