"""The recurrence and its way back in plain PyTorch: the loop in Python, nothing copied.

N batch   L sequence length   H hidden size   R rows: all N*L vectors of a batch

An engine for `lstm.fast.through_time`, which says what the buffers hold. All sequences
are of one length.
"""

import torch

from lstm.steps import beginnings, forget

sigmoid_back = torch.ops.aten.sigmoid_backward.grad_input
tanh_back = torch.ops.aten.tanh_backward.grad_input


def tanh(x, out):
    """tanh(x) = 2 sigmoid(2x) - 1: exact to a rounding of 1, faster than torch.tanh."""
    return torch.mul(x, 2, out=out).sigmoid_().mul_(2).sub_(1)


def lstm_gates(sums, i, f, g, o, c_old, c, h):
    """From a step's sums (N, 4H) to its gates, cell and hidden state, each (N, H)."""
    s_i, s_f, s_g, s_o = sums.chunk(4, dim=-1)
    torch.sigmoid(s_i, out=i)
    torch.sigmoid(s_f, out=f)
    tanh(s_g, out=g)
    torch.sigmoid(s_o, out=o)
    torch.mul(f, c_old, out=c).addcmul_(i, g)
    tanh(c, out=h).mul_(o)


def lstm_slopes(d_h, d_c, i, f, g, o, c_old, c):
    """One step back: from its gates, in place, to the derivatives by its sums.

    d_h, d_c: (N, H), all that reaches the step's h and c; d_c becomes the old cell's
    """
    shown = tanh(c, out=torch.empty_like(c))
    through = d_h * o
    d_c.add_(tanh_back(through, shown, grad_input=through))
    sigmoid_back(d_h.mul_(shown), o, grad_input=o)
    d_i, d_f, d_g = d_c * g, d_c * c_old, d_c * i
    d_c.mul_(f)
    sigmoid_back(d_i, i, grad_input=i)
    sigmoid_back(d_f, f, grad_input=f)
    tanh_back(d_g, g, grad_input=g)


def gru_gates(values, sums, h_old, h):
    """From the sums n, r, z of the input, (N, 4H) with room for q, and those of the
    state, r, z, q, to the gates, in place, and the hidden state."""
    H = h.shape[-1]
    n, q = values[:, :H], values[:, 3 * H :]
    values[:, H : 3 * H].add_(sums[:, : 2 * H]).sigmoid_()
    q.copy_(sums[:, 2 * H :])
    n.addcmul_(values[:, H : 2 * H], q).tanh_()
    torch.lerp(n, h_old, values[:, 2 * H : 3 * H], out=h)


def gru_slopes(d_h, values, h_old):
    """One step back, in place; d_h becomes what goes on beside the products."""
    n, r, z, q = values.chunk(4, dim=-1)
    d_z = (h_old - n).mul_(d_h)
    d_n = torch.addcmul(d_h, d_h, z, value=-1)
    tanh_back(d_n, n, grad_input=n)
    d_h.mul_(z)
    sigmoid_back(d_z, z, grad_input=z)
    d_r = n * q
    torch.mul(n, r, out=q)
    sigmoid_back(d_r, r, grad_input=r)


def in_order(w, rows):
    """w in the order in which oneDNN multiplies many rows by it; float64 as it is."""
    if not has_linear(w):
        return w
    return torch.ops.mkldnn._reorder_linear_weight(w, rows)


def linear(x, w, more=None):
    """x @ w.T (+ more), by oneDNN where it can: fast on every maker's processors."""
    if not has_linear(x):
        return x @ w.T if more is None else torch.addmm(more, x, w.T)
    own = torch.ops.mkldnn._linear_pointwise
    if more is None:
        return own.default(x, w, None, "none", [], "")
    return own.binary(x, more, w, None, "add")


def has_linear(tensor):
    """Whether oneDNN multiplies what is of this type here."""
    there = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled
    return there and tensor.dtype == torch.float32


