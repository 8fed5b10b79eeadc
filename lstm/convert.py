"""PyTorch's state_dicts <-> the notes' parameters, Keras's arrays, ONNX's tensors.

V vocabulary size   D input size   H hidden size
G number of gates: 4 in an LSTM, 3 in a GRU, 1 in a plain RNN

Three things differ, and only these: whether a weight stands transposed; the order of
the gates (PyTorch's g, the candidate, is c elsewhere in an LSTM, and its n is h in a
GRU); and how many biases a gate has.
"""

from collections.abc import Mapping

import numpy as np
import torch

TORCH_LSTM, TORCH_GRU = "ifco", "rzh"  # PyTorch's orders, in the notes' letters
ORDERS = {  # of the stacked gates, in the same letters
    "torch": {"LSTM": TORCH_LSTM, "GRU": TORCH_GRU, "RNN": "h"},
    "Keras": {"LSTM": "ifco", "GRU": "zrh", "RNN": "h"},
    "ONNX": {"LSTM": "iofc", "GRU": "zrh", "RNN": "h"},
}
GATES = {4: "LSTM", 3: "GRU", 1: "RNN"}
REFUSED = {  # why a GRU's bias of the other form is, by the form that was asked for
    True: "it resets the state before the product, which torch.nn.GRU cannot hold; "
    "with reset_after=False you get weights for lstm.gru_step_reset_before",
    False: "it fits torch.nn.GRU and not gru_step_reset_before; "
    "leave reset_after as it is",
}


def names(gates):
    """The notes' names: a triple for each gate, in their order, then the output's."""
    kinds = ("W_x", "W_h", "b_")
    return (*(kind + gate for gate in gates for kind in kinds), "W_hq", "b_q")


LSTM_NAMES, GRU_NAMES = names("ifoc"), names("zrh")


def to_torch(params):
    """Return the state_dicts of the nn.LSTM(V, H) and nn.Linear(H, V) that do the same.

    params: the 14 tensors of `lstm.scratch.get_lstm_params`
    ->   weight_ih_l0: (4H, V), weight_hh_l0: (4H, H), bias_ih_l0, bias_hh_l0: (4H);
         weight: (V, H), bias: (V)
    Raises ValueError if the list has another length, or a tensor another shape.
    """
    p = named(params, LSTM_NAMES)
    return stack(p, TORCH_LSTM), output_layer(p)


def gru_to_torch(params):
    """Return the state_dicts of an nn.GRU(V, H) and an nn.Linear(H, V).

    params: the 11 tensors of `lstm.scratch.get_gru_params`
    ->   as `to_torch`, with 3H for 4H
    They fit `gru_step_reset_before`. torch.nn.GRU loads them and computes another
    function: it resets after the product. Raises ValueError as `to_torch`.
    """
    p = named(params, GRU_NAMES)
    return stack(p, TORCH_GRU), output_layer(p)


def from_torch(layer, linear):
    """Return the 14 tensors of the notes from the state_dicts of an LSTM of one layer
    and its output layer.

    The two biases of each gate become their sum. Works for gradients, too, except that
    the gradient of a bias is the same for both: pass zeros for bias_hh_l0.
    Raises ValueError unless it is an LSTM of one layer, one direction, and biases.
    """
    expected = ["bias_hh_l0", "bias_ih_l0", "weight_hh_l0", "weight_ih_l0"]
    if sorted(layer) != expected:
        raise ValueError(f"expected the parameters {expected}, got {sorted(layer)}")
    rows, hidden = layer["weight_hh_l0"].shape
    if rows != 4 * hidden:
        raise ValueError(f"expected an LSTM's 4H rows, {4 * hidden}, got {rows}")
    blocks = {
        "W_x": layer["weight_ih_l0"].chunk(4),
        "W_h": layer["weight_hh_l0"].chunk(4),
        "b_": (layer["bias_ih_l0"] + layer["bias_hh_l0"]).chunk(4),
    }
    p = {"W_hq": linear["weight"], "b_q": linear["bias"]}
    for kind, tensors in blocks.items():
        p |= {kind + g: t for g, t in zip(TORCH_LSTM, tensors, strict=True)}
    return [p[n].T.clone() if p[n].dim() == 2 else p[n].clone() for n in LSTM_NAMES]


