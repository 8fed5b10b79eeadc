"""What may be handed to the layers, and what is said when something does not fit.

Every error is of the type that torch raises in the same place; the message names what was given and what was expected.
Where torch does not look, or looks too late, at the states of a packed batch, we look first: what it drops in silence
is an error here.
"""

import numbers
from typing import SupportsIndex

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


def constructor(
    kind, input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size
):
    """Check the arguments of a layer; kind is "LSTM", "GRU" or "RNN".

    Raises TypeError for a size that is not an int, or a bias or batch_first that is not a bool; ValueError for a size
    below 1, a dropout outside [0, 1], a proj_size below 0, not below hidden_size, or of anything but an LSTM.
    """
    _probability(dropout)
    for name, value in {"bias": bias, "batch_first": batch_first}.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, got {value!r}")
    sizes = {"input_size": input_size, "hidden_size": hidden_size}
    for name, size in (sizes | {"num_layers": num_layers}).items():
        integer(name, size, int if name in sizes else SupportsIndex)
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")
    integer("proj_size", proj_size)
    if proj_size and kind != "LSTM":
        raise ValueError(f"only an LSTM has a projection: proj_size is no {kind}'s")
    if not 0 <= proj_size < hidden_size:
        raise ValueError(
            f"proj_size must be at least 0 and smaller than hidden_size ({hidden_size}), got {proj_size}"
        )


def integer(name, size, kinds=SupportsIndex):
    """Raise TypeError unless a size is an integer: Python's, or by default numpy's, too."""
    if not isinstance(size, kinds):
        raise TypeError(f"{name} must be an int, got {size!r}")


def cell_sizes(input_size, hidden_size):
    """Check the sizes of a cell. Raises TypeError unless they are ints, RuntimeError below 0, torch's limit."""
    for name, size in {"input_size": input_size, "hidden_size": hidden_size}.items():
        integer(name, size)
        if size < 0:
            raise RuntimeError(f"{name} must be at least 0, got {size}")


def layer_input(layer, given):
    """Check what a layer is given to read: a tensor (L, N, D), (N, L, D) or (L, D), or a PackedSequence."""
    packed = isinstance(given, PackedSequence)
    if not packed and not isinstance(given, Tensor):
        raise AttributeError(
            f"expected the input as a tensor or a PackedSequence, got {type(given).__name__}"
        )
    data = given.data if packed else given
    shape, size = tuple(data.shape), layer.input_size
    if packed:
        _packing(given, size)
    if data.dim() not in (2, 3):
        raise ValueError(
            f"{layer.mode}: expected an input of 2 or 3 axes, the last of size {size}, got {shape}"
        )
    # torch checks a packed input of a GRU, not of an LSTM: what raises there is a product, if anything
    error = RuntimeError if packed and layer.mode == "LSTM" else ValueError
    same_device("the input", data, layer.weight_ih_l0)
    same_dtype("the input", data, layer.weight_ih_l0, error)
    if shape[-1] != size:
        raise RuntimeError(
            f"expected the last axis of the input to be of size {size} (input_size), got {shape}"
        )
    if not packed and shape[1 if layer.batch_first and len(shape) == 3 else 0] == 0:
        raise RuntimeError(f"expected a sequence of at least one step, got {shape}")


def cell_input(cell, given):
    """Check what a cell is given to read: a tensor (N, D) or (D)."""
    if not isinstance(given, Tensor):
        raise AttributeError(f"expected the input as a tensor, got {type(given).__name__}")  # fmt: skip
    shape, size = tuple(given.shape), cell.input_size
    if given.dim() not in (1, 2):
        raise ValueError(
            f"{type(cell).__name__}: expected an input of 1 or 2 axes, the last of size {size}, got {shape}"
        )
    same_device("the input", given, cell.weight_ih)
    same_dtype("the input", given, cell.weight_ih, RuntimeError)
    if shape[-1] != size:
        raise RuntimeError(
            f"expected the last axis of the input to be of size {size} (input_size), got {shape}"
        )


def one(hx, packed=False):
    """Return a GRU's state, one tensor, as a tuple."""
    if not isinstance(hx, Tensor):
        raise AttributeError(f"expected the state hx as one tensor, got {_kind(hx)}")
    return (hx,)


