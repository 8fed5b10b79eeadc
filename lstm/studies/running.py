"""Studies: measurements too long for a chapter, kept with their command and date.

A study is a module with a docstring that says what it measures, `points()`, a list of
settings (dicts of plain values), and `measure(**point)`, which measures at one of them
and returns plain values. `run` measures the points that a file lacks, side by side,
each on one thread, and writes as it goes: a study that was stopped goes on where it
was.

    python -m lstm study recall          what lies in lstm/results/studies/recall.json
"""

import importlib
import json
import multiprocessing
import os
import time
from pathlib import Path

import torch

from lstm import bench
from lstm.training import progress

NAMES = (
    "recall",
    "forget",
    "start",
    "digits",
    "gated",
    "roads",
    "mnist",
    "perplexity",
    "inside",
    "exporting",
    "forecast",
)
RESULTS = Path(__file__).resolve().parents[1] / "results/studies"
EVERY = 10  # seconds, after which the file is written


def study(name):
    """The module of a study; raises ValueError for a name that is none."""
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise ValueError(f"unknown study {name!r}: expected one of {known}")
    return importlib.import_module(f"lstm.studies.{name}")


def load(name):
    """The rows of a committed study: each a point with what was measured there."""
    return _read(name)["rows"]


def about(name):
    """Where and when a committed study was measured, in a sentence."""
    machine = _read(name)["machine"]
    where = f"{machine['device']}, torch {machine['torch']}"
    return f"python -m lstm study {name}; {where}, {machine['date']}"


def select(rows, **wanted):
    """The rows in which every name has the value that is wanted."""
    return [r for r in rows if all(r[name] == value for name, value in wanted.items())]


def run(name, processes=None, output=None, again=False):
    """Measure what a study's file lacks, or all `again`; returns the path.

    processes: how many points at a time; default: one for each core
    Raises ValueError for an unknown name, or fewer than one process.
    """
    if processes is not None and processes < 1:
        raise ValueError(f"processes must be at least 1, got {processes}")
    module = study(name)
    path = Path(output) if output else RESULTS / f"{name}.json"
    points, rows = module.points(), {}
    if path.exists() and not again:
        old = json.loads(path.read_text(encoding="utf-8"))["rows"]
        rows = {_key(row, points[0]): row for row in old}
    missing = [p for p in points if _key(p, p) not in rows]
    if not missing and len(rows) == len(points):
        return path  # whole: its machine and date stay those of the measurement
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes or os.cpu_count(), _one_thread) as pool:
        jobs = [(name, point) for point in missing]
        finished = pool.imap_unordered(_measure, jobs)
        written = time.monotonic()
        for row in progress(finished, name, len(missing)):
            rows[_key(row, points[0])] = row
            if time.monotonic() - written > EVERY:
                _write(path, name, points, rows)
                written = time.monotonic()
    _write(path, name, points, rows)
    return path


def _measure(job):
    name, point = job
    return point | study(name).measure(**point)


def _one_thread():
    torch.set_num_threads(1)


def _key(row, point):
    return tuple(row[name] for name in point)


def _read(name):
    study(name)
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path, name, points, rows):
    keys = [_key(p, p) for p in points]
    machine = bench.machine(torch.device("cpu")) | {"device": "cpu, 1 thread a point"}
    report = {
        "study": name,
        "command": f"python -m lstm study {name}",
        "machine": machine,
        "rows": [rows[key] for key in keys if key in rows],
    }
    bench.save(report, path)
