"""lstm.LSTMCell and lstm.GRUCell against torch.nn's, in float64."""

import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from lstm import GRUCell, LSTMCell

CELLS = {"LSTMCell": (LSTMCell, nn.LSTMCell), "GRUCell": (GRUCell, nn.GRUCell)}


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def flat(state):
    return state if isinstance(state, tuple) else (state,)


def some_state(kind, *shape):
    return (randn(*shape), randn(*shape)) if kind == "LSTMCell" else randn(*shape)


@pytest.mark.parametrize("kind", CELLS)
@given(size=st.integers(1, 5), hidden=st.integers(1, 5), bias=st.booleans(),
       batch=st.none() | st.integers(0, 4), with_state=st.booleans(), seed=st.integers(0, 99))  # fmt: skip
def test_a_step_equals_torchs_gradients_too(
    kind, size, hidden, bias, batch, with_state, seed
):
    made = []
    for cell in CELLS[kind]:
        torch.manual_seed(seed)
        made.append(cell(size, hidden, bias=bias))
    assert list(made[0].state_dict()) == list(made[1].state_dict())
    weights = [dict(cell.state_dict()) for cell in made]
    assert_close(*weights, rtol=0, atol=0)  # the first numbers are torch's
    assert repr(made[0]) == repr(made[1])
    axes = () if batch is None else (batch,)
    x = randn(*axes, size)
    state = some_state(kind, *axes, hidden) if with_state else None
    found = []
    for cell in made:
        tensors = flat(cell.double()(x, state))
        torch.manual_seed(1)
        scalar = sum((torch.randn_like(t) * t).sum() for t in tensors)
        leaves = [x, *(flat(state) if with_state else ()), *cell.parameters()]
        found.append([*tensors, *torch.autograd.grad(scalar, leaves)])
    assert_close(*found)


@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_in_a_loop_is_a_layer(kind):
    cell = CELLS[kind][0](3, 5).double()
    layer = getattr(nn, kind.removesuffix("Cell"))(3, 5).double()
    layer.load_state_dict({f"{name}_l0": p for name, p in cell.state_dict().items()})
    x, state, outputs = randn(7, 2, 3), None, []
    for step in x:
        state = cell(step, state)
        outputs.append(flat(state)[0])
    assert_close(torch.stack(outputs), layer(x)[0])


@pytest.mark.parametrize("kind", CELLS)
def test_derivatives_are_those_of_finite_differences(kind):
    cell, x = CELLS[kind][0](2, 3).double(), randn(2, 2)
    state = flat(some_state(kind, 2, 3))
    f = lambda x, *state: flat(cell(x, state if kind == "LSTMCell" else state[0]))
    assert torch.autograd.gradcheck(f, (x, *state))
    assert torch.autograd.gradgradcheck(f, (x, *state))


@pytest.mark.parametrize("kind", CELLS)
def test_weights_go_both_ways_and_copies_are_whole(kind):
    ours, theirs = (cell(3, 5).double() for cell in CELLS[kind])
    x = randn(2, 3)
    ours.load_state_dict(theirs.state_dict())
    assert_close(ours(x), theirs(x))
    for other in (pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):
        assert_close(other(x), ours(x), rtol=0, atol=0)
    ours.reset_parameters()
    theirs.load_state_dict(ours.state_dict())
    assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("kind", CELLS)
def test_without_bias_the_names_are_there_and_empty(kind):
    for cell in CELLS[kind]:
        made = cell(3, 5, bias=False)
        assert made.bias_ih is None
        assert made.bias_hh is None
        assert list(made.state_dict()) == ["weight_ih", "weight_hh"]


@pytest.mark.parametrize("kind", CELLS)
def test_a_size_of_zero_is_allowed_as_in_torch(kind):
    for sizes in ((0, 5), (3, 0)):
        ours, theirs = (cell(*sizes).double() for cell in CELLS[kind])
        ours.load_state_dict(theirs.state_dict())
        assert_close(ours(randn(2, sizes[0])), theirs(randn(2, sizes[0])))