class Engine:
    """The loop in Python; `gates` and `slopes` do what is done to a step's sums."""

    pad = few = 0

    def __init__(self, change=lambda function: function):
        self.lstm_gates, self.lstm_slopes = change(lstm_gates), change(lstm_slopes)
        self.gru_gates, self.gru_slopes = change(gru_gates), change(gru_slopes)

    def lstm_forward(
        self, sums, tokens, _, __, ___, values, hidden, cells, w, sizes, reverse, reset
    ):
        """Fill values, hidden and cells."""
        if tokens is not None:
            values.copy_(sums[tokens])
        ordered = in_order(w, sizes[0])
        for (v, *gates), h_old, h, c_old, c, begin in zip(
            by_steps(sizes, reverse, values, *values.chunk(4, -1)),
            *pairs(hidden, sizes, reverse),
            *pairs(cells, sizes, reverse),
            anew(reset, sizes),
            strict=True,
        ):
            h_old, c_old = forget((h_old, c_old), begin)
            self.lstm_gates(linear(h_old, ordered, v), *gates, c_old, c, h)

    def lstm_backward(
        self,
        d_outputs,
        d_last,
        carry,
        d_first,
        values,
        hidden,
        cells,
        w,
        sizes,
        reverse,
        reset,
    ):
        """Put slopes over the values, fill d_first; carry becomes the first cells'."""
        steps = [*by_steps(sizes, reverse, d_outputs, values, *values.chunk(4, -1))]
        olds, news = pairs(cells, sizes, reverse)
        d_h, ordered = d_last, in_order(w.T, sizes[0])
        turned = (each[::-1] for each in (steps, olds, news, anew(reset, sizes)))
        for (d_y, v, *gates), c_old, c, begin in zip(*turned, strict=True):
            (c_old,) = forget((c_old,), begin)
            self.lstm_slopes(d_h + d_y, carry, *gates, c_old, c)
            (d_h,) = forget((linear(v, ordered),), begin)
            if len(begin):
                carry.index_fill_(0, begin, 0)
        d_first.copy_(d_h)

    def gru_forward(
        self, sums, tokens, _, __, bias, values, hidden, ___, w, sizes, reverse, reset
    ):
        """Fill values and hidden."""
        if tokens is not None:
            values.copy_(sums[tokens])
        ordered = in_order(w, sizes[0])
        steps, states = by_steps(sizes, reverse, values), pairs(hidden, sizes, reverse)
        for (v,), h_old, h, begin in zip(
            steps, *states, anew(reset, sizes), strict=True
        ):
            (h_old,) = forget((h_old,), begin)
            sums = linear(h_old, ordered)
            sums[:, -len(bias) :].add_(bias)
            self.gru_gates(v, sums, h_old, h)

    def gru_backward(
        self,
        d_outputs,
        d_last,
        carry,
        d_first,
        values,
        hidden,
        _,
        w,
        sizes,
        reverse,
        reset,
    ):
        """Put slopes over the values, fill d_first."""
        H = w.shape[1]
        steps = [*by_steps(sizes, reverse, values, d_outputs)]
        olds, _ = pairs(hidden, sizes, reverse)
        d_h, ordered = d_last, in_order(w.T, sizes[0])
        turned = (each[::-1] for each in (steps, olds, anew(reset, sizes)))
        for (v, d_y), h_old, begin in zip(*turned, strict=True):
            (h_old,) = forget((h_old,), begin)
            d_h = d_h + d_y
            self.gru_slopes(d_h, v, h_old)
            (d_h,) = forget((d_h.add_(linear(v[:, H:], ordered)),), begin)
        d_first.copy_(d_h)

    @staticmethod
    def transposed(slopes, inputs):
        """The slopes (R, J), transposed, times the inputs (R, K).   ->   (J, K)"""
        if not slopes.is_contiguous():
            return slopes.T @ inputs
        return linear(inputs.T, slopes.T).T

    @staticmethod
    def add_rows(table, tokens, slopes):
        """table[token] += row, for all: one product with the one-hot vectors."""
        ones = torch.zeros(len(tokens), len(table), dtype=table.dtype)
        torch.mm(ones.scatter_(1, tokens[:, None], 1.0).T, slopes, out=table)


def by_steps(sizes, reverse, *buffers):
    """Views (N, ...) of buffers (R, ...), step by step in the order of computation."""
    order = -1 if reverse else 1
    return zip(*(b.split(sizes[0])[::order] for b in buffers), strict=True)


def anew(reset, sizes):
    """Which sequences begin at each step, as `lstm.steps.forget` wants it."""
    return [()] * len(sizes) if reset is None else beginnings(reset)


def pairs(states, sizes, reverse):
    """Of a buffer (R + N, H): what each step comes from, and what it gives."""
    parts = states.split(sizes[0])[:: -1 if reverse else 1]
    return parts[:-1], parts[1:]


EAGER = Engine()
