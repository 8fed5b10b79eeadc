"""A layer's way through time as one function of autograd, its way back by hand.

N batch   L sequence length   D input size   H hidden size
R rows: all N*L vectors, those of step 0, then those of step 1, as in a PackedSequence

Around the recurrence itself, which an engine computes, stands here what is one product
for all steps: the input's part of the sums before, the gradients of the weights after.

An engine has `lstm_forward`, `lstm_backward`, `gru_forward`, `gru_backward`,
`add_rows` and `transposed`, and fills the buffers that it is handed, with `pad` numbers
of room behind each row of the values. Up to `few` inputs it multiplies itself.
`lstm.fast.operator.cpp` says what is in the buffers. A GRU's gates stand in torch's
weights as r, z, n, in the buffers as n, r, z, q: so what belongs to the input lies
together, and what belongs to the state.
"""

from functools import lru_cache

import torch
from torch.autograd import Function
from torch.nn.functional import one_hot

from lstm.steps import gru_step, lstm_step, scan_packed, scan_reset

STEPS = {"LSTM": lstm_step, "GRU": gru_step}


def through_time(
    engine, kind, inputs, state, weights, sizes, reverse=False, reset=None
):
    """Run an LSTM or a GRU along a batch of sequences, like `lstm.scan_packed`.

    inputs: (R, D), or tokens (R), int64, in place of their one-hot vectors
    state: (h, c) or (h,), each (N, H)   weights: w_ih, w_hh, b_ih, b_hh (or None twice)
    sizes: how many sequences run at each step, a tuple that never rises
    reset: (L, N), bool, as for `lstm.scan_reset`; nothing is then packed or in reverse
    ->   outputs (R, H); the last state, a tuple
    """
    if reset is not None:  # a copy: on the way back the caller's may be another
        reset = reset.clone(memory_format=torch.contiguous_format)
    arguments = engine, kind, sizes, reverse, reset, inputs, *weights, *state
    tensors = [t for t in (inputs, *weights, *state) if t is not None]
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        outputs, *state = ThroughTime.apply(*arguments)
    else:
        values = forward(*arguments)
        outputs, *state = results(kind, sizes, reverse, *values[1:])
    return outputs, tuple(state)


class ThroughTime(Function):
    """The recurrence of one layer in one direction."""

    @staticmethod
    def forward(ctx, engine, kind, sizes, reverse, reset, inputs, *weights_and_state):
        ctx.how = engine, kind, sizes, reverse, reset
        ctx.spent = False
        kept = forward(*ctx.how, inputs, *weights_and_state)
        ctx.save_for_backward(inputs, *weights_and_state, *kept)
        return results(kind, sizes, reverse, *kept[1:])

    @staticmethod
    def backward(ctx, *slopes):
        *given, values, hidden, cells = ctx.saved_tensors
        none, needed = [None] * len(ctx.how), ctx.needs_input_grad[len(ctx.how) :]
        if torch.is_grad_enabled():  # the gradient is to be differentiated again
            return *none, *replayed(ctx.how, given, slopes, needed)
        kept = values, hidden, cells
        if ctx.spent:  # a second way back: the values were overwritten by the first
            kept = forward(*ctx.how, *given)
        ctx.spent = True
        return *none, *backward(ctx.how, given, kept, slopes, needed)


def forward(
    engine, kind, sizes, reverse, reset, inputs, w_ih, w_hh, b_ih, b_hh, h, c=None
):
    """Compute all states   ->   values: (R, 4H); hidden, cells: (R + N, H)"""
    H, N, R = w_hh.shape[1], sizes[0], sum(sizes)
    values, hidden = w_hh.new_empty(R, 4 * H + engine.pad), w_hh.new_empty(R + N, H)
    values = values[:, : 4 * H]
    own, bias = w_ih, None if b_ih is None else b_ih + b_hh
    last = w_hh[0]  # of a GRU's q; an LSTM has none
    if kind == "GRU":
        own, last = w_ih.roll(H, 0), w_hh.new_zeros(H)
        if b_ih is not None:
            bias, last = torch.cat([b_ih[2 * H :], bias[: 2 * H]]), b_hh[2 * H :]
    columns = len(own)
    tokens = few = sums = None
    if not inputs.is_floating_point():
        tokens, sums = inputs, values.new_zeros(own.shape[1], 4 * H)
        torch.add(own.T, 0 if bias is None else bias, out=sums[:, :columns])
    elif own.shape[1] <= engine.few:
        few = inputs.contiguous(), own.contiguous()
        sums = (own.new_zeros(columns) if bias is None else bias).expand(R, -1)
    elif bias is None:
        torch.mm(inputs, own.T, out=values[:, :columns])
    else:
        torch.addmm(bias, inputs, own.T, out=values[:, :columns])
    sums = values if sums is None else sums
    first = R if reverse else 0
    hidden[first : first + N] = h
    cells = hidden
    if c is not None:
        cells = torch.empty_like(hidden)
        cells[first : first + N] = c
    run = engine.lstm_forward if kind == "LSTM" else engine.gru_forward
    given = sums, tokens, *(few or (None, None)), last
    run(*given, values, hidden, cells, w_hh.contiguous(), sizes, reverse, reset)
    return values, hidden, cells


