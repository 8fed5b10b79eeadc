"""Plant one fault after another in a copy of the package; say which tests catch it.

A test suite is worth what it catches. The faults stand in tools/faults.txt; each is put
to the tests of its own module. Exits with 1 if a fault is caught by no test.
"""

import argparse
import contextlib
import gc
import io
import multiprocessing
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
COPIED = "lstm", "tests/package", "tests/conftest.py", "pyproject.toml", "conftest.py"
# the tests of lstm/models.py are test_models.py, and so on, but for
OTHER_TESTS = {
    "lstm/cells.py": ("test_cells.py", "test_layer_errors.py"),
    "lstm/checks.py": ("test_layer_errors.py", "test_shapes.py", "test_pieces.py"),
    **{
        f"lstm/fast/{name}": ("test_fast.py",)
        for name in (
            "through_time.py",
            "eager.py",
            "layers.py",
            "rungs.py",
            "operator.py",
            "operator.cpp",
        )
    },
    "lstm/bench/steps.py": ("test_bench.py",),
    "lstm/bench/limits.py": ("test_bench_fast.py",),
    "lstm/bench/contestants.py": ("test_bench_fast.py",),
    "lstm/bench/opponents.py": ("test_bench_fast.py",),
    "lstm/bench/apart.py": ("test_bench_fast.py",),
    "lstm/bench/reset.py": ("test_bench_reset.py",),
    "lstm/convert.py": ("test_convert.py", "test_convert_layouts.py"),
    "lstm/outside/graphs.py": ("test_outside.py",),
    "lstm/outside/onnx_file.py": ("test_outside.py",),
    "lstm/command/leave.py": ("test_command_leave.py",),
    "lstm/studies/exporting.py": ("test_studies_exporting.py",),
    "lstm/studies/running.py": ("test_studies.py",),
    "lstm/training/engine.py": ("test_training.py", "test_training_resume.py"),
    "lstm/training/state.py": ("test_training.py", "test_training_resume.py"),
    "lstm/training/casting.py": ("test_training.py",),
    "lstm/training/scoring.py": ("test_training.py",),
    "lstm/training/config.py": ("test_training.py", "test_training_files.py"),
    "lstm/training/checkpoints.py": ("test_training_files.py",),
    "lstm/training/keeping.py": ("test_training_files.py", "test_training_resume.py"),
    "lstm/training/history.py": ("test_training_resume.py",),
    "lstm/training/progress.py": ("test_training.py",),
    "lstm/runs/settings.py": ("test_command_train.py",),
    "lstm/runs/tasks.py": ("test_command_train.py",),
    "lstm/runs/folder.py": ("test_command_train.py",),
}
OPTIONS = (
    "-q --tb=no --assert=plain -o addopts=--import-mode=importlib -p no:cacheprovider "
    "-p _hypothesis_pytestplugin --hypothesis-profile=first"
)
AT_ONCE = 2
ALONE = {
    "LSTM_DATA": "none",  # no waiting for a network
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # notebooks and browsers are not needed
}
# imported once, before the processes part: not lstm, which each has its own copy of
IMPORTED = "torch", "pytest", "hypothesis", "matplotlib.pyplot", "requests", "pooch"
IMPORTED += "sklearn.datasets", "torch._dynamo"


@dataclass(frozen=True)
class Fault:
    """A piece of the package's text that stands there once, and what replaces it."""

    name: str
    file: str
    right: str
    wrong: str

    @property
    def tests(self):
        """The files, below tests/package, of the tests that it is put to."""
        module = self.file.removeprefix("lstm/").replace("/", "_")
        return OTHER_TESTS.get(self.file, (f"test_{module}",))


def read(text):
    """Return the faults that a text in the form of faults.txt lists."""
    faults, file = [], None
    _, *blocks = text.strip().split("\n\n")
    for block in blocks:
        name, *lines = block.splitlines()
        if not lines:
            file = name
            continue
        right, wrong = (
            "\n".join(line[2:] for line in lines if line.startswith(sign))
            for sign in "-+"
        )
        faults.append(Fault(name, file, right, wrong))
    return faults


FAULTS = read(Path(__file__).with_suffix(".txt").read_text(encoding="utf-8"))


def copy(folder):
    """Copy the package and its tests into a folder."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            left_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target, ignore=left_out)
        else:
            shutil.copy(source, target)


def plant(fault, folder):
    """Put a fault into the copy that a folder holds."""
    path = folder / fault.file
    text = path.read_text(encoding="utf-8")
    if (found := text.count(fault.right)) != 1:
        expected = f"{fault.name}: expected once in {fault.file}"
        raise ValueError(f"{expected}, got {found} times: {fault.right!r}")
    path.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")


class Failures:
    """A plugin of pytest: the names of the tests that fail."""

    def __init__(self):
        self.names = []

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.names.append(report.nodeid.removeprefix("tests/package/"))


def red(tests, fault=None):
    """Return the names of those of the tests that fail in a copy, fault and all.

    To be called in a process of its own, which has not imported the package yet.
    """
    gc.freeze()  # what is imported already need not be searched again and again
    torch.set_num_threads(1)
    os.environ |= ALONE
    failures, said = Failures(), io.StringIO()
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        copy(Path(name))
        if fault:
            plant(fault, Path(name))
        sys.path.insert(0, name)
        files = [f"tests/package/{file}" for file in tests]
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = pytest.main([*OPTIONS.split(), *files], plugins=[failures])
    if code not in (0, 1):
        what = fault.name if fault else "no fault"
        raise RuntimeError(f"{what}: the tests did not run\n{said.getvalue()}")
    return list(dict.fromkeys(failures.names))


def red_of(fault):
    """Return the names of a fault's own tests that fail with it."""
    return red(fault.tests, fault)


def processes():
    """A pool of processes that do one job each.

    Where the system can fork they are copies of one that has done the imports.
    """
    method = "forkserver" if hasattr(os, "fork") else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(list(IMPORTED))
    return context.Pool(AT_ONCE, maxtasksperchild=1)


def main(argv=None):
    from lstm.tables import Table  # the processes import this file, not the package

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    text = "only faults in files whose path holds one of these, as lstm/fast"
    parser.add_argument("where", nargs="*", help=text)
    where = parser.parse_args(argv).where or [""]
    chosen = [f for f in FAULTS if any(part in f.file for part in where)]
    if not chosen:
        sys.exit(f"error: no fault stands in {' or '.join(where)}")
    files = sorted({file for fault in chosen for file in fault.tests})
    rows, escaped = [], []
    with processes() as pool:
        print("0 the copy without a fault …", flush=True)
        parts = pool.map(
            red, [files[n::AT_ONCE] for n in range(min(AT_ONCE, len(files)))]
        )
        if wrong := [test for part in parts for test in part]:
            sys.exit(f"without any fault these tests are red: {', '.join(wrong)}")
        found = zip(chosen, pool.imap(red_of, chosen), strict=True)
        for n, (fault, tests) in enumerate(found, start=1):
            print(f"{n}/{len(chosen)} {fault.file}: {fault.name}", flush=True)
            first = tests[0] if tests else "NOT CAUGHT"
            rows.append((fault.file, fault.name, len(tests), first))
            escaped += [] if tests else [fault.name]
    print(Table(("file", "fault", "tests red", "the first of them"), rows))
    sys.exit(f"{len(escaped)} faults were caught by no test" if escaped else 0)


if __name__ == "__main__":
    main()
