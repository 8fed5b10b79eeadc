"""How far the package is from torch: its layers' numbers, and the shapes it announces.

N batch   L sequence length   D input size   H hidden size   P projection size
K num_layers x directions
"""

import math
from itertools import product

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from lstm import shapes
from lstm.cells import GRUCell, LSTMCell
from lstm.devices import pick_device
from lstm.layers import GRU, LSTM
from lstm.tables import Table
from lstm.training import progress

OURS = {"LSTM": LSTM, "GRU": GRU, "LSTMCell": LSTMCell, "GRUCell": GRUCell}
FORMS = "unbatched", "batched", "batch first", "packed", "packed, unsorted"
D, H, P, L, N = 3, 5, 2, 6, 4
BOUND = 1e-12  # rounding in float64, of sums of some dozens of terms of size 1


def combinations(dropout=0.5):
    """Yield (kind, arguments) for every combination of arguments that is compared."""
    layers = product(("LSTM", "GRU"), (1, 3), (False, True), (True, False))
    for kind, k, two, bias in layers:
        for p, size in product((0.0, dropout)[:k], (0, P) if kind == "LSTM" else (0,)):
            arguments = {"num_layers": k, "bidirectional": two, "bias": bias}
            projection = {"proj_size": size} if size else {}
            yield kind, arguments | {"dropout": p} | projection
    for kind, bias in product(("LSTMCell", "GRUCell"), (True, False)):
        yield kind, {"bias": bias}


def pair(kind, arguments, device="cpu"):
    """Return our layer and torch's, of the same weights, in float64, to be trained."""
    theirs = getattr(nn, kind)(D, H, **arguments).to(device, torch.float64)
    ours = OURS[kind](D, H, **arguments).to(device, torch.float64)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def difference(ours, theirs, form, with_state):
    """Return the largest absolute difference over output, last state and all gradients.

    form: one of FORMS   with_state: give a random first state, or none
    """
    results = []
    for layer in (ours, theirs):
        torch.manual_seed(0)  # the same inputs, and the same dropout masks
        given, leaves = _inputs(layer, form)
        state = _state(layer, form) if with_state else None
        leaves += () if state is None else _tensors(state)
        tensors = _tensors(layer(given, state))
        scalar = sum((torch.randn_like(t) * t).sum() for t in tensors)
        leaves += tuple(layer.parameters())
        results.append((*tensors, *torch.autograd.grad(scalar, leaves)))
    return max(_largest(a, b) for a, b in zip(*results, strict=True))


def measure(device="auto"):
    """Compare all combinations and forms.

    ->   {(kind, arguments as text): {form: largest difference}}
    The state of torch's random numbers is left as it was.
    """
    device = pick_device(device)
    # masks of one half are drawn alike on the CPU only; at 1 nothing is left to chance
    cases = list(combinations(0.5 if device.type == "cpu" else 1.0))
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        return {
            (kind, _text(arguments)): _forms(kind, arguments, device)
            for kind, arguments in progress(cases, "parity")
        }


def shape_differences(*args, length, batch=None, kind="LSTM", **kwargs):
    """Return what `lstm.shapes` gives otherwise than torch, by name; at best nothing.

    First the parameters (shapes, order, number), then the tensors; arguments as for
    `shapes.tensors`. torch's layer is built and run on its meta device, which computes
    shapes and holds no numbers.
    """
    layer = getattr(nn, kind)(*args, device="meta", **kwargs)
    theirs = [(name, tuple(p.shape)) for name, p in layer.named_parameters()]
    listed = [(s.name, s.sizes) for s in shapes.parameters(*args, kind=kind, **kwargs)]
    if listed != theirs:
        return sorted({name for name, _ in {*listed} ^ {*theirs}}) or ["their order"]
    run = shapes.tensors(*args, length=length, batch=batch, kind=kind, **kwargs)
    ours = {s.name: s.sizes for s in run}
    given = {name: torch.empty(size, device="meta") for name, size in ours.items()}
    pair = kind == "LSTM"
    state = (given["h_0"], given["c_0"]) if pair else given["h_0"]
    output, last = layer(given["input"], state)
    got = {"output": output, "h_n": last[0] if pair else last}
    got |= {"c_n": last[1]} if pair else {}
    expected = {name: tuple(tensor.shape) for name, tensor in got.items()}
    return [name for name, size in expected.items() if ours.get(name) != size]


def _forms(kind, arguments, device):
    largest = {}
    for form in FORMS[:2] if kind.endswith("Cell") else FORMS:
        first = {"batch_first": True} if form == "batch first" else {}
        torch.manual_seed(0)
        layers = pair(kind, arguments | first, device)
        largest[form] = max(difference(*layers, form, state) for state in (True, False))
    return largest


def _text(arguments):
    """The arguments that are not at torch's defaults, or a word that says so."""
    defaults = {"num_layers": 1, "bidirectional": False, "bias": True, "dropout": 0.0}
    others = (
        f"{name}={value}"
        for name, value in arguments.items()
        if value != defaults.get(name)
    )
    return ", ".join(others) or "all defaults"


def table(measured):
    """Return what `measure` gave as a `Table`: a row a combination, a column a form."""
    rows = [
        (*key, *(f"{forms[form]:.0e}" if form in forms else None for form in FORMS))
        for key, forms in measured.items()
    ]
    return Table(("layer", "arguments", *FORMS), rows)


def worst(measured):
    """Return the largest difference of all."""
    return max(value for forms in measured.values() for value in forms.values())


def _inputs(layer, form):
    """The input in the form that is asked for, and its leaf tensor in a tuple."""
    cell = not hasattr(layer, "num_layers")
    shape = {"unbatched": (L, D), "batch first": (N, L, D)}.get(form, (L, N, D))
    leaf = _randn(layer, *(shape[1:] if cell else shape))
    if not form.startswith("packed"):
        return leaf, (leaf,)
    lengths = [2, 6, 1, 5] if "unsorted" in form else [6, 5, 2, 1]
    sort = "unsorted" not in form
    return pack_padded_sequence(leaf, lengths, enforce_sorted=sort), (leaf,)


def _state(layer, form):
    batch = () if form == "unbatched" else (N,)
    if not hasattr(layer, "num_layers"):
        h, c = _randn(layer, *batch, H), _randn(layer, *batch, H)
        return (h, c) if "LSTM" in type(layer).__name__ else h
    layers = layer.num_layers * (2 if layer.bidirectional else 1)
    h = _randn(layer, layers, *batch, layer.proj_size or H)
    return (h, _randn(layer, layers, *batch, H)) if layer.mode == "LSTM" else h


def _randn(layer, *shape):
    weight = next(layer.parameters())
    like = {"dtype": weight.dtype, "device": weight.device}
    return torch.randn(shape, **like, requires_grad=True)


def _tensors(result):
    """All tensors of a result or a state, in a flat tuple."""
    if isinstance(result, PackedSequence):
        return (result.data,)
    if isinstance(result, torch.Tensor):
        return (result,)
    return tuple(tensor for part in result for tensor in _tensors(part))


def _largest(a, b):
    if a.shape != b.shape:
        return math.inf
    return torch.nan_to_num((a - b).abs().max(), nan=math.inf).item()
