"""The fast loop: lint, unit tests and structure; no browser and no training.

With chapters: lint, the book's structure, and in place of unit tests their notebooks,
whose outputs are compared.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import notebooks

ROOT = Path(__file__).resolve().parents[1]
STRUCTURE, UNITS = "tests/book", ("tests/package", "tests/tools")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapter", nargs="*", help="as 2 or 02_scratch; default: none")
    args = parser.parse_args(argv)
    chosen = []
    if args.chapter:
        try:
            chosen = notebooks.chosen(notebooks.files(ROOT), args.chapter)
        except ValueError as error:
            sys.exit(f"error: {error}; a new one needs `make chapters` first")
    run(["ruff", "check", "."])
    run(["ruff", "format", "--check", "."])
    # two processes, each of one thread: small tensors gain nothing from more
    tests = ["pytest", "-q", "-n", "2", STRUCTURE]
    if chosen:  # a notebook's cells belong to one process
        tests += ["--nbval", "--dist", "loadfile", "--no-loadscope-reorder"]
        tests += map(str, chosen)
    else:
        tests += ["--dist", "worksteal", *UNITS]
    run(tests, OMP_NUM_THREADS="1")


def run(command, **settings):
    """Run a module of this Python; what fails ends the loop."""
    command = [sys.executable, "-m", *command]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | settings)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
