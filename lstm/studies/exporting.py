"""What of torch's layers exports to ONNX, runs in ONNX Runtime, and gives the same.

Each case is a layer and what the file should leave free; each way is an exporter. torch
has two, the one of torch.export (dynamo=True, the default since 2.9) and TorchScript's
(dynamo=False, deprecated). Beside them our layer by the first, and our `export_onnx`.
"""

import importlib
import itertools
import logging
import os
import sys
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from lstm import layers as ours
from lstm.outside import call, export_onnx, missing, session

LENGTH, BATCH, INPUTS, UNITS = 3, 2, 3, 5
CLOSE = 1e-6  # the same, in 32 bits
CASES = {  # a layer, and which axis is to be free: of the time (0) or the batch (1)
    "LSTM": ("LSTM", {}, None),
    "GRU": ("GRU", {}, None),
    "two layers": ("LSTM", {"num_layers": 2}, None),
    "two directions": ("LSTM", {"bidirectional": True}, None),
    "projection": ("LSTM", {"proj_size": 2}, None),
    "one step": ("LSTM", {}, None),
    "any batch": ("LSTM", {}, 1),
    "any length": ("LSTM", {}, 0),
    "any length, GRU": ("GRU", {}, 0),
    "any length, two layers": ("LSTM", {"num_layers": 2}, 0),
}
WAYS = {  # whose layer, and which exporter
    "torch's, dynamo": (nn, True),
    "torch's, TorchScript": (nn, False),
    "ours, dynamo": (ours, True),
    "ours, TorchScript": (ours, False),
    "export_onnx": (nn, None),
}
NEEDED = "onnx", "onnxscript", "onnxruntime"
OUTCOMES = {  # in words, best first
    "same": "the same within 1e-6",
    "other": "runs, and is not the same",
    "fails": "is written, then fails",
    "refused": "is not written",
}


def points():
    """Every case by every way."""
    pairs = itertools.product(CASES, WAYS)
    return [{"case": case, "way": way} for case, way in pairs]


def measure(case, way):
    """Export one layer in one way, and run the file at the sizes that it should take.

    ->   {"outcome": a key of OUTCOMES, "why": what the error says, or "", "nodes": of
    the graph, or None, "apart": the largest difference from torch, or None, and the
    "versions" of what took part}
    Raises ModuleNotFoundError without what is NEEDED.
    """
    if lacking := missing(NEEDED):
        raise ModuleNotFoundError(f"the study of exporters needs {', '.join(lacking)}")
    kind, arguments, free = CASES[case]
    home, dynamo = WAYS[way]
    length = 1 if case == "one step" else LENGTH
    torch.manual_seed(0)
    layer = getattr(home, kind)(INPUTS, UNITS, **arguments).eval()
    with tempfile.TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "layer.onnx"
        row = attempt(layer, path, dynamo, free, length)
    return row | {"versions": versions()}


def attempt(layer, path, dynamo, free, length):
    """What comes of an export to a path, and of running what was written."""
    row = {"outcome": "refused", "why": "", "nodes": None, "apart": None}
    try:
        if dynamo is None:
            export_onnx(layer, path)
        else:
            export(layer, path, dynamo, free, length)
    except Exception as error:  # of whatever kind: that is what is studied
        return row | {"why": first_line(error)}
    row |= {"outcome": "fails", "nodes": count(path)}
    try:
        running = session(path)
        found = [difference(layer, running, *size) for size in sizes(free, length)]
    except Exception as error:
        return row | {"why": first_line(error)}
    apart = max(found)
    return row | {"outcome": "same" if apart < CLOSE else "other", "apart": apart}


def export(layer, path, dynamo, free, length):
    """By one of torch's exporters, with the state going in, one axis free or none."""
    x, state = drawn(layer, length, BATCH)
    names = ["x", "h", "c"][: 1 + len(state)]
    ends = ["output", "h_n", "c_n"][: 1 + len(state)]
    options = {"input_names": names, "output_names": ends, "dynamo": dynamo}
    if dynamo:
        axis = {0: torch.export.Dim("length"), 1: torch.export.Dim("batch")}
        of_x = {free: axis[free]} if free is not None else {}
        of_h = {1: axis[1]} if free == 1 else {}
        options["dynamic_shapes"] = (of_x, given((of_h,) * len(state)))
        options["verbose"] = False
    elif free is not None:
        moving = names + ends if free == 1 else ["x", "output"]
        options["dynamic_axes"] = {name: {free: "free"} for name in moving}
    torch.onnx.export(layer, (x, given(state)), path, **options)


def sizes(free, length):
    """The lengths and batches that a file is run at: the one it was made at, others."""
    if free is None:
        return [(length, BATCH)]
    others = (length + 4, 1)
    pairs = [(n, BATCH) if free == 0 else (length, n) for n in others]
    return [(length, BATCH), *pairs]


def drawn(layer, length, batch):
    """An input (length, batch, D) and a state, a tuple."""
    K = layer.num_layers * (2 if layer.bidirectional else 1)
    shown = getattr(layer, "proj_size", 0) or UNITS
    state = [torch.randn(K, batch, shown)]
    if layer.mode == "LSTM":
        state.append(torch.randn(K, batch, UNITS))
    return torch.randn(length, batch, INPUTS), tuple(state)


def given(state):
    """A state as the layer takes it: a GRU's alone."""
    return state if len(state) == 2 else state[0]


@torch.no_grad()
def difference(layer, running, length, batch):
    """How far a file is from its layer; infinite, if the shapes are others."""
    x, state = drawn(layer, length, batch)
    output, last = layer(x, given(state))
    wanted = [output, *(last if isinstance(last, tuple) else (last,))]
    found = call(running, x, *state)
    if [f.shape for f in found] != [w.shape for w in wanted]:
        return float("inf")
    return max((f - w).abs().max().item() for f, w in zip(found, wanted, strict=True))


def count(path):
    """How many nodes a file's graph has."""
    import onnx

    return len(onnx.load(path).graph.node)


def first_line(error):
    """An error's kind and the beginning of what it says."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said[:160]}"


def versions():
    """Of torch and of what else takes part."""
    modules = ("torch", *NEEDED)
    return {name: importlib.import_module(name).__version__ for name in modules}


@contextmanager
def quiet():
    """Nothing is said by Python, by its logs, or below Python: exporters say a lot."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(n) for n in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    logging.disable(logging.CRITICAL)
    out, err = sys.stdout, sys.stderr
    try:
        with warnings.catch_warnings(), open(os.devnull, "w") as sink:
            warnings.simplefilter("ignore")
            sys.stdout = sys.stderr = sink
            for n in (1, 2):
                os.dup2(nowhere, n)
            yield
    finally:
        sys.stdout, sys.stderr = out, err
        for n, old in zip((1, 2), kept, strict=True):
            os.dup2(old, n)
            os.close(old)
        os.close(nowhere)
        logging.disable(logging.NOTSET)