def stack(p, gates):
    """Stack the notes' weights, transposed, in PyTorch's order of the gates."""
    biases = torch.cat([p[f"b_{gate}"] for gate in gates])
    return {
        "weight_ih_l0": torch.cat([p[f"W_x{gate}"].T for gate in gates]),
        "weight_hh_l0": torch.cat([p[f"W_h{gate}"].T for gate in gates]),
        "bias_ih_l0": biases,
        "bias_hh_l0": torch.zeros_like(biases),
    }


def output_layer(p):
    """The state_dict of the linear layer that reads the hidden state."""
    return {"weight": p["W_hq"].T.contiguous(), "bias": p["b_q"].clone()}


def named(params, expected):
    """Put the notes' names to a list of tensors; their number and shapes must fit."""
    params = [p.detach() for p in params]
    if len(params) != len(expected):
        listed = f"the {len(expected)} parameters {expected[0]} to {expected[-1]}"
        raise ValueError(f"expected {listed}, got {len(params)}")
    p = dict(zip(expected, params, strict=True))
    if p["W_hq"].dim() != 2:
        shape = tuple(p["W_hq"].shape)
        raise ValueError(f"W_hq must be a matrix (H, V), got shape {shape}")
    hidden, vocab = p["W_hq"].shape
    sizes = {"W_x": (vocab, hidden), "W_h": (hidden, hidden), "b_": (hidden,)}
    sizes = {name: sizes.get(name[:-1]) for name in expected}
    sizes |= {"W_hq": (hidden, vocab), "b_q": (vocab,)}
    for name, shape in ((name, tuple(tensor.shape)) for name, tensor in p.items()):
        if shape != sizes[name]:
            raise ValueError(f"{name} must have shape {sizes[name]}, got {shape}")
    return p


# Keras and ONNX


def from_keras(weights, reset_after=True, suffix="_l0"):
    """Return a layer's state_dict from the arrays of a Keras LSTM, GRU or SimpleRNN.

    weights: as its get_weights() gives them: kernel (D, GH), recurrent_kernel (H, GH),
    and with use_bias its bias: (GH,), but (2, GH) of a GRU with reset_after
    reset_after: the form of a GRU. torch.nn.GRU holds the one with True, Keras's
    default; with False the weights fit `gru_step_reset_before`, and nothing in torch.
    suffix: of the names, "_l1" for a second layer, "_l0_reverse" for a second direction
    ->   weight_ih (GH, D), weight_hh (GH, H), bias_ih, bias_hh (GH), in torch's order
    It holds for Keras's own activations, tanh and sigmoid.
    Raises ValueError for another number of arrays, shapes that are no layer's, or a
    bias of the other form; TypeError for arrays that are not of floats.
    """
    kernel, recurrent, *biases = arrays(weights)
    shapes = [tuple(t.shape) for t in (kernel, recurrent)]
    if not (kind := kind_of(*(shape[::-1] for shape in shapes))):
        wanted = "kernel (D, GH) and recurrent_kernel (H, GH) with G = 4, 3 or 1"
        raise ValueError(f"expected {wanted}, got {shapes[0]} and {shapes[1]}")
    state = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
    if biases:
        state |= keras_biases(kind, biases[0], shapes[1][1], reset_after)
    order = ORDERS["Keras"][kind], ORDERS["torch"][kind]
    return {name + suffix: reorder(t, *order) for name, t in state.items()}


def to_keras(state, reset_after=True, suffix=None):
    """Return the arrays for a Keras layer's set_weights() from a layer's state_dict.

    state: of an LSTM, GRU or RNN, torch's or ours; reset_after as in `from_keras`: a
    GRU's weights do not say which form they are meant for
    suffix: of the names to take; by default "_l0", and there must be no others
    ->   [kernel, recurrent_kernel, bias], or without the bias if the layer has none
    Where Keras has one bias a gate, torch's two are added.
    Raises TypeError for what is no state_dict; ValueError if it holds no such layer, or
    one with a projection, or if others are there and no suffix is given.
    """
    kind, (w_ih, w_hh, *biases) = layer_tensors(state, suffix)
    order = ORDERS["torch"][kind], ORDERS["Keras"][kind]
    found = [reorder(w, *order).T for w in (w_ih, w_hh)]
    if biases:
        pair = [reorder(b, *order) for b in biases]
        found.append(torch.stack(pair) if kind == "GRU" and reset_after else sum(pair))
    return [t.cpu().numpy().copy(order="C") for t in found]


