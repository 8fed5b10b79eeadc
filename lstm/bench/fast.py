"""From the notes' loop to beyond nn.LSTM: every rung and every opponent, side by side.

N batch   L sequence length   D input size   H hidden size

Two figures, never mixed: a layer's forward and backward pass, and whole training steps.
Before anything is timed, all layers have to agree in outputs and every gradient, and
torch's and the fast one in 100 losses of a training. In each round all take turns; told
is the median, and where the middle half of the rounds lay.
"""

import functools
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import torch

from lstm.bench import contestants as who
from lstm.bench import limits
from lstm.bench.steps import RESULTS, SECONDS, TEXT, check, machine, processor
from lstm.tables import Table
from lstm.training import progress

SIZES = {  # what is changed of TEXT, to see how the cost grows
    "length": (8, 35, 256, 1024),
    "batch": (1, 32, 256),
    "hidden_size": (128, 256, 512, 1024),
}
TIMED = "layer", "ways", "tokens", "GRU", "step", "one step", "sequence"
PARTS = *TIMED, "profile", "growth", "roofline", "machine"


def run(rounds=9, seconds=SECONDS, parts=PARTS, limit=60):
    """Measure on this machine's CPU; return machine, versions, date and all times.

    limit: seconds that `torch.compile` may take for a whole layer
    """
    check(rounds, seconds)
    times = functools.partial(measure, rounds=rounds, seconds=seconds)
    told = machine(torch.device("cpu")) | {"processor": processor()}
    report = {"machine": told, "rounds": rounds}
    report |= {"seconds": seconds, "shape": vars(TEXT), "parts": {}}
    make = {
        "layer": lambda: times(who.agreeing(who.layer_passes())),
        "tokens": lambda: times(who.agreeing(who.token_passes())),
        "GRU": lambda: times(who.agreeing(who.gru_passes())),
        "ways": lambda: times(who.agreeing(limits.ways())),
        "step": lambda: times(who.training_steps()),
        "one step": lambda: alone(times, who.streaming()),
        "sequence": lambda: times(who.sequences()),
        "profile": lambda: limits.shares(profiled()),
        "growth": lambda: growth(times),
        "roofline": lambda: limits.roofline(times),
        "machine": lambda: machine_limits(limit),
    }
    if "step" in parts:
        same_losses(who.curves())
    for part in progress([*parts], "bench"):
        report["parts"][part] = make[part]()
    return report


def measure(contestants, rounds, seconds):
    """Time functions in turns.   ->   {name: {median, low, high}} in milliseconds"""
    found = {name: [] for name in contestants}
    for n in range(rounds + 1):
        for name, function in contestants.items():
            count, start = 0, time.perf_counter()
            while (spent := time.perf_counter() - start) < seconds or not count:
                function()
                count += 1
            if n:  # the first round warms up
                found[name].append(1e3 * spent / count)
    return {name: spread(values) for name, values in found.items()}


def spread(values):
    """The median and the middle half of some values."""
    low, median, high = (
        statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    )
    return {"median": median, "low": low, "high": high}


def same_losses(curves):
    """Raise AssertionError unless trainings have the same losses, in float64."""
    first, *others = curves.values()
    apart = max(abs(a - b) for c in others for a, b in zip(c, first, strict=True))
    if not apart < 1e-9:
        raise AssertionError(f"the losses of {[*curves]} are {apart:.1e} apart")


def profiled():
    """The passes of which chapter 11 shows where their time goes."""
    names = "gate by gate", "stacked", "hoisted", "by hand", "by operator"
    passes = who.layer_passes()
    return {name: passes[name] for name in names if name in passes}


def alone(times, contestants):
    """Time on one thread."""
    with threads(1):
        return times(contestants)


@contextmanager
def threads(count):
    """Compute on so many threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# what is shown

COMMITTED = RESULTS / "fast/cpu-2-threads.json"


def committed():
    """The report that chapter 11 shows."""
    return json.loads(COMMITTED.read_text(encoding="utf-8"))


def tables(report):
    """A table for each part: milliseconds, the middle half, the ratio to the first."""
    for name in (part for part in TIMED if part in report["parts"]):
        times = report["parts"][name]
        yield Table((name, "ms", "middle half", "times as fast"), rows(times))
    if shares := report["parts"].get("profile"):
        first = next(iter(shares.values()))
        rows_ = [(k, *(f"{t:.1f}" for t in v.values())) for k, v in shares.items()]
        yield Table(("where the time goes, ms", *first), rows_)
    if roofs := report["parts"].get("roofline"):
        points = {k: dict(map(tuple, v)) for k, v in roofs["points"].items()}
        batches = next(iter(points.values()))
        rows_ = [(n, *(f"{p[n] / 1e9:.0f}" for p in points.values())) for n in batches]
        yield Table(("batch; 10^9 operations a second", *points), rows_)
    for row in report["parts"].get("growth", []):
        yield Table((f"{row['size']} {row['value']}", "ms", "", ""), rows(row["times"]))
    if machine := report["parts"].get("machine"):
        memory = machine["memory"].items()
        rate = machine["operations a second"] / 1e9
        facts = [
            ("products, in 10^9 operations a second", f"{rate:.0f}"),
            ("the layer's arithmetic at that rate, ms", f"{machine['floor']:.1f}"),
            *(
                (f"peak memory of {k}, MB", f"{v:.0f}")
                for k, v in memory
                if v is not None
            ),
            *(
                (f"torch.compile of {k}", told(v))
                for k, v in machine["compiled"].items()
            ),
        ]
        yield Table(("machine", ""), facts)


def rows(times):
    """Who, milliseconds, the middle half of the rounds, and how often as fast."""
    first = next(iter(times.values()))["median"]
    for name, t in times.items():
        half = f"{t['low']:.3g} to {t['high']:.3g}"
        yield name, f"{t['median']:.3g}", half, f"{first / t['median']:.2f}"


def told(found):
    """What became of compiling a layer whole."""
    if found is None:
        return "not in the time allowed"
    (_, torchs), (_, own) = found["times"].items()
    ratio = torchs["median"] / own["median"]
    return f"{found['seconds']:.0f} s; then {ratio:.2f} times as fast as nn.LSTM"


# what the machine can do


def growth(times):
    """How the pass of a layer grows with each size, torch's beside the fast one."""
    kinds = {name: who.LSTMS[name] for name in ("torch.nn.LSTM", "lstm.fast.LSTM")}
    rows = []
    for name, values in SIZES.items():
        for value in values:
            shape = replace(TEXT, **{name: value})
            passes = who.agreeing(who.layer_passes(shape, kinds, ladder=False))
            rows.append({"size": name, "value": value, "times": times(passes)})
    return rows


def machine_limits(limit):
    """The time that the arithmetic takes; memory; what `torch.compile` makes of it."""
    rate, count = limits.product_rate(), limits.operations()
    return {
        "operations": count,
        "operations a second": rate,
        "floor": 1e3 * count / rate,  # milliseconds
        "memory": {name: apart("memory", name) for name in who.LSTMS},
        "compiled": {name: apart("compiled", name, limit) for name in who.PLAIN},
    }


def apart(what, name, limit=None):
    """What `lstm.bench.apart` measures in a process of its own; None: not in time."""
    command = [sys.executable, "-m", "lstm.bench.apart", what, name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    try:
        printed, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)  # with those that compile for it
        process.kill()
        process.communicate()
        return None
    return json.loads(printed)
