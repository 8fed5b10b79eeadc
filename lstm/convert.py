"""PyTorch's state_dicts <-> the notes' parameters, Keras's arrays, ONNX's tensors.

V vocabulary size   D input size   H hidden size
G number of gates: 4 in an LSTM, 3 in a GRU, 1 in a plain RNN

Three things differ, and only these: whether a weight stands transposed; the order of
the gates (PyTorch's g, the candidate, is c elsewhere in an LSTM, and its n is h in a
GRU); and how many biases a gate has.
"""

import numpy as np
import torch

TORCH_LSTM, TORCH_GRU = "ifco", "rzh"  # PyTorch's orders, in the notes' letters
ORDERS = {  # of the stacked gates, in the same letters
    "torch": {"LSTM": TORCH_LSTM, "GRU": TORCH_GRU, "RNN": "h"},
    "Keras": {"LSTM": "ifco", "GRU": "zrh", "RNN": "h"},
    "ONNX": {"LSTM": "iofc", "GRU": "zrh", "RNN": "h"},
}
GATES = {4: "LSTM", 3: "GRU", 1: "RNN"}


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
    Raises ValueError unless the layer is an LSTM of one layer, one direction, and
    biases.
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
    for name, tensor in p.items():
        if tuple(tensor.shape) != sizes[name]:
            shape = tuple(tensor.shape)
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
    bias of the other form.
    """
    kernel, recurrent, *biases = arrays(weights)
    kind, hidden = keras_kind(kernel, recurrent)
    state = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
    if biases:
        state |= keras_biases(kind, biases[0], hidden, reset_after)
    order = ORDERS["Keras"][kind], ORDERS["torch"][kind]
    return {name + suffix: reorder(t, *order) for name, t in state.items()}


def to_keras(state, reset_after=True, suffix="_l0"):
    """Return the arrays for a Keras layer's set_weights() from a layer's state_dict.

    state: of an LSTM, GRU or RNN, torch's or ours; reset_after and suffix as in
    `from_keras`; a GRU's weights do not say which form they are meant for
    ->   [kernel, recurrent_kernel, bias], or without the bias if the layer has none
    Where Keras has one bias a gate, torch's two are added.
    Raises ValueError if the state_dict holds no such layer, or one with a projection.
    """
    w_ih, w_hh, *biases = layer_tensors(state, suffix)
    kind = GATES[len(w_hh) // w_hh.shape[1]]
    order = ORDERS["torch"][kind], ORDERS["Keras"][kind]
    found = [reorder(w, *order).T for w in (w_ih, w_hh)]
    if biases:
        pair = [reorder(b, *order) for b in biases]
        two = kind == "GRU" and reset_after
        found.append(torch.stack(pair) if two else pair[0] + pair[1])
    return [t.cpu().numpy().copy(order="C") for t in found]


def to_onnx(state, suffixes=("_l0",)):
    """Return the tensors of ONNX's LSTM, GRU or RNN node from a layer's state_dict.

    suffixes: of the layer's directions, one or two
    ->   W (directions, GH, D), R (directions, GH, H), B (directions, 2GH) if there are
    biases: first all of bias_ih, then all of bias_hh
    Raises what `to_keras` raises.
    """
    each = []
    for suffix in suffixes:
        w_ih, w_hh, *biases = layer_tensors(state, suffix)
        kind = GATES[len(w_hh) // w_hh.shape[1]]
        order = ORDERS["torch"][kind], ORDERS["ONNX"][kind]
        tensors = [reorder(t, *order) for t in (w_ih, w_hh, *biases)]
        each.append([*tensors[:2], torch.cat(tensors[2:])] if biases else tensors)
    return [torch.stack(tensors) for tensors in zip(*each, strict=True)]


def reorder(tensor, old, new):
    """Put the blocks that are stacked on the first axis into another order: a copy.

    old, new: a letter for each block, the same letters
    """
    blocks = dict(zip(old, tensor.chunk(len(old)), strict=True))
    return torch.cat([blocks[gate] for gate in new])


def layer_tensors(state, suffix):
    """The weights and biases of one layer and direction, their shapes checked."""
    names = [f"{n}{suffix}" for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    if any(name not in state for name in names[:2]):
        raise ValueError(f"expected the parameters {names}, got {sorted(state)}")
    if f"weight_hr{suffix}" in state:
        raise ValueError("a projection, weight_hr, has no place in Keras or in ONNX")
    found = [state[name].detach() for name in names if name in state]
    rows, hidden = found[1].shape
    if rows % hidden or rows // hidden not in GATES or len(found[0]) != rows:
        shapes = [tuple(t.shape) for t in found[:2]]
        raise ValueError(f"expected weights (GH, D) and (GH, H), got {shapes}")
    return found


def arrays(weights):
    """Two or three arrays as tensors, copied."""
    if len(weights) not in (2, 3):
        wanted = "kernel, recurrent_kernel and, with use_bias, bias"
        raise ValueError(f"expected the arrays {wanted}, got {len(weights)} of them")
    return [torch.from_numpy(np.array(w)) for w in weights]


def keras_kind(kernel, recurrent):
    """The kind of a Keras layer and its hidden size, by the shapes of its weights."""
    shapes = tuple(kernel.shape), tuple(recurrent.shape)
    wanted = "kernel (D, GH) and recurrent_kernel (H, GH) with G = 4, 3 or 1"
    if recurrent.dim() == kernel.dim() == 2 and kernel.shape[1] == recurrent.shape[1]:
        hidden, columns = recurrent.shape
        if columns % hidden == 0 and columns // hidden in GATES:
            return GATES[columns // hidden], hidden
    raise ValueError(f"expected {wanted}, got {shapes[0]} and {shapes[1]}")


def keras_biases(kind, bias, hidden, reset_after):
    """torch's two biases from Keras's: one and zeros, or both of a GRU's."""
    columns, shape = hidden * len(ORDERS["Keras"][kind]), tuple(bias.shape)
    after = kind == "GRU" and reset_after
    if kind == "GRU" and shape == ((columns,) if reset_after else (2, columns)):
        raise ValueError(refusal(shape, reset_after))
    if shape != (wanted := (2, columns) if after else (columns,)):
        raise ValueError(f"bias must have shape {wanted}, got {shape}")
    first, second = bias if after else (bias, torch.zeros_like(bias))
    return {"bias_ih": first, "bias_hh": second}


def refusal(shape, reset_after):
    """Why a GRU's bias of the other form is not taken."""
    if reset_after:
        return (
            f"a bias of shape {shape} is a GRU's with reset_after=False: it resets the "
            "state before the product, which torch.nn.GRU cannot hold; with "
            "reset_after=False you get weights for lstm.gru_step_reset_before"
        )
    return (
        f"a bias of shape {shape} is a GRU's with reset_after=True: it fits "
        "torch.nn.GRU and not gru_step_reset_before; leave reset_after as it is"
    )
