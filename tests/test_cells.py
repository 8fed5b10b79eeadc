"""The equations against torch's cells and layers, in float64, gradients too."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lstm import gru_step, lstm_step, rnn_step, scan

CELLS = {
    "rnn": (rnn_step, nn.RNNCell, 1),
    "lstm": (lstm_step, nn.LSTMCell, 2),
    "gru": (gru_step, nn.GRUCell, 1),
}
LAYERS = {
    "rnn": (rnn_step, nn.RNN, 1),
    "lstm": (lstm_step, nn.LSTM, 2),
    "gru": (gru_step, nn.GRU, 1),
}


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", CELLS)
def test_one_step_equals_torchs_cell_gradients_too(kind, bias):
    step, cell, states = CELLS[kind]
    theirs = cell(3, 5, bias=bias).double()
    x, state = randn(2, 3), tuple(randn(2, 5) for _ in range(states))
    got = step(x, state, *theirs.parameters())
    want = theirs(x, state if states == 2 else state[0])
    want = want if states == 2 else (want,)
    assert_close(got, want)
    leaves = [x, *state, *theirs.parameters()]
    weights = [torch.randn_like(t) for t in got]
    scalar = lambda tensors: sum(
        (w * t).sum() for w, t in zip(weights, tensors, strict=True)
    )
    gradients = (
        torch.autograd.grad(scalar(got), leaves),
        torch.autograd.grad(scalar(want), leaves),
    )
    assert_close(*gradients)
    assert all(g.abs().max() > 0 for g in gradients[0])


@pytest.mark.parametrize("kind", LAYERS)
def test_scan_equals_torchs_layer_and_carries_the_state(kind):
    step, layer, states = LAYERS[kind]
    theirs = layer(3, 5).double()
    x, state = randn(7, 2, 3), tuple(randn(1, 2, 5) for _ in range(states))
    want, last = theirs(x, state if states == 2 else state[0])
    got, ours = scan(step, x, tuple(s[0] for s in state), theirs.all_weights[0])
    assert_close(got, want)
    for mine, yours in zip(ours, last if states == 2 else (last,), strict=True):
        assert_close(mine, yours[0])


@pytest.mark.parametrize("kind", CELLS)
def test_gradients_are_those_of_finite_differences(kind):
    step, cell, states = CELLS[kind]
    weights = [p.detach().double().requires_grad_() for p in cell(2, 3).parameters()]
    x, state = randn(2, 2), [randn(2, 3) for _ in range(states)]

    def function(x, *rest):
        return step(x, rest[:states], *rest[states:])

    assert torch.autograd.gradcheck(function, (x, *state, *weights))


def test_a_sequence_may_be_cut_anywhere_if_the_state_is_carried():
    theirs = nn.LSTM(3, 5).double()
    x, state = randn(8, 2, 3), (randn(2, 5), randn(2, 5))
    whole, end = scan(lstm_step, x, state, theirs.all_weights[0])
    first, middle = scan(lstm_step, x[:3], state, theirs.all_weights[0])
    second, last = scan(lstm_step, x[3:], middle, theirs.all_weights[0])
    assert_close(torch.cat([first, second]), whole)
    assert_close(last, end)


def test_a_shape_that_does_not_fit_raises():
    weights = [p.detach() for p in nn.LSTMCell(3, 5).parameters()]
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        lstm_step(torch.zeros(2, 4), (torch.zeros(2, 5), torch.zeros(2, 5)), *weights)
