"""The parameter lists of the study notes <-> PyTorch's state_dicts.

V vocabulary size   H hidden size   G number of gates: 4 in an LSTM, 3 in a GRU

Three things differ, and only these: the notes' weights stand transposed; their gates
stand in another order (PyTorch's g, the candidate, is the notes' c in an LSTM, and its
n their h in a GRU); they have one bias a gate where PyTorch has two.
"""

import torch

TORCH_LSTM, TORCH_GRU = "ifco", "rzh"  # PyTorch's orders, in the notes' letters


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
