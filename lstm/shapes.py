"""Every tensor of torch's recurrent layers, its shape worked out by arithmetic alone.

N batch   L sequence length   D input size   H hidden size   P projection size
K num_layers x directions
"""

from dataclasses import dataclass
from math import prod

from lstm import checks
from lstm.tables import Table

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}  # blocks of H rows in every weight


@dataclass(frozen=True)
class Shape:
    """One tensor: what it is called, its axes in letters and in numbers."""

    name: str
    letters: tuple[str, ...]
    sizes: tuple[int, ...]


def parameters(
    input_size,
    hidden_size,
    num_layers=1,
    bias=True,
    batch_first=False,
    dropout=0.0,
    bidirectional=False,
    proj_size=0,
    *,
    kind="LSTM",
):
    """Return the `Shape` of every parameter, in torch's order; errors are torch's, too.

    batch_first and dropout change no parameter: one set of arguments fits everywhere.
    kind: "LSTM", "GRU" or "RNN"; only an LSTM takes proj_size.
    """
    sizes = input_size, hidden_size, num_layers
    check(kind, *sizes, bias, batch_first, dropout, proj_size)
    gates = (f"{GATES[kind]}H" if GATES[kind] > 1 else "H", GATES[kind] * hidden_size)
    recurrent = ("P", proj_size) if proj_size else ("H", hidden_size)
    shapes = []
    for layer in range(num_layers):
        columns = ("D", input_size) if layer == 0 else both(recurrent, bidirectional)
        for suffix in ("", "_reverse") if bidirectional else ("",):
            end = f"_l{layer}{suffix}"
            shapes.append(shape("weight_ih" + end, gates, columns))
            shapes.append(shape("weight_hh" + end, gates, recurrent))
            if bias:
                shapes.append(shape("bias_ih" + end, gates))
                shapes.append(shape("bias_hh" + end, gates))
            if proj_size:
                shapes.append(shape("weight_hr" + end, recurrent, ("H", hidden_size)))
    return shapes


def tensors(
    input_size,
    hidden_size,
    num_layers=1,
    bias=True,
    batch_first=False,
    dropout=0.0,
    bidirectional=False,
    proj_size=0,
    *,
    length,
    batch=None,
    kind="LSTM",
):
    """Return the `Shape` of input, h_0, c_0, output, h_n and c_n.

    batch: None means an input without batch axis
    batch_first moves the batch axis of input and output, never of the states. Only an
    LSTM has c_0 and c_n.
    Raises ValueError for a length below 1 or a batch below 0, and as `parameters`.
    """
    sizes = input_size, hidden_size, num_layers
    check(kind, *sizes, bias, batch_first, dropout, proj_size)
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
    shapes = [
        shape("input", *outer, ("D", input_size)),
        shape("h_0", *h),
        shape("c_0", *c),
        shape("output", *outer, both(recurrent, bidirectional)),
        shape("h_n", *h),
        shape("c_n", *c),
    ]
    return [s for s in shapes if kind == "LSTM" or not s.name.startswith("c_")]


def count(*args, **kwargs):
    """Return the number of parameters; arguments as for `parameters`."""
    return sum(prod(shape.sizes) for shape in parameters(*args, **kwargs))


def table(*args, length, batch=None, **kwargs):
    """Return a `Table` of all tensors: name, letters, sizes, elements; at last the sum.

    Arguments as for `tensors`.
    """
    rows = []
    listed = tensors(*args, length=length, batch=batch, **kwargs)
    for s in listed + parameters(*args, **kwargs):
        axes = [f"({', '.join(map(str, axis))})" for axis in (s.letters, s.sizes)]
        rows.append((s.name, *axes, f"{prod(s.sizes):,}"))
    rows.append(("all parameters", None, None, f"{count(*args, **kwargs):,}"))
    return Table(("tensor", "axes", "shape", "elements"), rows)


def both(axis, bidirectional):
    """The axis of a layer's output: twice as long where there are two directions."""
    letter, size = axis
    return ("2" + letter, 2 * size) if bidirectional else axis


def shape(name, *axes):
    """Make a `Shape` of axes, each (letter, size)."""
    letters, sizes = zip(*axes, strict=True)
    return Shape(name, letters, sizes)


def check(kind, *arguments):
    """Check a layer's arguments as its constructor does."""
    if kind not in GATES:
        raise ValueError(f"unknown layer {kind!r}: expected one of {', '.join(GATES)}")
    checks.constructor(kind, *arguments)
