"""What may be handed to the layers, and what is said when something does not fit.

Every error is a TypeError, a ValueError or a RuntimeError: torch's own, in its order;
where torch stumbles over what is no tensor, a TypeError. A message begins with torch's
sentence, if it has one, and names what was given and what was expected.
What torch drops in silence, in a packed batch and its states, is an error here.
"""

import numbers
from typing import SupportsFloat, SupportsIndex

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

LSTM_ONLY = "proj_size argument is only supported for LSTM, not RNN or GRU"


def constructor(
    kind, input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size
):
    """Check the arguments of a layer; kind is "LSTM", "GRU" or "RNN".

    Raises TypeError for what is no number, bool or int; ValueError for a dropout beyond
    [0, 1], a size below 1, a proj_size outside [0, hidden_size) or of no LSTM.
    """
    if proj_size and kind != "LSTM":
        raise ValueError(f"{LSTM_ONLY}, got {proj_size!r}")
    number = isinstance(dropout, numbers.Real) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        error = ValueError if isinstance(dropout, (str, SupportsFloat)) else TypeError
        wanted = "a number in range [0, 1] representing the probability of an element"
        raise error(f"dropout should be {wanted} being zeroed, got {dropout!r}")
    of_type("bias", bias, bool, "bool")
    of_type("batch_first", batch_first, bool, "bool")
    sizes = {"input_size": input_size, "hidden_size": hidden_size}
    for name, size in (sizes | {"num_layers": num_layers}).items():
        of_type(name, size, int if name in sizes else SupportsIndex, "int")
        if size <= 0:
            raise ValueError(f"{name} must be greater than zero, got {size}")
    of_type("proj_size", proj_size, SupportsIndex, "int")
    if proj_size < 0:
        wanted = "a positive integer or zero to disable projections"
        raise ValueError(f"proj_size should be {wanted}, got {proj_size}")
    if proj_size >= hidden_size:
        found = f"got {proj_size} for a hidden_size of {hidden_size}"
        raise ValueError(f"proj_size has to be smaller than hidden_size, {found}")


def layer_call(layer, given, hx):
    """Check what a layer is called with: its input, and its state if there is one."""
    packed, size = isinstance(given, PackedSequence), layer.input_size
    x, weight = given.data if packed else given, layer.weight_ih_l0
    of_type("input", x, Tensor, "Tensor or PackedSequence")
    if packed:
        batch, steps = packing(given)
    else:
        axes(layer.mode, "input", x, 2, f"(..., {size})")
        *batch, steps = x.shape[:-1] if layer.batch_first else x.shape[-2::-1]
    sizes = layer.state_sizes(*batch)
    state = () if hx is None else states(layer.mode, hx)
    if not packed:
        layer_axes(state, sizes)
    # torch.nn.LSTM leaves what is packed to the matrix product, and to its error
    unseen = packed and layer.mode == "LSTM"
    same_dtype("input", x, weight, RuntimeError if unseen else ValueError)
    if packed and x.dim() != 2:
        sentence = f"input must have 2 dimensions, got {x.dim()}"
        raise misfit(sentence, f"(steps, {size})", x)
    if x.shape[-1] != size:
        sentence = "input.size(-1) must be equal to input_size. Expected"
        raise misfit(f"{sentence} {size}, got {x.shape[-1]}", f"(..., {size})", x)
    layer_state(state, sizes)
    same_device(x, state, weight)
    if steps == 0:
        sentence = "Expected sequence length to be larger than 0 in RNN"
        raise RuntimeError(f"{sentence}, got an input of shape {tuple(x.shape)}")
    for tensor in state:
        same_dtype("hidden", tensor, weight)


def layer_reset(layer, given, reset):
    """Check where sequences begin anew; torch has no such argument, nor words for it.

    Raises TypeError for what is no Tensor of bool; ValueError with a PackedSequence or
    a bidirectional layer; RuntimeError for another shape or device than the input's,
    and while the layer is traced.
    """
    of_type("reset", reset, Tensor, "Tensor of bool")
    if reset.dtype != torch.bool:
        cure = "Convert reset: reset.bool()"
        raise TypeError(f"reset should be a Tensor of bool, got: {reset.dtype}. {cure}")
    if isinstance(given, PackedSequence):
        instead = "pack the pieces as sequences of their own, or hand over a padded one"
        raise ValueError(f"reset cannot be had with a PackedSequence: {instead}")
    if layer.bidirectional:
        why = "reset needs a layer of one direction, got bidirectional=True"
        raise ValueError(f"{why}: the other one meets what is reset from its end")
    if reset.shape != given.shape[:-1]:
        sentence = "reset must have one truth value for each step of each sequence"
        raise misfit(sentence, tuple(given.shape[:-1]), reset)
    if torch.jit.is_tracing():
        why = "the trace would begin anew where this one does, whatever it is given"
        raise RuntimeError(f"a layer cannot be traced with a reset: {why}")
    if reset.device != given.device:
        found = f"found input at {given.device} and reset at {reset.device}"
        raise RuntimeError(f"Input and reset are not at the same device, {found}")


