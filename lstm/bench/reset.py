"""What it costs to begin anew in mid-batch: our layers, and the ways round torch's.

A pass is forward and backward. Those that are compared take turns, pass by pass: a
layer of ours without the argument, with a mask that is false everywhere, and with
resets, few and many; torch's layer without resets and by each way there is to have
them. What differs by hundredths is seen only if all meet the same moods of a machine.
"""

import json
import time

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
    torch.manual_seed(0)
    size = shape.length, shape.batch
    x = torch.randn(*size, shape.hidden_size, requires_grad=True)
    slope, reset = torch.randn_like(x), torch.rand(size) < 1 / EVERY[-1]
    made = [
        getattr(module, kind)(shape.hidden_size, shape.hidden_size)
        for module in (nn, layers, quick)
    ]
    theirs, plain, fast_one = made
    for ours in made[1:]:
        ours.load_state_dict(theirs.state_dict())
    runs = {
        "without": (theirs, lambda x: theirs(x)[0]),
        "a call a step": (theirs, lambda x: step_by_step(theirs, x, reset)),
        "pieces": (theirs, lambda x: pieces.run(theirs, x, None, reset)[0]),
        "lstm": (plain, lambda x: plain(x, None, reset)[0]),
        "lstm.fast": (fast_one, lambda x: fast_one(x, None, reset)[0]),
    }
    return {
        name: one_pass(run, x, [x, *layer.parameters()], slope)
        for name, (layer, run) in runs.items()
    }


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
    """Time passes in turns.   ->   {name: {median, low, high}} in milliseconds

    seconds: the length of a round, for each of them; the first round warms up
    """
    found = {name: [] for name in passes}
    for n in range(rounds + 1):
        spent, turns = dict.fromkeys(passes, 0.0), 0
        while not turns or sum(spent.values()) < seconds * len(passes):
            turns += 1
            for name, one in passes.items():
                start = time.perf_counter()
                one()
                spent[name] += time.perf_counter() - start
        for name in passes if n else ():
            found[name].append(1e3 * spent[name] / turns)
    return {name: fast.spread(values) for name, values in found.items()}


def run(rounds=9, seconds=SECONDS):
    """Measure on this machine's CPU; return machine, versions, date and all times."""
    check(rounds, seconds)
    told = machine(torch.device("cpu")) | {"processor": processor()}
    shape = vars(TEXT) | {"input_size": TEXT.hidden_size}
    report = {"machine": told, "rounds": rounds, "seconds": seconds}
    report |= {"shape": shape, "layers": {}, "ways": {}}
    compared = [("layers", name, passes(kind)) for name, kind in LAYERS.items()]
    compared += [
        ("ways", f"nn.{kind}, {s.batch} of {s.length} steps", ways(kind, s))
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
        name: {k: t["median"] / times["without"]["median"] for k, t in times.items()}
        for name, times in report[part].items()
    }


def table(report, part="layers"):
    """The ratios of a part, row by row."""
    found = ratios(report, part)
    head = "time of a pass; without = 1", *[*next(iter(found.values()))][1:]
    rows = [(k, *(f"{x:.2f}" for x in [*v.values()][1:])) for k, v in found.items()]
    return Table(head, rows)
