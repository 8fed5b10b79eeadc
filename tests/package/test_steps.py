"""The equations against torch's cells and layers, in float64, gradients too."""

import itertools

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lstm import (
    gru_step,
    gru_step_reset_before,
    lstm_step,
    projected_lstm_step,
    rnn_step,
    scan,
    scan_packed,
    scan_reset,
)
from lstm.steps import beginnings, forget
from tensors import gradients, randn

STEPS = {  # the step, torch's cell and layer, and how many tensors a state has
    "rnn": (rnn_step, nn.RNNCell, nn.RNN, 1),
    "lstm": (lstm_step, nn.LSTMCell, nn.LSTM, 2),
    "gru": (gru_step, nn.GRUCell, nn.GRU, 1),
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", STEPS)
def test_one_step_equals_torchs_cell_gradients_too(kind, bias):
    step, cell, _, states = STEPS[kind]
    theirs = cell(3, 5, bias=bias).double()
    x, state = randn(2, 3), tuple(randn(2, 5) for _ in range(states))
    got = step(x, state, *theirs.parameters())
    want = theirs(x, state if states == 2 else state[0])
    want = want if states == 2 else (want,)
    assert_close(got, want)
    leaves = [x, *state, *theirs.parameters()]
    ours = gradients(got, leaves)
    assert_close(ours, gradients(want, leaves))
    assert all(g.abs().max() > 0 for g in ours)


@pytest.mark.parametrize("kind", STEPS)
def test_scan_equals_torchs_layer_and_carries_the_state_gradients_too(kind):
    step, _, layer, states = STEPS[kind]
    theirs = layer(3, 5).double()
    x, state = randn(7, 2, 3), tuple(randn(1, 2, 5) for _ in range(states))
    want, last = theirs(x, state if states == 2 else state[0])
    last = last if states == 2 else (last,)
    got, ours = scan(step, x, tuple(s[0] for s in state), theirs.all_weights[0])
    assert_close((got, *ours), (want, *(s[0] for s in last)))
    leaves = [x, *state, *theirs.parameters()]
    theirs = gradients([want, *(s[0] for s in last)], leaves)
    assert_close(gradients([got, *ours], leaves), theirs)


@pytest.mark.parametrize("kind", STEPS)
def test_gradients_are_those_of_finite_differences(kind):
    step, cell, _, states = STEPS[kind]
    weights = [p.detach().double().requires_grad_() for p in cell(2, 3).parameters()]
    x, state = randn(2, 2), [randn(2, 3) for _ in range(states)]

    def function(x, *rest):
        return step(x, rest[:states], *rest[states:])

    assert torch.autograd.gradcheck(function, (x, *state, *weights))


@pytest.mark.parametrize("kind", STEPS)
def test_in_reverse_the_last_step_comes_first_and_outputs_keep_their_places(kind):
    step, _, layer, states = STEPS[kind]
    weights, x = layer(3, 5).double().all_weights[0], randn(7, 2, 3)
    state = tuple(randn(2, 5) for _ in range(states))
    outputs, last = scan(step, x, state, weights, reverse=True)
    flipped, end = scan(step, x.flip(0), state, weights)
    assert_close(outputs, flipped.flip(0))
    assert_close(last, end)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", STEPS)
def test_a_packed_batch_is_each_of_its_sequences_alone(kind, reverse):
    step, _, layer, states = STEPS[kind]
    weights, x = layer(3, 5).double().all_weights[0], randn(4, 3, 3)
    state, lengths = tuple(randn(3, 5) for _ in range(states)), (4, 2, 1)
    sizes = [sum(t < length for length in lengths) for t in range(4)]
    assert sizes == [3, 2, 1, 1]
    packed = torch.cat([x[t, :n] for t, n in enumerate(sizes)])
    outputs, last = scan_packed(step, packed, state, weights, sizes, reverse)
    steps = outputs.split(sizes)
    for n, length in enumerate(lengths):
        own = tuple(s[n : n + 1] for s in state)
        alone, end = scan(step, x[:length, n : n + 1], own, weights, reverse)
        assert_close(torch.stack([steps[t][n] for t in range(length)]), alone[:, 0])
        assert_close(tuple(s[n : n + 1] for s in last), end)


@pytest.mark.parametrize("kind", STEPS)
def test_a_sequence_that_begins_anew_is_runs_of_its_own(kind):
    step, _, layer, states = STEPS[kind]
    weights, x = layer(3, 5).double().all_weights[0], randn(6, 3, 3)
    state = tuple(randn(3, 5) for _ in range(states))
    reset = torch.zeros(6, 3, dtype=torch.bool)
    reset[0, 1] = reset[2, 0] = reset[2, 1] = reset[5, 1] = True
    outputs, last = scan_reset(step, x, state, weights, reset)
    zeros = tuple(torch.zeros_like(s[:1]) for s in state)
    for n, cuts in enumerate(([0, 2, 6], [0, 2, 5, 6], [0, 6])):
        end = tuple(s[n : n + 1] for s in state)
        for a, b in itertools.pairwise(cuts):
            start = zeros if reset[a, n] else end
            alone, end = scan(step, x[a:b, n : n + 1], start, weights)
            assert_close(outputs[a:b, n], alone[:, 0])
        assert_close(tuple(s[n : n + 1] for s in last), end)


def test_who_begins_at_each_step_and_what_is_forgotten():
    reset = torch.tensor([[0, 0, 0], [1, 0, 1], [0, 1, 0]]).bool()
    assert [begin.tolist() for begin in beginnings(reset)] == [[], [0, 2], [1]]
    state = torch.ones(3, 2), torch.ones(3, 4)
    assert forget(state, torch.tensor([], dtype=torch.int64)) is state
    h, c = forget(state, torch.tensor([0, 2]))
    assert h.tolist() == [[0, 0], [1, 1], [0, 0]]
    assert c.any(1).tolist() == [False, True, False]


@pytest.mark.parametrize("bias", [True, False])
def test_projected_steps_equal_torchs_gradients_too_and_may_leave_the_unit_interval(
    bias,
):
    theirs = nn.LSTM(3, 5, bias=bias, proj_size=2).double()
    w_ih, w_hh, *biases, w_hr = theirs.all_weights[0]
    weights = w_ih, w_hh, *(biases or (None, None)), w_hr
    x, h, c = randn(7, 2, 3), randn(1, 2, 2), randn(1, 2, 5)
    want, (h_n, c_n) = theirs(x, (h, c))
    got, last = scan(projected_lstm_step, x, (h[0], c[0]), weights)
    assert_close((got, *last), (want, h_n[0], c_n[0]))
    leaves = [x, h, c, *theirs.parameters()]
    assert_close(
        gradients([got, *last], leaves), gradients([want, h_n[0], c_n[0]], leaves)
    )
    far = projected_lstm_step(x[0], (h[0], c[0]), *weights[:4], 100 * w_hr)
    assert far[0].abs().max() > 1


@pytest.mark.parametrize("bias", [True, False])
def test_the_reset_before_the_product_is_another_function(bias):
    cell, x, h = nn.GRUCell(3, 5, bias=bias).double(), randn(2, 3), randn(2, 5)
    weights = list(cell.parameters())
    (before,), (after,) = (
        step(x, (h,), *weights) for step in (gru_step_reset_before, gru_step)
    )
    assert (before - after).abs().max() > 1e-3
    # word by word
    w_i, w_h = weights[:2]
    b_i, b_h = weights[2:] if bias else torch.zeros(2, 15).double()
    gates = x @ w_i.T + b_i
    r, z = ((gates + h @ w_h.T + b_h)[:, 5 * k : 5 * k + 5].sigmoid() for k in (0, 1))
    n = (gates[:, 10:] + (r * h) @ w_h[10:].T + b_h[10:]).tanh()
    assert_close(before, (1 - z) * n + z * h)
    leaves = [x, h, *weights]
    f = lambda x, h, *weights: gru_step_reset_before(x, (h,), *weights)
    assert torch.autograd.gradcheck(f, leaves)


def test_the_two_forms_of_the_reset_agree_where_it_is_open():
    """With R = 1 the product may come before or after."""
    weights = [p.detach() for p in nn.GRUCell(3, 5).double().parameters()]
    weights[2][:5] = 1e3  # the reset gate's bias
    x, h = randn(2, 3), (randn(2, 5),)
    assert_close(gru_step_reset_before(x, h, *weights), gru_step(x, h, *weights))


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_sequence_may_be_cut_anywhere_if_the_state_is_carried(cut):
    weights = nn.LSTM(3, 5).double().all_weights[0]
    x, state = randn(8, 2, 3), (randn(2, 5), randn(2, 5))
    whole, end = scan(lstm_step, x, state, weights)
    first, middle = scan(lstm_step, x[:cut], state, weights)
    second, last = scan(lstm_step, x[cut:], middle, weights)
    assert_close(torch.cat([first, second]), whole)
    assert_close(last, end)


def test_an_input_of_another_size_than_the_weights_raises():
    weights = [p.detach() for p in nn.LSTMCell(3, 5).parameters()]
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        lstm_step(torch.zeros(2, 4), (torch.zeros(2, 5), torch.zeros(2, 5)), *weights)
