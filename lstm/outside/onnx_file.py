"""A layer, or a model of symbols, as an ONNX file that was seen to compute the same.

L sequence length   N batch   D input size   H hidden size   C number of classes
K num_layers * directions
"""

import copy
import os
from importlib.util import find_spec
from pathlib import Path

import torch

from lstm.atomic import replacing
from lstm.models import run
from lstm.outside.graphs import graph, parts

NEEDED = "onnx", "onnxruntime"
CLOSE = 1e-5  # how far the file may be from the model, relative to its largest number
PASSAGE = 9  # steps that are compared before one more, with the state carried on
MOST = 64  # sequences that are compared at once


def missing(names=NEEDED):
    """Which of these packages are not installed; by default, what an export needs."""
    return [name for name in names if find_spec(name) is None]


def export_onnx(model, path, half=False, about=None):
    """Write a layer, or a model of symbols, to an ONNX file that computes the same.

    model: an LSTM, GRU or RNN of tanh, torch's or ours: the file takes x (L, N, D). Or
    a `SequenceTagger`, `LanguageModel`, `ScratchModel`: symbols (L, N), int64. Besides,
    both take the state, h_0 (K, N, H), and of an LSTM c_0, and give output
    (L, N, directions * H) or scores (L, N, C), and h_n (and c_n), for every L and N,
    whatever the layer's own `batch_first` says, and without dropout.
    half: keep the weights in 16 bits; what is computed is in 32
    about: {name: text} that the file is to keep, its vocabulary for one
    ->   the largest difference between the file in ONNX Runtime and the model, whose
    weights are rounded to 16 bits if half; over all symbols, if they are 576 at most
    The file is written whole or not at all.
    Raises TypeError for another kind of model, or an `about` that is not of texts;
    ValueError for a projection, which ONNX's node does not have, and for weights beyond
    65,504 if half; OSError where nothing can be written; ModuleNotFoundError without
    onnx and onnxruntime; FloatingPointError if the file computes anything else.
    """
    if lacking := missing():
        raise ModuleNotFoundError(
            f"to export, install what is missing: pip install {' '.join(lacking)}"
        )
    path, about = writable(path), texts({} if about is None else about)
    sizes, weights, *_ = parts(model)  # what cannot be exported is not copied first
    model = rounded(model, half)
    with replacing(path) as partial:
        made = graph(model, half)
        for name, text in about.items():
            made.metadata_props.add(key=name, value=text)
        partial.write_bytes(made.SerializeToString())
        return compared(model, sizes, weights["weight_ih_l0"].shape[1], partial)


def writable(path):
    """The path, if a file may come to be there; else an OSError that says why not."""
    path = Path(path).expanduser()
    if path.is_dir():
        raise IsADirectoryError(
            f"cannot write {path}: it is a folder: name a file in it"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: {path.parent} is no folder")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(
            f"cannot write {path}: {path.parent} may not be written to"
        )
    return path


def texts(about):
    """What is said about a file, if it is texts by name; else a TypeError."""
    if not isinstance(about, dict):
        raise TypeError(f"about must be {{name: text}}, got {type(about).__name__}")
    for name, text in about.items():
        if not (isinstance(name, str) and isinstance(text, str)):
            given = f"{name!r}: {type(text).__name__}"
            raise TypeError(f"about must be {{name: text}}, both str, got {given}")
    return about


def rounded(model, half):
    """A copy on the CPU, in eval mode, in 32 bits, rounded to 16 if half."""
    model = copy.deepcopy(model).cpu().float().eval()
    for name, p in model.named_parameters() if half else ():
        p.data = p.data.half().float()
        if not p.isfinite().all():
            raise ValueError(f"{name} holds numbers beyond 65,504, the most in 16 bits")
    return model


@torch.no_grad()
def compared(model, sizes, size, path):
    """How far a file is from its model over a passage and, from there on, a step.

    Raises FloatingPointError if that is more than CLOSE.
    """
    mode, layers, directions = sizes
    running, whole, draws = session(path), 0.0, torch.Generator().manual_seed(0)
    steps = drawn(running, size, draws)
    zeros = torch.zeros(layers * directions, steps.shape[1], described(running, 1)[2])
    state = [zeros] * (2 if mode == "LSTM" else 1)
    for x in (steps[:-1], steps[-1:]):
        wanted, new = forward(model, x, state)
        results = call(running, x, *state)
        for got, want in zip(results, [wanted, *new], strict=True):
            apart = (got - want).abs().max().item()
            if not apart <= CLOSE * max(1.0, want.abs().max().item()):
                raise FloatingPointError(
                    f"the ONNX file is {apart:.1e} away from the model after {len(x)} "
                    "steps; nothing was written"
                )
            whole = max(whole, apart)
        state = results[1:]
    return whole


def described(running, n):
    """The shape of a file's input, letters for what is free."""
    return running.get_inputs()[n].shape


def drawn(running, size, draws):
    """What a file takes, PASSAGE + 1 steps: vectors (L, 2, size), or symbols (L, N).

    The first PASSAGE steps hold every symbol, or as many different ones as have room.
    """
    if len(described(running, 0)) == 3:
        return torch.randn(PASSAGE + 1, 2, size, generator=draws)
    batch = min(max(2, -(-size // PASSAGE)), MOST)
    places = (PASSAGE + 1) * batch
    order = torch.randperm(max(size, PASSAGE * batch), generator=draws)
    return order.repeat(2)[:places].view(-1, batch) % size


def forward(model, x, state):
    """The model itself: as the file takes and gives things."""
    hx = tuple(state) if len(state) == 2 else state[0]
    if x.is_floating_point():
        x = x.transpose(0, 1)  # batches first
        result, new = run(model, x, hx)
    else:
        result, new = model.step(x.T, hx)
    return result.transpose(0, 1), list(new) if isinstance(new, tuple) else [new]


def session(path):
    """A file in ONNX Runtime, on the CPU, on as many threads as torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised, and need not be printed
    options.intra_op_num_threads = torch.get_num_threads()
    # or its threads, waiting, take the cores from whoever is next
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(os.fspath(path), options, providers=providers)


def call(running, *tensors):
    """Tensors, in the order of the file's inputs   ->   its results, as tensors"""
    names = [described.name for described in running.get_inputs()]
    named = {n: t.numpy() for n, t in zip(names, tensors, strict=True)}
    return [torch.from_numpy(array) for array in running.run(None, named)]
