"""What it costs to begin anew in mid-batch: our layers, and the ways round torch's.

A pass is forward and backward. Those that are compared take turns, pass by pass: a
layer of ours without the argument, with a mask that is false everywhere, and with
resets, few and many; torch's layer without resets and by each way there is to have
them. What differs by hundredths is seen only if all meet the same moods of a machine.
"""

import json
import random
import statistics
import time
from dataclasses import replace
from operator import truediv

import torch
from torch import nn

from lstm import fast as quick
from lstm import layers, pieces
from lstm.bench import fast
from lstm.bench.contestants import one_pass
from lstm.bench.steps import RESULTS, SECONDS, TEXT, Task, check, machine, processor
from lstm.tables import Table
from lstm.training import progress

LAYERS = {
    "lstm.LSTM": layers.LSTM,
    "lstm.GRU": layers.GRU,
    "lstm.fast.LSTM": quick.LSTM,
    "lstm.fast.GRU": quick.GRU,
}
EVERY = 100, 20  # one step in so many begins anew
SHAPES = TEXT, Task(4, 280, 28, 256, "tokens/s")  # as many steps, in few long sequences
SIZES = TEXT.hidden_size, 16  # units of our layers: the usual, and those of chapter 15
COMMITTED = RESULTS / "reset/cpu-2-threads.json"


def passes(kind, shape=TEXT):
    """The passes of one layer.   ->   {what is given: function}"""
    torch.manual_seed(0)
    size = shape.length, shape.batch
    x = torch.randn(*size, shape.hidden_size, requires_grad=True)
    slope = torch.randn(*size, shape.hidden_size)
    layer = kind(shape.hidden_size, shape.hidden_size)
    masks = {"without": None, "none true": torch.zeros(size, dtype=torch.bool)}
    masks |= {f"one in {n}": torch.rand(size) < 1 / n for n in EVERY}
    leaves = [x, *layer.parameters()]
    return {
        name: one_pass(lambda x, m=mask: layer(x, None, m)[0], x, leaves, slope)
        for name, mask in masks.items()
    }


def ways(kind, shape=TEXT):
    """The passes of torch's layer: without resets, and by each way to have them.

    kind: "LSTM" or "GRU"; all have the same weights   ->   {way: function}
    """
    reset = mask(shape)
    x = torch.randn(*reset.shape, shape.hidden_size, requires_grad=True)
    slope = torch.randn_like(x)
    made = [
        getattr(module, kind)(shape.hidden_size, shape.hidden_size)
        for module in (nn, layers, quick)
    ]
    theirs, plain, fast_one = made
    for ours in made[1:]:
        ours.load_state_dict(theirs.state_dict())
    runs = {
        "without": (theirs, lambda x: theirs(x)[0]),
        "a call for each step": (theirs, lambda x: step_by_step(theirs, x, reset)),
        "in pieces": (theirs, lambda x: pieces.run(theirs, x, None, reset)[0]),
        "lstm": (plain, lambda x: plain(x, None, reset)[0]),
        "lstm.fast": (fast_one, lambda x: fast_one(x, None, reset)[0]),
    }
    made = {
        name: one_pass(run, x, [x, *layer.parameters()], slope)
        for name, (layer, run) in runs.items()
    }
    return made | {"without, oneDNN off": without_onednn(made["without"])}


def without_onednn(run):
    """A function that runs what another does, oneDNN switched off."""

    def plainly():
        before, torch.backends.mkldnn.enabled = torch.backends.mkldnn.enabled, False
        try:
            return run()
        finally:
            torch.backends.mkldnn.enabled = before

    return plainly


def mask(shape):
    """Where sequences begin anew in `ways`: at one step in 20.   ->   (L, N), bool"""
    torch.manual_seed(0)
    return torch.rand(shape.length, shape.batch) < 1 / EVERY[-1]


def step_by_step(layer, x, reset):
    """A call of torch's layer for each step, the state forgotten between two of them.

    x: (L, N, D)   reset: (L, N), bool   ->   (L, N, H)
    """
    state, outputs = None, []
    for step, begins in zip(x, reset, strict=True):
        if state is not None:
            begin = begins.nonzero()[:, 0]
            parts = state if isinstance(state, tuple) else (state,)
            parts = tuple(s.index_fill(1, begin, 0) for s in parts)
            state = parts if isinstance(state, tuple) else parts[0]
        output, state = layer(step[None], state)
        outputs.append(output)
    return torch.cat(outputs)


def measure(passes, rounds, seconds):
    """Time passes in turns.   ->   {name: {median, low, high, ratio}}

    seconds: the length of a round, for each of them; the first round warms up. Times
    are those of single passes, in milliseconds. The ratio is the median of the ratios
    to the first pass within a turn: what slows a machine for a while slows down both.
    """
    found, names = {name: [] for name in passes}, [*passes]
    order = random.Random(0)
    for n in range(rounds + 1):
        spent = 0.0
        while not spent or spent < seconds * len(passes):
            order.shuffle(names)  # nobody always follows the same
            for name in names:
                start = time.perf_counter()
                passes[name]()
                took = time.perf_counter() - start
                spent += took
                if n > 0:
                    found[name].append(1e3 * took)
    first = next(iter(found.values()))
    ratio = {
        name: statistics.median(map(truediv, values, first))
        for name, values in found.items()
    }
    return {k: fast.spread(v) | {"ratio": ratio[k]} for k, v in found.items()}


def run(rounds=9, seconds=SECONDS):
    """Measure on this machine's CPU; return machine, versions, date and all times."""
    check(rounds, seconds)
    told = machine(torch.device("cpu")) | {"processor": processor()}
    shape = vars(TEXT) | {"input_size": TEXT.hidden_size}
    report = {"machine": told, "rounds": rounds, "seconds": seconds}
    report |= {"shape": shape, "layers": {}, "ways": {}}
    compared = [
        (
            "layers",
            f"{name}, {size} units",
            passes(kind, replace(TEXT, hidden_size=size)),
        )
        for size in SIZES
        for name, kind in LAYERS.items()
    ]
    compared += [
        ("ways", f"{kind}, {s.batch} of {s.length}", ways(kind, s))
        for kind in ("LSTM", "GRU")
        for s in SHAPES
    ]
    for part, name, made in progress(compared, "bench"):
        report[part][name] = measure(made, rounds, seconds)
    return report


def committed():
    """The report that chapter 15 shows."""
    return json.loads(COMMITTED.read_text(encoding="utf-8"))


def ratios(report, part="layers"):
    """How often the time of the pass without.   ->   {name: {pass: ratio}}

    part: "layers", of ours what is given; or "ways", of torch's how it is done
    """
    return {
        name: {k: t["ratio"] for k, t in times.items()}
        for name, times in report[part].items()
    }


def table(report):
    """Our layers' ratios: a row for each of them."""
    found = ratios(report)
    head = "time of a pass; without = 1", *[*next(iter(found.values()))][1:]
    rows = [(k, *(f"{x:.2f}" for x in [*v.values()][1:])) for k, v in found.items()]
    return Table(head, rows)


def table_of_ways(report):
    """The ratios to torch's layer: a row for each way, a column for each shape."""
    found = ratios(report, "ways")
    names = [*next(iter(found.values()))][1:]
    rows = [(name, *(f"{v[name]:.2f}" for v in found.values())) for name in names]
    return Table(("time; nn's without = 1", *found), rows)
