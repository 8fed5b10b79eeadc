"""The gradients by hand against autograd on torch.nn.LSTM, in float64."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lstm import lstm_step, scan
from lstm.backward import (
    lstm_backward,
    lstm_forward,
    lstm_step_backward,
    lstm_step_saving,
)
from tensors import randn

ARRIVALS = ("everywhere", "outputs", "last output", "h_n", "c_n")


def plain(*shape):
    """Numbers that ask for no gradient: those here are worked out by hand."""
    return randn(*shape).detach()


def setting(bias=True, length=7):
    """A layer, inputs and a first state that is not zero.

    The weights are larger than torch's, so that no term is small.
    """
    theirs = nn.LSTM(3, 5, bias=bias).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(2)
    return theirs, plain(length, 2, 3), (plain(2, 5), plain(2, 5))


def arriving(where, length):
    """What arrives from the loss: d_outputs, (d_h_n, d_c_n)."""
    d_outputs, d_h, d_c = plain(length, 2, 5), plain(2, 5), plain(2, 5)
    if where not in ("everywhere", "outputs", "last output"):
        d_outputs = torch.zeros_like(d_outputs)
    if where == "last output":
        d_outputs[:-1] = 0
    keep_h, keep_c = where in ("everywhere", "h_n"), where in ("everywhere", "c_n")
    return d_outputs, (d_h * keep_h, d_c * keep_c)


def by_autograd(theirs, inputs, state, d_outputs, d_state):
    """Gradients of inputs, h_0, c_0 and every parameter, from torch.nn.LSTM."""
    leaves = [t.clone().requires_grad_() for t in (inputs, *state)]
    x, h, c = leaves
    outputs, (h_n, c_n) = theirs(x, (h[None], c[None]))
    found = outputs, h_n[0], c_n[0]
    leaves += theirs.parameters()
    return torch.autograd.grad(found, leaves, (d_outputs, *d_state))


def by_hand(theirs, inputs, state, d_outputs, d_state):
    weights = theirs.all_weights[0]
    _, _, saved = lstm_forward(inputs, state, weights)
    d_inputs, d_first, d_weights = lstm_backward(d_outputs, d_state, saved, weights)
    return d_inputs, *d_first, *d_weights


@pytest.mark.parametrize("length", [1, 7])
@pytest.mark.parametrize("where", ARRIVALS)
@pytest.mark.parametrize("bias", [True, False])
def test_every_gradient_equals_autograds(bias, where, length):
    theirs, inputs, state = setting(bias, length)
    arrives = arriving(where, length)
    want = by_autograd(theirs, inputs, state, *arrives)
    got = by_hand(theirs, inputs, state, *arrives)
    assert len(got) == 3 + (4 if bias else 2)
    assert_close(got, want)
    assert all(g.abs().max() > 0 for g in got)


def test_the_forward_pass_is_that_of_scan():
    theirs, inputs, state = setting()
    weights = theirs.all_weights[0]
    outputs, last, _ = lstm_forward(inputs, state, weights)
    want, want_last = scan(lstm_step, inputs, state, weights)
    assert_close((outputs, *last), (want, *want_last))


def test_one_step_back_equals_torchs_cell():
    theirs = nn.LSTMCell(3, 5).double()
    x, h, c = (t.requires_grad_() for t in (plain(2, 3), plain(2, 5), plain(2, 5)))
    d_h, d_c = plain(2, 5), plain(2, 5)
    want = torch.autograd.grad(theirs(x, (h, c)), [x, h, c], (d_h, d_c))
    w_ih, w_hh = theirs.weight_ih, theirs.weight_hh
    _, saved = lstm_step_saving(x, (h, c), *theirs.parameters())
    d_sums, d_c_before = lstm_step_backward(d_h, d_c, saved)
    assert_close((d_sums @ w_ih, d_sums @ w_hh, d_c_before), want)


def test_gradients_are_those_of_finite_differences():
    """A witness that is not autograd: move everything a little along one direction."""
    theirs, inputs, state = setting()
    d_outputs, d_state = arriving("everywhere", 7)
    start = [inputs, *state, *(w.detach() for w in theirs.all_weights[0])]
    direction = [torch.randn_like(t) for t in start]

    def loss(eps):
        x, h, c, *weights = (s + eps * d for s, d in zip(start, direction, strict=True))
        outputs, (h_n, c_n), _ = lstm_forward(x, (h, c), weights)
        given = zip((outputs, h_n, c_n), (d_outputs, *d_state), strict=True)
        return sum((tensor * weight).sum() for tensor, weight in given)

    measured = (loss(1e-5) - loss(-1e-5)) / 2e-5
    gradients = by_hand(theirs, inputs, state, d_outputs, d_state)
    predicted = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True))
    assert_close(measured, predicted, rtol=1e-6, atol=1e-8)


def test_a_sequence_may_be_cut_in_two_if_the_gradient_is_carried_across():
    theirs, inputs, state = setting()
    weights, (d_outputs, d_state) = theirs.all_weights[0], arriving("everywhere", 7)
    want = by_hand(theirs, inputs, state, d_outputs, d_state)
    _, middle, first = lstm_forward(inputs[:3], state, weights)
    _, _, second = lstm_forward(inputs[3:], middle, weights)
    d_late, d_middle, late = lstm_backward(d_outputs[3:], d_state, second, weights)
    d_early, d_start, early = lstm_backward(d_outputs[:3], d_middle, first, weights)
    summed = [a + b for a, b in zip(early, late, strict=True)]
    assert_close((torch.cat([d_early, d_late]), *d_start, *summed), want)


def test_a_zero_carried_across_a_cut_is_what_detaching_the_state_does():
    theirs, inputs, state = setting()
    weights, d_outputs = theirs.all_weights[0], plain(7, 2, 5)
    zeros = torch.zeros(2, 5).double(), torch.zeros(2, 5).double()
    _, middle, first = lstm_forward(inputs[:3], state, weights)
    _, _, second = lstm_forward(inputs[3:], middle, weights)
    late = lstm_backward(d_outputs[3:], zeros, second, weights)[2]
    early = lstm_backward(d_outputs[:3], zeros, first, weights)[2]
    got = [a + b for a, b in zip(early, late, strict=True)]

    outputs, carried = theirs(inputs[:3], tuple(s[None] for s in state))
    rest, _ = theirs(inputs[3:], tuple(s.detach() for s in carried))
    loss = (torch.cat([outputs, rest]) * d_outputs).sum()
    assert_close(got, list(torch.autograd.grad(loss, list(theirs.parameters()))))
    whole = by_hand(theirs, inputs, state, d_outputs, zeros)[3:]
    assert not torch.allclose(got[1], whole[1], rtol=1e-2)  # something is lost


def test_nothing_is_recorded_for_autograd_and_no_argument_is_changed():
    theirs, inputs, state = setting()
    d_outputs, d_state = arriving("everywhere", 7)
    given = [inputs, *state, d_outputs, *d_state, *theirs.parameters()]
    before = [t.detach().clone() for t in given]
    got = by_hand(theirs, inputs, state, d_outputs, d_state)
    assert not any(g.requires_grad for g in got)
    assert all(torch.equal(a, b) for a, b in zip(given, before, strict=True))
    assert got[-1].data_ptr() != got[-2].data_ptr()  # each bias has its own


def test_gradients_of_another_shape_than_the_outputs_raise():
    theirs, inputs, state = setting()
    weights = theirs.all_weights[0]
    _, _, saved = lstm_forward(inputs, state, weights)
    for shape in ((6, 2, 5), (7, 1, 5), (2, 7, 5)):
        with pytest.raises(ValueError, match=r"expected .* \(7, 2, 5\)"):
            lstm_backward(plain(*shape), state, saved, weights)
