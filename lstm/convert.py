"""The parameter list of the study notes <-> PyTorch's state_dict.

V vocabulary size   H hidden size

Three things differ, and only these: the notes' weights stand transposed; their gate order is i f o c where
PyTorch's is i f g o (g is c, the candidate); they have one bias a gate where PyTorch has two.
"""

import torch

NAMES = (
    "W_xi",
    "W_hi",
    "b_i",
    "W_xf",
    "W_hf",
    "b_f",
    "W_xo",
    "W_ho",
    "b_o",
    "W_xc",
    "W_hc",
    "b_c",
    "W_hq",
    "b_q",
)
TORCH_GATES = "ifco"  # PyTorch's order, in the notes' letters
GRU_NAMES = tuple(f"{kind}{gate}" for gate in "zrh" for kind in ("W_x", "W_h", "b_"))


def to_torch(params):
    """Return the state_dicts of torch.nn.LSTM(V, H) and torch.nn.Linear(H, V) that compute the same function.

    params: the 14 tensors of `lstm.scratch.get_lstm_params`
    ->   {weight_ih_l0: (4H, V), weight_hh_l0: (4H, H), bias_ih_l0: (4H), bias_hh_l0: (4H), zeros},
         {weight: (V, H), bias: (V)}
    Raises ValueError if the list has another length, or a tensor another shape.
    """
    p = _named(params)
    biases = torch.cat([p[f"b_{gate}"] for gate in TORCH_GATES])
    layer = {
        "weight_ih_l0": torch.cat([p[f"W_x{gate}"].T for gate in TORCH_GATES]),
        "weight_hh_l0": torch.cat([p[f"W_h{gate}"].T for gate in TORCH_GATES]),
        "bias_ih_l0": biases,
        "bias_hh_l0": torch.zeros_like(biases),
    }
    return layer, {"weight": p["W_hq"].T.contiguous(), "bias": p["b_q"].clone()}


def gru_to_torch(params):
    """Return a GRU's parameters in torch's layout, for `gru_step_reset_before`: its gates are stacked as r, z, n.

    params: the 11 tensors of `lstm.scratch.get_gru_params`; the output layer's two are left out
    ->   {weight_ih_l0: (3H, V), weight_hh_l0: (3H, H), bias_ih_l0: (3H), bias_hh_l0: (3H), zeros}
    torch.nn.GRU loads them and computes another function: it resets after the product.
    Raises ValueError if the list has another length.
    """
    params = [p.detach() for p in params]
    if len(params) != len(GRU_NAMES) + 2:
        raise ValueError(
            f"expected the {len(GRU_NAMES) + 2} parameters {', '.join(GRU_NAMES)}, W_hq, b_q, got {len(params)}"
        )
    p = dict(zip(GRU_NAMES, params, strict=False))
    biases = torch.cat([p[f"b_{gate}"] for gate in "rzh"])
    return {
        "weight_ih_l0": torch.cat([p[f"W_x{gate}"].T for gate in "rzh"]),
        "weight_hh_l0": torch.cat([p[f"W_h{gate}"].T for gate in "rzh"]),
        "bias_ih_l0": biases,
        "bias_hh_l0": torch.zeros_like(biases),
    }


def from_torch(layer, linear):
    """Return the 14 tensors of the notes from the state_dicts of a one-layer LSTM and its output layer.

    The two biases of each gate become their sum. Works for a dictionary of gradients, too, except that the
    gradient of a bias is the same for both: pass zeros for bias_hh_l0.
    Raises ValueError if the layer's parameters are not those of one layer, one direction, with biases.
    """
    expected = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}
    if set(layer) != expected:
        raise ValueError(
            f"expected the parameters {sorted(expected)}, got {sorted(layer)}"
        )
    stacked = {
        "W_x": layer["weight_ih_l0"].chunk(4),
        "W_h": layer["weight_hh_l0"].chunk(4),
        "b_": (layer["bias_ih_l0"] + layer["bias_hh_l0"]).chunk(4),
    }
    p = {kind + gate: tensor.T if tensor.dim() == 2 else tensor
         for kind, tensors in stacked.items() for gate, tensor in zip(TORCH_GATES, tensors, strict=True)}  # fmt: skip
    p |= {"W_hq": linear["weight"].T, "b_q": linear["bias"]}
    return [p[name].clone() for name in NAMES]


def _named(params):
    params = [p.detach() for p in params]
    if len(params) != len(NAMES):
        raise ValueError(
            f"expected the {len(NAMES)} parameters {', '.join(NAMES)}, got {len(params)}"
        )
    p = dict(zip(NAMES, params, strict=True))
    if p["W_hq"].dim() != 2:
        raise ValueError(
            f"W_hq must be a matrix (H, V), got shape {tuple(p['W_hq'].shape)}"
        )
    hidden, vocab = p["W_hq"].shape
    expected = {"W_x": (vocab, hidden), "W_h": (hidden, hidden), "b_": (hidden,)}
    for name, tensor in p.items():
        want = {"W_hq": (hidden, vocab), "b_q": (vocab,)}.get(name) or expected[
            name[:-1]
        ]
        if tuple(tensor.shape) != want:
            raise ValueError(
                f"{name} must have shape {want}, got {tuple(tensor.shape)}"
            )
    return p