def pair(hx, packed=False):
    """Return an LSTM's state as a tuple of two tensors; torch's types of error differ for a packed input."""
    wanted = f"expected the state hx as a pair of tensors (h_0, c_0), got {_kind(hx)}"
    if packed or (isinstance(hx, Tensor) and hx.dim() > 3):
        return _pair_or(hx, TypeError, wanted)
    try:
        h, c = hx[0], hx[1]
    except (TypeError, IndexError, KeyError) as error:
        raise type(error)(wanted) from None
    if not isinstance(h, Tensor) or not isinstance(c, Tensor):
        raise AttributeError(wanted)
    if isinstance(hx, dict):
        raise TypeError(wanted)
    if isinstance(hx, Tensor) or len(hx) != 2:
        raise RuntimeError(wanted)
    return h, c


def cell_pair(hx):
    """Return an LSTMCell's state as a tuple of two tensors."""
    wanted = f"expected the state hx as a pair of tensors (h, c), got {_kind(hx)}"
    return _pair_or(hx, AttributeError, wanted)


def _pair_or(hx, error, message):
    """A pair of tensors; TypeError for another container, `error` for other items, RuntimeError for another number."""
    if not isinstance(hx, (tuple, list)):
        raise TypeError(message)
    if not all(isinstance(item, Tensor) for item in hx):
        raise error(message)
    if len(hx) != 2:
        raise RuntimeError(message)
    return tuple(hx)


def _packing(packed, size):
    """Check a PackedSequence that may be made by hand."""
    shape, sizes = tuple(packed.data.shape), packed.batch_sizes
    if len(shape) != 2:
        raise RuntimeError(f"expected packed data of 2 axes, (steps, {size}), got {shape}")  # fmt: skip
    if sizes.dtype != torch.int64 or not len(sizes) or (sizes.diff() > 0).any():
        raise RuntimeError(
            f"expected batch_sizes as int64 numbers that never rise, got {sizes.tolist()} in {sizes.dtype}"
        )


def layer_state(state, sizes, inputs):
    """Check the tensors of a layer's state: their sizes; the inputs' device and dtype."""
    for name, tensor, size in zip(("h_0", "c_0"), state, sizes, strict=False):
        if tuple(tensor.shape) != size:
            raise RuntimeError(
                f"expected {name} of shape {size}, got {tuple(tensor.shape)}"
            )
        same_device(name, tensor, inputs)
        same_dtype(name, tensor, inputs, RuntimeError)


def cell_state(cell, state, size):
    """Check the tensors of a cell's state against their size, (N, H) or (H)."""
    shapes = dict(zip(("h", "c"), (tuple(t.shape) for t in state), strict=False))
    many_axes = {n: shape for n, shape in shapes.items() if len(shape) not in (1, 2)}
    for error, found in ((ValueError, many_axes), (RuntimeError, shapes)):
        for name, shape in found.items():
            if shape != size:
                raise error(
                    f"{type(cell).__name__}: expected {name} of shape {size}, got {shape}"
                )


def same_dtype(what, tensor, other, error):
    """Check a tensor's number type against another's; under autocast every type is taken."""
    kind = tensor.device.type
    casting = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    if tensor.dtype == other.dtype or casting:
        return
    raise error(
        f"expected {what} in {other.dtype}, got {tensor.dtype}: convert one of them by .to(...)"
    )


def same_device(what, tensor, other):
    """Check a tensor's device against another's."""
    if tensor.device != other.device:
        raise RuntimeError(
            f"expected {what} on {other.device}, got {tensor.device}: move one of them by .to(...)"
        )


def _probability(dropout):
    message = f"dropout must be a number in [0, 1], a probability, got {dropout!r}"
    try:
        float(dropout)
    except (TypeError, ValueError) as error:
        raise type(error)(message) from None
    number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(message)


def _kind(hx):
    if isinstance(hx, Tensor):
        return f"one tensor of shape {tuple(hx.shape)}"
    if type(hx) in (tuple, list):
        return f"a {type(hx).__name__} of {', '.join(type(item).__name__ for item in hx) or 'nothing'}"
    return type(hx).__name__
