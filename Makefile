# `make` lists the verbs. Each does all the set-up it needs: the environment in .venv, from
# requirements.txt, and for the pages a browser.
PYTHON ?= python3
VENV ?= .venv
CHAPTER ?=
NAME ?=
WHAT ?= fast
# Where the book is published, as https://github.com/OWNER/NAME.
REPOSITORY ?=
DEVICE ?= cuda
PORT ?= 8000

BIN := $(VENV)/bin
READY := $(VENV)/.ready
PAGES := $(wildcard chapters/*.ipynb) $(shell find book -type f -not -name "*.pyc") \
  _toc.yml _config.yml
HTML := _build/html/index.html

.PHONY: help book test test-offline check new chapters serve publish colab gpu bench study \
  faults explore clean clean-env way browser
.NOTPARALLEL:
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:  ## list the verbs
	@echo "The LSTM Book"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

$(READY): requirements.txt constraints.txt pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else \
	  "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d: " \
	  "make clean-env, then make PYTHON=python3.13" % sys.version_info[:2])'
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

# Before minutes are spent: is there a way to a browser? Then: have one, and start it once.
way:
	@$(PYTHON) tools/browser.py --can

browser: $(READY)
	@$(BIN)/python tools/browser.py

# Two at a time, each on one core: small products gain little from a second one.
TWO := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: way browser $(HTML)  ## everything: the quick first, then the pages, then every notebook
	$(BIN)/python tools/check.py
	$(TWO) --nbval tests/browser chapters

check: $(READY)  ## the fast loop: lint, unit tests, structure; CHAPTER=02 for a chapter and its cells
	@$(BIN)/python tools/check.py $(CHAPTER)

new: $(READY)  ## begin a chapter, CHAPTER=08_mnist
	@$(BIN)/python tools/new.py $(CHAPTER)

test-offline: $(READY)  ## every notebook again, on the stand-ins for the data
	LSTM_DATA=none $(TWO) --nbval chapters

chapters: $(READY)  ## execute the sources that changed into notebooks; CHAPTER=02 for one
	$(BIN)/python tools/chapters.py $(CHAPTER)

serve: book  ## build the book and serve it on this machine, PORT=8000
	@echo "http://127.0.0.1:$(PORT)/   (end with Ctrl-C)"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

publish: browser  ## the site, a PDF, a zip, Colab's branch, for REPOSITORY=https://github.com/OWNER/NAME
	$(BIN)/python tools/publish.py $(REPOSITORY)

colab: $(READY)  ## reproduce Colab: its versions, each notebook alone; CHAPTER=02
	$(BIN)/python tools/colab.py $(CHAPTER)

gpu: $(READY)  ## every notebook and the benchmarks on a GPU; DEVICE=cpu rehearses it
	$(BIN)/python tools/gpu.py --device $(DEVICE) $(CHAPTER)

bench: $(READY)  ## measure speeds side by side, WHAT=fast, steps or reset; OUTPUT=file.json keeps them
	$(BIN)/python -m lstm bench $(WHAT) $(if $(OUTPUT),--output $(OUTPUT))

explore: $(READY)  ## new examples, and more, for the tests over drawn arguments
	$(BIN)/python -m pytest tests/package --hypothesis-profile=explore

study: $(READY)  ## measure what a study lacks, and keep it; NAME=recall
	$(BIN)/python -m lstm study $(NAME)

faults: $(READY)  ## plant faults in a copy of the package; which tests catch them?
	$(BIN)/python tools/faults.py

clean:  ## remove what was built; the environment stays
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

clean-env:  ## remove the environment
	rm -rf $(VENV)
