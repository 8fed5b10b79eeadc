"""The recurrence and its way back in plain PyTorch: the loop in Python, nothing copied.

N batch   L sequence length   H hidden size   R rows: all N*L vectors of a batch

An engine for `lstm.fast.through_time`, which says what the buffers hold. All sequences
are of one length.
"""

import torch

sigmoid_back = torch.ops.aten.sigmoid_backward.grad_input
tanh_back = torch.ops.aten.tanh_backward.grad_input


def lstm_gates(sums, c_old, c, h):
    """From the sums of a step, in place, to its gates, cell and hidden state."""
    H = h.shape[-1]
    sums[:, : 2 * H].sigmoid_()
    sums[:, 2 * H : 3 * H].tanh_()
    sums[:, 3 * H :].sigmoid_()
    i, f, g, o = sums.chunk(4, dim=-1)
    torch.mul(f, c_old, out=c).addcmul_(i, g)
    torch.tanh(c, out=h).mul_(o)


def lstm_slopes(d_h, d_c, gates, c_old, c, d):
    """One step back: the derivatives by its sums, into d; d_c becomes the old cell's.

    d_h, d_c: (N, H), all that reaches the step's h and c   gates, d: (N, 4H)
    """
    i, f, g, o = gates.chunk(4, dim=-1)
    d_i, d_f, d_g, d_o = d.chunk(4, dim=-1)
    shown = c.tanh()
    torch.mul(d_h, shown, out=d_o)
    sigmoid_back(d_o, o, grad_input=d_o)
    d_h.mul_(o)
    d_c.add_(tanh_back(d_h, shown, grad_input=d_h))
    torch.mul(d_c, g, out=d_i)
    torch.mul(d_c, c_old, out=d_f)
    H = d_c.shape[-1]
    sigmoid_back(d[:, : 2 * H], gates[:, : 2 * H], grad_input=d[:, : 2 * H])
    torch.mul(d_c, i, out=d_g)
    tanh_back(d_g, g, grad_input=d_g)
    d_c.mul_(f)


def gru_gates(values, sums, h_old, h):
    """From the sums n, r, z of the input, (N, 4H) with room for q, and those of the
    state, r, z, q, to the gates, in place, and the hidden state."""
    H = h.shape[-1]
    n, q = values[:, :H], values[:, 3 * H :]
    values[:, H : 3 * H].add_(sums[:, : 2 * H]).sigmoid_()
    q.copy_(sums[:, 2 * H :])
    n.addcmul_(values[:, H : 2 * H], q).tanh_()
    torch.lerp(n, h_old, values[:, 2 * H : 3 * H], out=h)


def gru_slopes(d_h, values, h_old, d):
    """One step back: the derivatives by its sums, into d; d_h becomes what goes on."""
    n, r, z, q = values.chunk(4, dim=-1)
    d_n, d_r, d_z, d_q = d.chunk(4, dim=-1)
    torch.sub(h_old, n, out=d_z).mul_(d_h)
    sigmoid_back(d_z, z, grad_input=d_z)
    torch.addcmul(d_h, d_h, z, value=-1, out=d_n)
    tanh_back(d_n, n, grad_input=d_n)
    torch.mul(d_n, r, out=d_q)
    torch.mul(d_n, q, out=d_r)
    sigmoid_back(d_r, r, grad_input=d_r)
    d_h.mul_(z)


class Engine:
    """The loop in Python; `gates` and `slopes` do what is done to a step's sums."""

    def __init__(self, change=lambda function: function):
        self.lstm_gates, self.lstm_slopes = change(lstm_gates), change(lstm_slopes)
        self.gru_gates, self.gru_slopes = change(gru_gates), change(gru_slopes)

    def lstm_forward(self, sums, tokens, _, values, hidden, cells, w, sizes, reverse):
        """Fill values, hidden and cells."""
        if tokens is not None:
            values.copy_(sums[tokens])
        steps = by_steps(sizes, reverse, values)
        for (v,), h_old, h, c_old, c in zip(
            steps,
            *pairs(hidden, sizes, reverse),
            *pairs(cells, sizes, reverse),
            strict=True,
        ):
            v.addmm_(h_old, w.T)
            self.lstm_gates(v, c_old, c, h)

    def lstm_backward(
        self,
        d_outputs,
        d_last,
        carry,
        d_first,
        values,
        d,
        hidden,
        cells,
        w,
        sizes,
        reverse,
    ):
        """Fill d and d_first; carry becomes the derivative by the first cells."""
        steps = [*by_steps(sizes, reverse, values, d, d_outputs)]
        olds, news = pairs(cells, sizes, reverse)
        d_h = d_first.copy_(d_last)
        for (v, d_t, d_y), c_old, c in zip(
            steps[::-1], olds[::-1], news[::-1], strict=True
        ):
            d_h += d_y
            self.lstm_slopes(d_h, carry, v, c_old, c, d_t)
            torch.mm(d_t, w, out=d_h)

    def gru_forward(self, sums, tokens, bias, values, hidden, _, w, sizes, reverse):
        """Fill values and hidden."""
        if tokens is not None:
            values.copy_(sums[tokens])
        H = w.shape[1]
        bias = torch.cat([bias.new_zeros(2 * H), bias])
        steps = by_steps(sizes, reverse, values)
        for (v,), h_old, h in zip(steps, *pairs(hidden, sizes, reverse), strict=True):
            self.gru_gates(v, torch.addmm(bias, h_old, w.T), h_old, h)

    def gru_backward(
        self, d_outputs, d_last, carry, d_first, values, d, hidden, _, w, sizes, reverse
    ):
        """Fill d and d_first."""
        H = w.shape[1]
        steps = [*by_steps(sizes, reverse, values, d, d_outputs)]
        olds, _ = pairs(hidden, sizes, reverse)
        d_h = d_first.copy_(d_last)
        for (v, d_t, d_y), h_old in zip(steps[::-1], olds[::-1], strict=True):
            d_h += d_y
            self.gru_slopes(d_h, v, h_old, d_t)
            d_h.addmm_(d_t[:, H:], w)

    @staticmethod
    def add_rows(table, tokens, d):
        """table[token] += row, for all: one product with the one-hot vectors."""
        ones = torch.zeros(len(tokens), len(table), dtype=table.dtype)
        torch.mm(ones.scatter_(1, tokens[:, None], 1.0).T, d, out=table)


def by_steps(sizes, reverse, *buffers):
    """Views (N, ...) of buffers (R, ...), step by step in the order of computation."""
    order = -1 if reverse else 1
    return zip(*(b.split(sizes[0])[::order] for b in buffers), strict=True)


def pairs(states, sizes, reverse):
    """Of a buffer (R + N, H): what each step comes from, and what it gives."""
    parts = states.split(sizes[0])[:: -1 if reverse else 1]
    return parts[:-1], parts[1:]


EAGER = Engine()
