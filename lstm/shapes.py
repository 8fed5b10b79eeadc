"""Every tensor of torch's recurrent layers, its shape worked out from the constructor's arguments by arithmetic alone.

N batch   L sequence length   D input size   H hidden size   P projection size   K num_layers x directions
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import nn

from lstm import checks
from lstm.tables import Table

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}  # blocks of H rows in every weight


@dataclass(frozen=True)
class Shape:
    """One tensor: what it is called, its axes in letters and in numbers."""

    name: str
    letters: tuple[str, ...]
    sizes: tuple[int, ...]


def parameters(input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
               dropout=0.0, bidirectional=False, proj_size=0, *, kind="LSTM"):  # fmt: skip
    """Return the `Shape` of every parameter, in torch's order; errors are torch's, too.

    batch_first and dropout change no parameter: one set of arguments fits everywhere.
    kind: "LSTM", "GRU" or "RNN"; only an LSTM takes proj_size.
    """
    _check(kind, input_size, hidden_size, num_layers, bias, batch_first, dropout,
           proj_size)  # fmt: skip
    gates = (f"{GATES[kind]}H" if GATES[kind] > 1 else "H", GATES[kind] * hidden_size)
    recurrent = ("P", proj_size) if proj_size else ("H", hidden_size)
    shapes = []
    for layer in range(num_layers):
        columns = ("D", input_size) if layer == 0 else _both(recurrent, bidirectional)
        for suffix in ("", "_reverse") if bidirectional else ("",):
            end = f"_l{layer}{suffix}"
            shapes += [
                _shape("weight_ih" + end, gates, columns),
                _shape("weight_hh" + end, gates, recurrent),
            ]
            if bias:
                shapes += [
                    _shape("bias_ih" + end, gates),
                    _shape("bias_hh" + end, gates),
                ]
            if proj_size:
                shapes.append(_shape("weight_hr" + end, recurrent, ("H", hidden_size)))
    return shapes


def tensors(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
            bidirectional=False, proj_size=0, *, length, batch=None, kind="LSTM"):  # fmt: skip
    """Return the `Shape` of input, h_0, c_0, output, h_n and c_n; batch=None means an input without batch axis.

    batch_first moves the batch axis of input and output, never of the states. Only an LSTM has c_0 and c_n.
    Raises ValueError for a length below 1 or a batch below 0, and as `parameters`.
    """
    _check(kind, input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)  # fmt: skip
    if length < 1:
        raise ValueError(f"length must be at least 1, got {length}")
    if batch is not None and batch < 0:
        raise ValueError(f"batch must be at least 0, got {batch}")
    recurrent = ("P", proj_size) if proj_size else ("H", hidden_size)
    stack = ("K", num_layers * (2 if bidirectional else 1))
    middle = () if batch is None else (("N", batch),)
    outer = (("L", length), *middle)
    outer = outer[::-1] if batch_first else outer
    h, c = (stack, *middle, recurrent), (stack, *middle, ("H", hidden_size))
    shapes = {
        "input": (*outer, ("D", input_size)),
        "h_0": h,
        "c_0": c,
        "output": (*outer, _both(recurrent, bidirectional)),
        "h_n": h,
        "c_n": c,
    }
    names = [name for name in shapes if kind == "LSTM" or not name.startswith("c_")]
    return [_shape(name, *shapes[name]) for name in names]


def count(*args, **kwargs):
    """Return the number of parameters; arguments as for `parameters`."""
    return sum(prod(shape.sizes) for shape in parameters(*args, **kwargs))


def table(*args, length, batch=None, **kwargs):
    """Return a `Table` of all tensors and parameters: name, letters, sizes, number of elements; at last the sum."""
    shapes = tensors(*args, length=length, batch=batch, **kwargs)
    shapes += parameters(*args, **kwargs)
    rows = [
        (s.name, _tuple(s.letters), _tuple(s.sizes), f"{prod(s.sizes):,}")
        for s in shapes
    ]
    rows.append(("all parameters", None, None, f"{count(*args, **kwargs):,}"))
    return Table(("tensor", "axes", "shape", "elements"), rows)


def differences(*args, length, batch=None, kind="LSTM", **kwargs):
    """Return what differs in torch, by name: parameters (shapes, order, number), then tensors; none, if all is well.

    torch's layer is built and run on its meta device, which computes shapes and holds no numbers.
    """
    layer = getattr(nn, kind)(*args, device="meta", **kwargs)
    theirs = [(name, tuple(p.shape)) for name, p in layer.named_parameters()]
    listed = [(s.name, s.sizes) for s in parameters(*args, kind=kind, **kwargs)]
    if listed != theirs:
        return sorted({name for name, _ in {*listed} ^ {*theirs}}) or ["their order"]
    run = tensors(*args, length=length, batch=batch, kind=kind, **kwargs)
    ours = {s.name: s.sizes for s in run}
    given = {name: torch.empty(size, device="meta") for name, size in ours.items()}
    pair = kind == "LSTM"
    state = (given["h_0"], given["c_0"]) if pair else given["h_0"]
    output, last = layer(given["input"], state)
    got = {"output": output, "h_n": last[0] if pair else last}
    got |= {"c_n": last[1]} if pair else {}
    expected = {name: tuple(tensor.shape) for name, tensor in got.items()}
    return [name for name, size in expected.items() if ours.get(name) != size]


def _both(axis, bidirectional):
    letter, size = axis
    return ("2" + letter, 2 * size) if bidirectional else axis


def _shape(name, *axes):
    letters, sizes = zip(*axes, strict=True)
    return Shape(name, letters, sizes)


def _tuple(items):
    return "(" + ", ".join(map(str, items)) + ")"


def _check(kind, *arguments):
    if kind not in GATES:
        raise ValueError(f"unknown layer {kind!r}: expected one of {', '.join(GATES)}")
    checks.constructor(kind, *arguments)
