"""Every tensor of torch.nn.LSTM, its shape worked out from the constructor's arguments by arithmetic alone.

N batch   L sequence length   D input size   H hidden size   P projection size   K num_layers x directions
"""

from dataclasses import dataclass
from math import prod

from lstm.tables import Table


@dataclass(frozen=True)
class Shape:
    """One tensor: what it is called, its axes in letters and in numbers."""

    name: str
    letters: tuple[str, ...]
    sizes: tuple[int, ...]


def parameters(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
               bidirectional=False, proj_size=0):  # fmt: skip
    """Return the `Shape` of every parameter, in torch's order; arguments and errors are torch.nn.LSTM's.

    batch_first and dropout change no parameter; they are taken so that one set of arguments fits everywhere.
    """
    _check(input_size, hidden_size, num_layers, dropout, proj_size)
    gates = ("4H", 4 * hidden_size)
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
            bidirectional=False, proj_size=0, *, length, batch=None):  # fmt: skip
    """Return the `Shape` of input, h_0, c_0, output, h_n and c_n; batch=None means an input without batch axis.

    batch_first moves the batch axis of input and output, never of the states.
    """
    _check(input_size, hidden_size, num_layers, dropout, proj_size)
    recurrent = ("P", proj_size) if proj_size else ("H", hidden_size)
    stack = ("K", num_layers * (2 if bidirectional else 1))
    middle = () if batch is None else (("N", batch),)
    outer = (("L", length), *middle)
    outer = outer[::-1] if batch_first else outer
    h, c = (stack, *middle, recurrent), (stack, *middle, ("H", hidden_size))
    return [
        _shape("input", *outer, ("D", input_size)),
        _shape("h_0", *h),
        _shape("c_0", *c),
        _shape("output", *outer, _both(recurrent, bidirectional)),
        _shape("h_n", *h),
        _shape("c_n", *c),
    ]


def count(*args, **kwargs):
    """Return the number of parameters; arguments as for `parameters`."""
    return sum(prod(shape.sizes) for shape in parameters(*args, **kwargs))


def table(*args, length, batch=None, **kwargs):
    """Return a `Table` of all tensors and parameters: name, letters, sizes, number of elements."""
    shapes = tensors(*args, length=length, batch=batch, **kwargs) + parameters(
        *args, **kwargs
    )
    rows = [
        (s.name, _tuple(s.letters), _tuple(s.sizes), f"{prod(s.sizes):,}")
        for s in shapes
    ]
    return Table(("tensor", "axes", "shape", "elements"), rows)


def _both(axis, bidirectional):
    letter, size = axis
    return ("2" + letter, 2 * size) if bidirectional else axis


def _shape(name, *axes):
    letters, sizes = zip(*axes, strict=True)
    return Shape(name, letters, sizes)


def _tuple(items):
    return "(" + ", ".join(map(str, items)) + ")"


def _check(input_size, hidden_size, num_layers, dropout, proj_size):
    for name, size in {
        "input_size": input_size,
        "hidden_size": hidden_size,
        "num_layers": num_layers,
    }.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")
    if not 0 <= dropout <= 1:
        raise ValueError(f"dropout must be a probability in [0, 1], got {dropout}")
    if not 0 <= proj_size < hidden_size:
        raise ValueError(
            f"proj_size must be at least 0 and smaller than hidden_size ({hidden_size}), got {proj_size}"
        )
