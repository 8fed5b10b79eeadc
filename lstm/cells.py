"""The equations: one time step each; no parameters are owned here.

N batch   L sequence length   D input size   H hidden size

Weights and their order are PyTorch's: `w_ih` acts on the input, `w_hh` on the hidden state, and the
gates lie stacked on the first axis. A state is always a tuple, and goes in as it comes out.
"""

import torch
from torch.nn.functional import linear


def rnn_step(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of the plain (Elman) RNN: h' = tanh(W_ih x + b_ih + W_hh h + b_hh).

    x: (N, D)   state: (h,), h: (N, H)   w_ih: (H, D)   w_hh: (H, H)   b_ih, b_hh: (H)
    Source: Elman (1990), in the form of torch.nn.RNN.
    """
    (h,) = state
    return ((linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).tanh(),)


def lstm_step(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of the LSTM; the gates are stacked in the order i, f, g, o.

    x: (N, D)   state: (h, c), each (N, H)   w_ih: (4H, D)   w_hh: (4H, H)   b_ih, b_hh: (4H)
    Source: Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000).
    """
    h, c = state
    i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return h, c


def gru_step(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of the GRU as torch computes it; the gates are stacked in the order r, z, n.

    x: (N, D)   state: (h,), h: (N, H)   w_ih: (3H, D)   w_hh: (3H, H)   b_ih, b_hh: (3H)
    Source: Cho et al. (2014), with the reset gate applied after the product.
    """
    (h,) = state
    r_x, z_x, n_x = linear(x, w_ih, b_ih).chunk(3, dim=-1)
    r_h, z_h, n_h = linear(h, w_hh, b_hh).chunk(3, dim=-1)
    r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
    # the reset gate comes after the product, as in torch; Cho et al. put it before
    n = (n_x + r * n_h).tanh()
    return ((1 - z) * n + z * h,)


def scan(step, inputs, state, weights):
    """Apply one step along a sequence, carrying the state.

    inputs: (L, N, D)   ->   outputs: (L, N, H), the hidden state after every step; and the last state
    """
    outputs = []
    for x in inputs:
        state = step(x, state, *weights)
        outputs.append(state[0])
    return torch.stack(outputs), state