def layer_pieces(layer, x, state):
    """Check what a layer of torch's is to run in pieces, which it would see in part."""
    if x.shape[-1] != layer.input_size:
        sentence = "input.size(-1) must be equal to input_size. Expected"
        wanted = f"(..., {layer.input_size})"
        raise misfit(f"{sentence} {layer.input_size}, got {x.shape[-1]}", wanted, x)
    N = x.shape[0 if layer.batch_first else 1]
    for tensor in () if state is None else states(layer.mode, state):
        if tensor.dim() != 3 or tensor.shape[1] != N:
            sentence = "the state must be that of each sequence"
            raise misfit(sentence, f"(layers, {N}, units)", tensor)


def packing(packed):
    """Check a PackedSequence, which may be made by hand; return its [N] and L."""
    sizes, rows = packed.batch_sizes, len(packed.data)
    right = sizes.dtype == torch.int64 and sizes.dim() == 1 and sizes.sum() == rows
    if not right or not len(sizes) or (sizes.diff() > 0).any() or sizes[-1] < 0:
        wanted = f"int64 numbers that never rise, {rows} in all"
        found = f"{sizes.tolist()} in {sizes.dtype}"
        raise RuntimeError(f"expected batch_sizes as {wanted}, got {found}")
    return [int(sizes[0])], len(sizes)


def layer_axes(state, sizes):
    """Check how many axes the tensors of a layer's state have."""
    n, dims = len(sizes[0]), [tensor.dim() for tensor in state]
    if dims != [n] * len(dims):
        form = "batched" if n == 3 else "unbatched"
        text = "hx should also be {0}-D but got {1}-D tensor"
        if len(dims) == 2:
            text = "hx and cx should also be {0}-D but got ({1}-D, {2}-D) tensors"
        sentence = f"For {form} {n}-D input, {text.format(n, *dims)}"
        shapes = tuple(tuple(tensor.shape) for tensor in state)
        raise RuntimeError(f"{sentence}: expected shapes {sizes}, got {shapes}")


def layer_state(state, sizes):
    """Check the shapes of a layer's state; sizes: one for each of its tensors."""
    for n, (tensor, size) in enumerate(zip(state, sizes, strict=False)):
        name = f"hidden[{n}]" if len(sizes) == 2 else "hidden"
        shape, note = tuple(tensor.shape), ""
        if shape != size:
            if len(size) == 2:  # torch adds the batch axis before it looks
                note = f": without a batch, expected {size}, got {shape}"
                size, shape = ((s[0], 1, s[1]) for s in (size, shape))
            raise RuntimeError(f"Expected {name} size {size}, got {[*shape]}{note}")


def states(name, hx):
    """Return a state as a tuple: a pair (h, c) for "LSTM" and "LSTMCell", else (h,)."""
    if not name.startswith("LSTM"):
        of_type("hx", hx, Tensor, "Tensor")
        return (hx,)
    of_type("hx", hx, (tuple, list), "tuple, a pair (h, c)")
    for n, tensor in enumerate(hx):
        of_type(f"hx[{n}]", tensor, Tensor, "Tensor")
    if len(hx) != 2:
        # too few are an IndexError in torch.nn.LSTM; packed, a RuntimeError
        error = TypeError if name == "LSTM" and len(hx) < 2 else RuntimeError
        caller = name.lower().replace("cell", "_cell")
        raise error(f"{caller} expects two hidden states, got {len(hx)}")
    return tuple(hx)


def of_type(name, given, kind, wanted):
    """Raise TypeError unless what is given is of a kind."""
    if not isinstance(given, kind):
        found = type(given).__name__
        raise TypeError(f"{name} should be of type {wanted}, got: {found}")


def axes(module, name, tensor, few, wanted):
    """Check that a tensor has a few axes, or one more for the batch."""
    if tensor.dim() not in (few, few + 1):
        dims = f"{few}D or {few + 1}D, got {tensor.dim()}D instead"
        sentence = f"{module}: Expected {name} to be {dims}"
        raise misfit(sentence, wanted, tensor, ValueError)


def misfit(sentence, wanted, tensor, error=RuntimeError):
    """Return an error that names the right shape and the wrong one after a sentence."""
    return error(f"{sentence}: expected shape {wanted}, got {tuple(tensor.shape)}")


def same_device(x, state, weight):
    """Check that the input, the tensors of its state and the weights lie together."""
    for name, tensor in [*(("hidden", h) for h in state), ("parameter", weight)]:
        if tensor.device != x.device:
            found = f"input tensor at {x.device} and {name} tensor at {tensor.device}"
            sentence = f"Input and {name} tensors are not at the same device, found"
            raise RuntimeError(f"{sentence} {found}")


def same_dtype(name, tensor, weight, error=RuntimeError):
    """Check a number type against the weights'; under autocast every type is taken."""
    kind, a, b = tensor.device.type, tensor.dtype, weight.dtype
    casting = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    if a != b and not casting:
        cure = f"Convert {name}: {name}.to({b}), or convert model: model.to({a})"
        raise error(f"RNN {name} dtype ({a}) does not match weight dtype ({b}). {cure}")
