"""The equations: one time step each; no parameters are owned here.

N batch   L sequence length   D input size   H hidden size   P projection size

Weights and their order are PyTorch's: `w_ih` acts on the input, `w_hh` on the hidden
state, and the gates lie stacked on the first axis. A state is always a tuple, and goes
in as it comes out.
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

    x: (N, D)   state: (h, c), each (N, H)
    w_ih: (4H, D)   w_hh: (4H, H)   b_ih, b_hh: (4H)
    Source: Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000).
    """
    h, c = state
    i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return h, c


def projected_lstm_step(x, state, w_ih, w_hh, b_ih, b_hh, w_hr):
    """One step of the LSTM with a projection: w_hr shortens h, the cell keeps its size.

    x: (N, D)   state: (h, c), h: (N, P), c: (N, H)
    w_ih: (4H, D)   w_hh: (4H, P)   b_ih, b_hh: (4H) or None   w_hr: (P, H)
    Source: Sak et al. (2014), in the form of torch.nn.LSTM with proj_size.
    """
    h, c = lstm_step(x, state, w_ih, w_hh, b_ih, b_hh)
    return linear(h, w_hr), c


def gru_step(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of the GRU as torch computes it; the gates are stacked as r, z, n.

    x: (N, D)   state: (h,), h: (N, H)
    w_ih: (3H, D)   w_hh: (3H, H)   b_ih, b_hh: (3H)
    Source: Cho et al. (2014), the first preprint: the reset gate after the product.
    """
    (h,) = state
    r_x, z_x, n_x = linear(x, w_ih, b_ih).chunk(3, dim=-1)
    r_h, z_h, n_h = linear(h, w_hh, b_hh).chunk(3, dim=-1)
    r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
    # the reset gate comes after the product; the published paper puts it before
    n = (n_x + r * n_h).tanh()
    return ((1 - z) * n + z * h,)


def gru_step_reset_before(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of the GRU that resets the state before the product.

    Shapes and the order of the gates are those of `gru_step`; the function is another.
    Source: Cho et al. (2014), as published.
    """
    (h,) = state
    sizes = [2 * h.shape[-1], h.shape[-1]]
    w_rz, w_n = w_hh.split(sizes)
    b_rz, b_n = (None, None) if b_hh is None else b_hh.split(sizes)
    r_x, z_x, n_x = linear(x, w_ih, b_ih).chunk(3, dim=-1)
    r_h, z_h = linear(h, w_rz, b_rz).chunk(2, dim=-1)
    r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
    n = (n_x + linear(r * h, w_n, b_n)).tanh()
    return ((1 - z) * n + z * h,)


def scan(step, inputs, state, weights, reverse=False):
    """Apply one step along a sequence, or from its end, carrying the state.

    inputs: (L, N, D)
    ->   outputs: (L, N, H), the hidden state after every step; and the last state
    """
    outputs = []
    for x in inputs.flip(0) if reverse else inputs:
        state = step(x, state, *weights)
        outputs.append(state[0])
    return torch.stack(outputs[::-1] if reverse else outputs), state


def scan_reset(step, inputs, state, weights, reset):
    """Apply one step along sequences that begin anew where `reset` is true.

    inputs: (L, N, D)   reset: (L, N), bool
    ->   as `scan`; before a step at which a sequence begins, its state becomes zeros
    """
    outputs = []
    for x, begin in zip(inputs, beginnings(reset), strict=True):
        state = step(x, forget(state, begin), *weights)
        outputs.append(state[0])
    return torch.stack(outputs), state


def beginnings(reset):
    """Which sequences begin at each step: L tensors of their numbers, few or none.

    reset: (L, N), bool
    """
    return reset.nonzero()[:, 1].split(reset.sum(1).tolist())


def forget(state, begin):
    """The state, a tuple, with zeros for the sequences whose numbers `begin` holds."""
    return tuple(s.index_fill(0, begin, 0) for s in state) if len(begin) else state


def scan_packed(step, inputs, state, weights, batch_sizes, reverse=False):
    """Apply one step along a packed batch: at step t, batch_sizes[t] sequences run.

    inputs: (sum of batch_sizes, D), all of step 0, then all of step 1, and so on
    batch_sizes: a list of numbers that never rise; the first sequences run longest
    ->   outputs, likewise; and the last state of every sequence
    One that has ended keeps its last state; in reverse, one not begun its first.
    """
    outputs, steps, ended = [], inputs.split(batch_sizes), []
    running = tuple(s[: batch_sizes[-1] if reverse else None] for s in state)
    for x in reversed(steps) if reverse else steps:
        n, before = len(x), len(running[0])
        if n > before:  # in reverse: those that begin here, from their first state
            begun = zip(running, state, strict=True)
            running = tuple(torch.cat([now, s[before:n]]) for now, s in begun)
        elif n < before:
            parts = (now.split([n, before - n]) for now in running)
            running, those = zip(*parts, strict=True)
            ended.append(those)
        running = step(x, running, *weights)
        outputs.append(running[0])
    if ended:  # those that ended last lie first
        running = tuple(map(torch.cat, zip(running, *ended[::-1], strict=True)))
    return torch.cat(outputs[::-1] if reverse else outputs), running
