"""What may be handed to the layers, and what is said when something does not fit.

Every error is of the type that torch raises in the same place; the message names what was given and what was expected.
Where torch does not look, or looks too late, at the states of a packed batch, we look first: what it drops in silence
is an error here.
"""

import numbers

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
        integer(name, size)
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")
    integer("proj_size", proj_size)
    if proj_size and kind != "LSTM":
        raise ValueError(f"only an LSTM has a projection: proj_size is no {kind}'s")
    if not 0 <= proj_size < hidden_size:
        raise ValueError(
            f"proj_size must be at least 0 and smaller than hidden_size ({hidden_size}), got {proj_size}"
        )


def integer(name, size):
    """Raise TypeError unless a size is an int."""
    if not isinstance(size, int):
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
    if packed and data.dim() != 2:
        raise RuntimeError(f"expected packed data of 2 axes, (steps, {size}), got {shape}")  # fmt: skip
    if data.dim() not in (2, 3):
        raise ValueError(
            f"{layer.mode}: expected an input of 2 or 3 axes, the last of size {size}, got {shape}"
        )
    # torch checks a packed input of a GRU, not of an LSTM: there the product complains
    error = RuntimeError if packed and layer.mode == "LSTM" else ValueError
    same_dtype("the input", data, layer.weight_ih_l0.dtype, error)
    if shape[-1] != size:
        raise RuntimeError(
            f"expected the last axis of the input to be of size {size} (input_size), got {shape}"
        )
    if shape[1 if layer.batch_first and len(shape) == 3 else 0] == 0:
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
    same_dtype("the input", given, cell.weight_ih.dtype, RuntimeError)
    if shape[-1] != size:
        raise RuntimeError(
            f"expected the last axis of the input to be of size {size} (input_size), got {shape}"
        )


def one(hx):
    """Return a GRU's state, one tensor, as a tuple."""
    if not isinstance(hx, Tensor):
        raise AttributeError(f"expected the state hx as one tensor, got {_kind(hx)}")
    return (hx,)


def pair(hx):
    """Return an LSTM's state as a tuple of two tensors."""
    wanted = f"expected the state hx as a pair of tensors (h_0, c_0), got {_kind(hx)}"
    try:
        h, c = hx[0], hx[1]
    except (TypeError, IndexError, KeyError) as error:
        raise type(error)(wanted) from None
    if not isinstance(h, Tensor) or not isinstance(c, Tensor):
        raise AttributeError(wanted)
    if isinstance(hx, Tensor) or len(hx) != 2:
        raise RuntimeError(wanted)
    return h, c


def cell_pair(hx):
    """Return an LSTMCell's state as a tuple of two tensors."""
    wanted = f"expected the state hx as a pair of tensors (h, c), got {_kind(hx)}"
    if not isinstance(hx, (tuple, list)):
        raise TypeError(wanted)
    if not all(isinstance(tensor, Tensor) for tensor in hx):
        raise AttributeError(wanted)
    if len(hx) != 2:
        raise RuntimeError(wanted)
    return tuple(hx)


def layer_state(state, sizes, dtype):
    """Check the tensors of a layer's state: their sizes, and the input's dtype."""
    for name, tensor, size in zip(("h_0", "c_0"), state, sizes, strict=False):
        if tuple(tensor.shape) != size:
            raise RuntimeError(
                f"expected {name} of shape {size}, got {tuple(tensor.shape)}"
            )
        same_dtype(name, tensor, dtype, RuntimeError)


def cell_state(cell, state, size):
    """Check the tensors of a cell's state against their size, (N, H) or (H)."""
    for name, tensor in zip(("h", "c"), state, strict=False):
        shape = tuple(tensor.shape)
        if shape != size:
            error = ValueError if tensor.dim() not in (1, 2) else RuntimeError
            raise error(
                f"{type(cell).__name__}: expected {name} of shape {size}, got {shape}"
            )


def same_dtype(what, tensor, expected, error):
    """Check a tensor's number type; under autocast every type is taken."""
    kind = tensor.device.type
    casting = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    if tensor.dtype == expected or casting:
        return
    raise error(
        f"expected {what} in {expected}, got {tensor.dtype}: convert one of them by .to(...)"
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
    if isinstance(hx, (tuple, list)):
        return f"a {type(hx).__name__} of {', '.join(type(item).__name__ for item in hx) or 'nothing'}"
    return type(hx).__name__
