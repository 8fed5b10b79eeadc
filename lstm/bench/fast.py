"""From the notes' loop to beyond nn.LSTM: every rung and every opponent, side by side.

N batch   L sequence length   D input size   H hidden size

Two figures, never mixed: a layer's forward and backward pass, and whole training steps.
Before layers are timed, all have to agree in outputs and every gradient; `curves` of
the contestants gives the losses of a training, which chapter 11 compares. In each round
all take turns; told is the median, and where the middle half of the rounds lay.
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
from lstm.bench.steps import RESULTS, TEXT, check, machine
from lstm.tables import Table
from lstm.training import progress

SIZES = {  # what is changed of TEXT, to see how the cost grows
    "length": (8, 35, 256, 1024),
    "batch": (1, 32, 256),
    "hidden_size": (128, 256, 512, 1024),
}
PARTS = "layer", "tokens", "GRU", "step", "one step", "sequence", "growth", "machine"


def run(rounds=9, seconds=0.2, parts=PARTS, limit=60):
    """Measure on this machine's CPU; return machine, versions, date and all times.

    limit: seconds that `torch.compile` may take for a whole layer
    """
    check(rounds, seconds)
    times = functools.partial(measure, rounds=rounds, seconds=seconds)
    report = {"machine": machine(torch.device("cpu")), "rounds": rounds}
    report |= {"seconds": seconds, "shape": vars(TEXT), "parts": {}}
    make = {
        "layer": lambda: times(who.agreeing(who.layer_passes())),
        "tokens": lambda: times(who.agreeing(who.token_passes())),
        "GRU": lambda: times(who.agreeing(who.gru_passes())),
        "step": lambda: times(who.training_steps()),
        "one step": lambda: alone(times, who.streaming()),
        "sequence": lambda: times(who.sequences()),
        "growth": lambda: growth(times),
        "machine": lambda: limits(limit),
    }
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
    for name in (part for part in PARTS[:-2] if part in report["parts"]):
        times = report["parts"][name]
        yield Table((name, "ms", "middle half", "times as fast"), rows(times))
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


def operations(shape=TEXT):
    """Multiplications and additions of a forward and backward pass of an LSTM layer.

    Each weight takes part three times for each vector: in the sums, in its own
    gradient, and, but those of the input, in the gradient of the state before.
    """
    D, H = shape.input_size, shape.hidden_size
    return 2 * 4 * H * (2 * (D + H) + H) * shape.length * shape.batch


def product_rate(size=1024, repeats=20):
    """Operations a second in the product of two square matrices: the best of some."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ b
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def limits(limit):
    """The time that the arithmetic takes; memory; what `torch.compile` makes of it."""
    rate = product_rate()
    return {
        "operations": operations(),
        "operations a second": rate,
        "floor": 1e3 * operations() / rate,  # milliseconds
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
