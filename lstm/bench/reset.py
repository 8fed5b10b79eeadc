"""What it costs a layer to begin anew in mid-batch, beside the same layer without.

A pass is forward and backward. Those of a layer take turns, pass by pass: without the
argument, with a mask that is false everywhere, and with resets, few and many. What
differs by hundredths is seen only if all of them meet the same moods of a machine.
"""

import json
import time

import torch

from lstm import fast as quick
from lstm import layers
from lstm.bench import fast
from lstm.bench.contestants import one_pass
from lstm.bench.steps import RESULTS, SECONDS, TEXT, check, machine, processor
from lstm.tables import Table
from lstm.training import progress

LAYERS = {
    "lstm.LSTM": layers.LSTM,
    "lstm.GRU": layers.GRU,
    "lstm.fast.LSTM": quick.LSTM,
    "lstm.fast.GRU": quick.GRU,
}
EVERY = 100, 20  # one step in so many begins anew
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
    report |= {"shape": shape, "layers": {}}
    for name in progress([*LAYERS], "bench"):
        times = measure(passes(LAYERS[name]), rounds, seconds)
        report["layers"][name] = times
    return report


def committed():
    """The report that chapter 15 shows."""
    return json.loads(COMMITTED.read_text(encoding="utf-8"))


def ratios(report):
    """How often the time of the pass without.   ->   {layer: {what is given: ratio}}"""
    return {
        name: {k: t["median"] / times["without"]["median"] for k, t in times.items()}
        for name, times in report["layers"].items()
    }


def table(report):
    """The ratios, layer by layer."""
    found = ratios(report)
    head = "time of a pass; without the argument = 1", *next(iter(found.values()))
    rows = [(k, *(f"{x:.2f}" for x in v.values())) for k, v in found.items()]
    return Table(head, rows)
