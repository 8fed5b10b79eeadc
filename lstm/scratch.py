"""The study notes' LSTM language model, from bare tensors: their functions and names.
And the GRU's, in the same manner.

N batch   L sequence length   V vocabulary size (also the input size)   H hidden size

Here a weight stands to the right of what it multiplies, X @ W_xi, so W_xi is (V, H):
the transpose of PyTorch's. `lstm.convert` carries the parameters from one layout to the
other.
"""

import torch


def get_lstm_params(vocab_size, num_hiddens, device=None):
    """The 14 parameters: triples for the gates i, f, o and the candidate c; the output.

    Weights are drawn from a normal distribution of standard deviation 0.01; biases are
    zero. Returns [W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o, W_xc, W_hc, b_c,
    W_hq, b_q]; W_x*: (V, H)   W_h*: (H, H)   b_*: (H)   W_hq: (H, V)   b_q: (V)
    Raises ValueError unless both sizes are positive integers.
    """
    for name, size in {"vocab_size": vocab_size, "num_hiddens": num_hiddens}.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be a positive integer, got {size!r}")

    def weight(rows, columns):
        return torch.randn(rows, columns, device=device) * 0.01

    def triple():
        bias = torch.zeros(num_hiddens, device=device)
        return weight(vocab_size, num_hiddens), weight(num_hiddens, num_hiddens), bias

    params = [tensor for _ in "ifoc" for tensor in triple()]
    params += [weight(num_hiddens, vocab_size), torch.zeros(vocab_size, device=device)]
    return [p.requires_grad_() for p in params]


def init_lstm_state(batch_size, num_hiddens, device=None):
    """The state before the first step, (h, c): zeros, each (N, H)."""
    shape = batch_size, num_hiddens
    return torch.zeros(shape, device=device), torch.zeros(shape, device=device)


def scratch_lstm(inputs, state, params):
    """Run the LSTM along a sequence and score the next symbol at every step.

    inputs: (L, N, V), one-hot   state: (h, c), each (N, H)
    ->   scores: (L*N, V), step after step; and the last (h, c)
    Source: equations of Zhang et al., Dive into Deep Learning, the section on the LSTM.
    """
    W_xi, W_hi, b_i, W_xf, W_hf, b_f = params[:6]
    W_xo, W_ho, b_o, W_xc, W_hc, b_c, W_hq, b_q = params[6:]
    h, c = state
    scores = []
    for x in inputs:
        i = torch.sigmoid(x @ W_xi + h @ W_hi + b_i)  # (N, H), as f, o and g
        f = torch.sigmoid(x @ W_xf + h @ W_hf + b_f)
        o = torch.sigmoid(x @ W_xo + h @ W_ho + b_o)
        g = torch.tanh(x @ W_xc + h @ W_hc + b_c)  # the candidate
        c = f * c + i * g
        h = o * torch.tanh(c)
        scores.append(h @ W_hq + b_q)  # (N, V)
    return torch.cat(scores), (h, c)


def get_gru_params(vocab_size, num_hiddens, device=None):
    """The 11 parameters: a triple each for the gates z, r and the candidate h; output.

    Returns [W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q].
    Shapes, scale and errors are those of `get_lstm_params`, with one triple less.
    """
    return get_lstm_params(vocab_size, num_hiddens, device)[3:]


def init_gru_state(batch_size, num_hiddens, device=None):
    """The state before the first step, (h,): zeros, (N, H)."""
    return (torch.zeros(batch_size, num_hiddens, device=device),)


def scratch_gru(inputs, state, params):
    """Run the GRU along a sequence and score the next symbol at every step.

    inputs: (L, N, V), one-hot   state: (h,), (N, H)
    ->   scores: (L*N, V), step after step; and the last (h,)
    Source: Cho et al. (2014), the reset before the product, as in Dive into Deep
    Learning.
    """
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params
    (h,) = state
    scores = []
    for x in inputs:
        z = torch.sigmoid(x @ W_xz + h @ W_hz + b_z)  # (N, H), as r and n
        r = torch.sigmoid(x @ W_xr + h @ W_hr + b_r)
        n = torch.tanh(x @ W_xh + (r * h) @ W_hh + b_h)  # the candidate
        h = z * h + (1 - z) * n
        scores.append(h @ W_hq + b_q)  # (N, V)
    return torch.cat(scores), (h,)