def results(kind, sizes, reverse, hidden, cells):
    """The outputs, and the last state of every sequence, from the buffers of states."""
    N, R = sizes[0], sum(sizes)
    begin = 0 if reverse else N  # of the rows in the buffers
    outputs, cells = hidden[begin : begin + R], cells[begin : begin + R]
    states = (outputs, cells) if kind == "LSTM" else (outputs,)
    if reverse or sizes[-1] == N:
        end = N if reverse else R
        return outputs, *(s[end - N : end].clone() for s in states)
    return outputs, *(s.index_select(0, last_rows(sizes)) for s in states)


def backward(how, given, kept, slopes, needed):
    """The gradients of inputs, weights and first state; None where none is needed.

    What was kept is spent by this.
    """
    engine, kind, sizes, reverse, reset = how
    inputs, w_ih, w_hh, b_ih, *_ = given
    values, hidden, cells = kept
    d = values.data  # the slopes go over the values, which autograd is not to notice
    d_outputs, d_h, *d_c = (slope.contiguous() for slope in slopes)
    H, K = w_hh.shape[1], len(w_ih)
    carry = d_c[0].clone() if d_c else torch.zeros_like(d_h)
    d_first = torch.empty_like(d_h)
    run = engine.lstm_backward if kind == "LSTM" else engine.gru_backward
    states = hidden, cells, w_hh.contiguous(), sizes, reverse, reset
    run(d_outputs, d_h, carry, d_first, d, *states)

    d_inputs = d_w_ih = d_w_hh = d_b_ih = d_b_hh = None
    own, other = d[:, :K], d[:, 4 * H - K :]  # by the sums of the input, of the state
    if needed[0]:
        d_inputs = own @ (w_ih if kind == "LSTM" else w_ih.roll(H, 0))
    if needed[2]:
        d_w_hh = engine.transposed(other, states_before(hidden, sizes, reverse, reset))
    if any(needed[i] for i in (1, 3, 4)):
        d_w_ih, d_b = input_gradients(engine, inputs, d, w_ih.shape[1])
        d_w_ih, d_b_ih = d_w_ih[:K], d_b[:K]
        # memory of its own: whoever clips in place must not scale the same twice
        d_b_hh = d_b[4 * H - K :].clone()
        if kind == "GRU":
            d_w_ih, d_b_ih = d_w_ih.roll(-H, 0), d_b_ih.roll(-H, 0)
    biases = (None, None) if b_ih is None else (d_b_ih, d_b_hh)
    return d_inputs, d_w_ih, d_w_hh, *biases, d_first, *([carry] if d_c else [])


def input_gradients(engine, inputs, d, size):
    """The gradients of the input's weights (4H, D), and of a bias (4H): one product."""
    if not inputs.is_floating_point():
        table = d.new_zeros(size, d.shape[1])
        engine.add_rows(table, inputs, d)
        return table.T, table.sum(0)
    # a column of ones gives the bias
    ones = inputs.new_ones(len(inputs), 1)
    both = engine.transposed(d, torch.cat([inputs, ones], 1))
    return both[:, :size], both[:, size]


def replayed(how, given, slopes, needed):
    """The gradients by autograd through the plain equations, to be differentiated."""
    _, kind, sizes, reverse, reset = how
    inputs, w_ih, w_hh, b_ih, b_hh, *state = given
    vectors = inputs
    if not inputs.is_floating_point():
        vectors = one_hot(inputs, w_ih.shape[1]).to(w_ih.dtype)
    weights = w_ih, w_hh, b_ih, b_hh
    if reset is None:
        outputs, last = scan_packed(
            STEPS[kind], vectors, tuple(state), weights, list(sizes), reverse
        )
    else:
        batch = vectors.view(len(sizes), sizes[0], -1), tuple(state), weights
        outputs, last = scan_reset(STEPS[kind], *batch, reset)
        outputs = outputs.flatten(0, 1)
    wanted = [
        tensor for tensor, is_needed in zip(given, needed, strict=True) if is_needed
    ]
    found = torch.autograd.grad(
        (outputs, *last), wanted, slopes, create_graph=True, allow_unused=True
    )
    found = iter(found)
    return [next(found) if is_needed else None for is_needed in needed]


def states_before(hidden, sizes, reverse, reset=None):
    """The state that each row was computed from   ->   (R, H)"""
    N, R = sizes[0], sum(sizes)
    if reset is not None:
        return hidden[:R].masked_fill(reset.view(R, 1), 0)
    if sizes[-1] == N:
        return hidden[N:] if reverse else hidden[:R]
    return hidden.index_select(0, rows_before(sizes, reverse))


@lru_cache(maxsize=32)
def last_rows(sizes):
    """The last row of every sequence of a packed batch."""
    sizes, n = torch.tensor(sizes), torch.arange(sizes[0])
    lengths = (sizes[:, None] > n).sum(0)
    return (sizes.cumsum(0) - sizes)[lengths - 1] + n


@lru_cache(maxsize=32)
def rows_before(sizes, reverse):
    """Where the state before each row of a packed batch lies among the states."""
    N, R = sizes[0], sum(sizes)
    rows, each = torch.arange(R), torch.tensor(sizes)
    if not reverse:
        earlier = torch.tensor([N, *sizes[:-1]])  # the first states lie before all rows
        return rows + (N - earlier).repeat_interleave(each)
    later = torch.tensor([*sizes[1:], 0])
    n = rows - (each.cumsum(0) - each).repeat_interleave(each)
    goes_on = n < later.repeat_interleave(each)  # else from a first state, behind them
    return torch.where(goes_on, rows + each.repeat_interleave(each), R + n)