def to_onnx(state, suffixes=(None,)):
    """Return the tensors of ONNX's LSTM, GRU or RNN node from a layer's state_dict.

    suffixes: of the layer's directions, one or two; None as in `to_keras`
    ->   W (directions, GH, D), R (directions, GH, H), B (directions, 2GH) if there are
    biases: first all of bias_ih, then all of bias_hh
    Raises what `to_keras` raises.
    """
    each = []
    for kind, found in (layer_tensors(state, suffix) for suffix in suffixes):
        order = ORDERS["torch"][kind], ORDERS["ONNX"][kind]
        tensors = [reorder(t, *order) for t in found]
        each.append([*tensors[:2], torch.cat(tensors[2:])] if tensors[2:] else tensors)
    return [torch.stack(tensors) for tensors in zip(*each, strict=True)]


def reorder(tensor, old, new):
    """Put the blocks that are stacked on the first axis into another order: a copy.

    old, new: a letter for each block, the same letters
    """
    blocks = dict(zip(old, tensor.chunk(len(old)), strict=True))
    return torch.cat([blocks[gate] for gate in new])


def layer_tensors(state, suffix):
    """The kind of one layer and direction, and its weights and biases, checked."""
    if not isinstance(state, Mapping):
        raise TypeError(f"expected a layer's state_dict(), got {type(state).__name__}")
    alone, suffix = suffix is None, suffix or "_l0"
    names = [f"{n}{suffix}" for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    held = [name for name in names if name in state]
    if held not in (names, names[:2]):
        wanted = f"the parameters {names}, or the weights without biases"
        raise ValueError(f"expected {wanted}, got {sorted(state)}")
    if f"weight_hr{suffix}" in state:
        raise ValueError("a projection, weight_hr, has no place in Keras or in ONNX")
    if alone and (others := sorted({*state} - {*held})):
        raise ValueError(f"expected {held} alone, or a suffix, got {others}, too")
    found = [state[name].detach() for name in held]
    w_ih, w_hh, *biases = shapes = [tuple(t.shape) for t in found]
    if not (kind := kind_of(w_ih, w_hh)):
        raise ValueError(f"expected weights (GH, D) and (GH, H), got {shapes[:2]}")
    if wrong := [b for b in biases if b != w_ih[:1]]:
        raise ValueError(f"expected biases of shape {w_ih[:1]}, got {wrong[0]}")
    return kind, found


def kind_of(w_ih, w_hh):
    """The kind of a layer by its weights' shapes, (GH, D) and (GH, H); None: of none"""
    fits = len(w_ih) == len(w_hh) == 2 and w_ih[0] == w_hh[0] and w_hh[1]
    return GATES.get(w_hh[0] / w_hh[1]) if fits else None


def arrays(weights):
    """Two or three arrays of floats as tensors, copied."""
    if (n := len(weights)) not in (2, 3):
        wanted = "kernel, recurrent_kernel and, with use_bias, bias"
        both = f"; a Bidirectional's are two layers', [:{n // 2}] and [{n // 2}:]"
        found = f"got {n} of them" + both * (n in (4, 6))
        raise ValueError(f"expected the arrays {wanted}, {found}")
    found = [torch.from_numpy(np.array(w)) for w in weights]
    if not all(t.is_floating_point() for t in found):
        raise TypeError(f"expected arrays of floats, got {[t.dtype for t in found]}")
    return found


def keras_biases(kind, bias, columns, reset_after):
    """torch's two biases from Keras's: one and zeros, or both of a GRU's."""
    shape, after = tuple(bias.shape), kind == "GRU" and reset_after
    if kind == "GRU" and shape == ((columns,) if reset_after else (2, columns)):
        other = f"a bias of shape {shape} is a GRU's with reset_after={not reset_after}"
        raise ValueError(f"{other}: {REFUSED[bool(reset_after)]}")
    if shape != (wanted := (2, columns) if after else (columns,)):
        raise ValueError(f"bias must have shape {wanted}, got {shape}")
    pair = bias if after else (bias, torch.zeros_like(bias))
    return dict(zip(("bias_ih", "bias_hh"), pair, strict=True))
