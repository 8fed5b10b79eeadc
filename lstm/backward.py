"""The LSTM's gradients by hand: back through one step, then back through time.

N batch   L sequence length   D input size   H hidden size

Plain tensors, no autograd. d_x is the derivative of the loss with respect to x, and has
the shape of x. Weights and their order are PyTorch's, as in `lstm.steps`: w_ih (4H, D),
w_hh (4H, H), b_ih and b_hh (4H), gates stacked in the order i, f, g, o.
"""

import torch
from torch.nn.functional import linear


def lstm_step_saving(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of the LSTM, with what the way back will need.

    x: (N, D)   state: (h, c), each (N, H)
    ->   the new (h, c); saved: the old c, the gates i, f, g, o, tanh of the new c
    Source: Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000).
    """
    h, c = state
    i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, dim=-1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c_new = f * c + i * g
    shown = c_new.tanh()
    return (o * shown, c_new), (c, i, f, g, o, shown)


def lstm_step_backward(d_h, d_c, saved):
    """One step back: from the state after it to the gates' sums and the old cell.

    d_h, d_c: (N, H), all that reaches h and c from later steps and the step's output
    saved: from `lstm_step_saving`
    ->   d_sums: (N, 4H), in the order i, f, g, o; d_c of the old cell: (N, H)
    Products give the rest: d_x is d_sums @ w_ih, and the old d_h is d_sums @ w_hh.
    """
    c, i, f, g, o, shown = saved
    d_c = d_c + d_h * o * (1 - shown**2)
    d_i = d_c * g * i * (1 - i)
    d_f = d_c * c * f * (1 - f)
    d_g = d_c * i * (1 - g**2)
    d_o = d_h * shown * o * (1 - o)
    return torch.cat([d_i, d_f, d_g, d_o], dim=-1), d_c * f


@torch.no_grad()
def lstm_forward(inputs, state, weights):
    """Run the LSTM along a sequence and keep what `lstm_backward` will need.

    inputs: (L, N, D)   state: (h, c), each (N, H)   weights: w_ih, w_hh(, b_ih, b_hh)
    ->   outputs: (L, N, H); the last (h, c); saved
    """
    hiddens, steps = [state[0]], []
    for x in inputs:
        state, saved = lstm_step_saving(x, state, *weights)
        hiddens.append(state[0])
        steps.append(saved)
    return torch.stack(hiddens[1:]), state, (inputs, torch.stack(hiddens[:-1]), steps)


@torch.no_grad()
def lstm_backward(d_outputs, d_state, saved, weights):
    """Backpropagation through time: the gradients of all that went into `lstm_forward`.

    d_outputs: (L, N, H)
    d_state: (d_h, d_c), each (N, H), of the last state, beside its part in d_outputs
    ->   d_inputs: (L, N, D); (d_h, d_c) of the first state; a list, one for each weight
    Raises ValueError if d_outputs has not the outputs' shape. Source: Werbos (1990).
    """
    inputs, hiddens, steps = saved
    if d_outputs.shape != hiddens.shape:
        raise ValueError(
            f"d_outputs has shape {tuple(d_outputs.shape)}, "
            f"expected that of the outputs, {tuple(hiddens.shape)}"
        )
    w_ih, w_hh = weights[:2]
    (d_h, d_c), d_sums = d_state, []
    for d_output, step in zip(reversed(d_outputs), reversed(steps), strict=True):
        d_sum, d_c = lstm_step_backward(d_h + d_output, d_c, step)
        d_h = d_sum @ w_hh
        d_sums.append(d_sum)
    d_sums = torch.stack(d_sums[::-1])
    # one product for all steps: a sum over steps and sequences
    rows = d_sums.flatten(0, 1)  # (L*N, 4H)
    d_w_ih = rows.T @ inputs.flatten(0, 1)
    d_w_hh = rows.T @ hiddens.flatten(0, 1)
    d_b_ih, d_b_hh = rows.sum(dim=0), rows.sum(dim=0)
    gradients = [d_w_ih, d_w_hh, d_b_ih, d_b_hh][: len(weights)]
    return d_sums @ w_ih, (d_h, d_c), gradients
