# `make` lists the verbs. Each does all the set-up it needs, in .venv, from requirements.txt.
PYTHON ?= python3
VENV ?= .venv
CHAPTER ?=
# Where the book is published, as https://github.com/OWNER/NAME: goes into the launch buttons.
REPOSITORY ?=
PORT ?= 8000

BIN := $(VENV)/bin
READY := $(VENV)/.ready
PAGES := $(wildcard chapters/*.ipynb) $(shell find book -type f) _config.yml _toc.yml README.md
HTML := _build/html/index.html

.PHONY: help book test chapters serve bench clean
.DEFAULT_GOAL := help

help:  ## list the verbs
	@echo "The LSTM Book"
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

$(READY): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else \
	  "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d: try make PYTHON=python3.13" % sys.version_info[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps d2l==0.17.6
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $(READY)

book: $(HTML)  ## build the HTML book from the committed notebooks and say where it lies
	@echo "The book: $(abspath $(HTML))"

$(HTML): $(READY) $(PAGES)
	@mkdir -p _build
	@sed -E "s#^( *url: ).*#\1$(or $(REPOSITORY),https://github.com/OWNER/lstm-book)#" _config.yml > _build/_config.yml
	$(BIN)/jupyter-book build . --config _build/_config.yml --warningiserror --nitpick --keep-going --quiet
	@touch $(HTML)

test: $(READY)  ## lint, unit tests, and every notebook by nbval, outputs compared
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest --nbval

chapters: $(READY)  ## execute the chapter sources that changed into notebooks; CHAPTER=02 for one
	$(BIN)/python tools/chapters.py $(CHAPTER)

serve: book  ## build the book and serve it on this machine, PORT=8000
	@echo "http://127.0.0.1:$(PORT)/   (end with Ctrl-C)"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

bench: $(READY)  ## measure speeds, side by side, into lstm/results
	$(BIN)/python -m lstm bench

clean:  ## remove what was built; the environment stays
	rm -rf _build .pytest_cache .ruff_cache
