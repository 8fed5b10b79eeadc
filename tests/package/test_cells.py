"""lstm.LSTMCell and lstm.GRUCell against torch.nn's, in float64."""

import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.testing import assert_close

from lstm import GRUCell, LSTMCell
from tensors import randn

CELLS = {"LSTMCell": (LSTMCell, nn.LSTMCell), "GRUCell": (GRUCell, nn.GRUCell)}


def flat(state):
    return state if isinstance(state, tuple) else (state,)


def some_state(kind, *shape):
    return (randn(*shape), randn(*shape)) if kind == "LSTMCell" else randn(*shape)


@pytest.mark.parametrize("kind", CELLS)
@given(
    size=st.integers(1, 5),
    hidden=st.integers(1, 5),
    bias=st.booleans(),
    batch=st.none() | st.integers(0, 4),
    with_state=st.booleans(),
    seed=st.integers(0, 99),
)
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
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_any_floating_type_and_device_is_taken(kind, dtype):
    ours, theirs = (cell(3, 5, dtype=dtype, device="cpu") for cell in CELLS[kind])
    assert {p.dtype for p in ours.parameters()} == {dtype}
    ours.load_state_dict(theirs.state_dict())
    x, eps = torch.randn(2, 3).to(dtype), torch.finfo(dtype).eps
    assert_close(flat(ours(x)), flat(theirs(x)), rtol=8 * eps, atol=8 * eps)
    far = CELLS[kind][0](3, 5, device="meta", dtype=dtype)
    assert {p.device.type for p in far.parameters()} == {"meta"}
    assert flat(far(torch.zeros(2, 3, device="meta", dtype=dtype)))[0].shape == (2, 5)


@pytest.mark.parametrize("kind", CELLS)
def test_autocast_takes_any_type_and_rounds_as_torch_does(kind):
    ours, theirs = (cell(3, 5) for cell in CELLS[kind])
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for given in (x, x.bfloat16()):
            assert_close(flat(ours(given)), flat(theirs(given)), rtol=0, atol=0.02)


@pytest.mark.parametrize("kind", CELLS)
def test_functional_call_and_vmap_lend_a_cell_other_weights(kind):
    cells = [CELLS[kind][0](3, 5).double() for _ in range(3)]
    weights, buffers = stack_module_state(cells)
    x = randn(2, 3).detach()
    call = lambda w, b: flat(functional_call(cells[0], (w, b), (x,)))
    got = vmap(call)(weights, buffers)
    want = [flat(cell(x)) for cell in cells]
    assert_close(got, tuple(torch.stack(each) for each in zip(*want, strict=True)))


@pytest.mark.parametrize("kind", CELLS)
def test_arguments_go_by_torchs_names_and_inputs_may_have_holes(kind):
    ours, theirs = (cell(input_size=3, hidden_size=5).double() for cell in CELLS[kind])
    ours.load_state_dict(theirs.state_dict())
    x, state = randn(2, 6)[:, ::2], some_state(kind, 2, 5)
    state = list(state) if isinstance(state, tuple) else state
    assert_close(ours(input=x, hx=state), theirs(input=x, hx=state))


@pytest.mark.parametrize("kind", CELLS)
def test_a_size_of_zero_is_allowed_as_in_torch(kind):
    for sizes in ((0, 5), (3, 0)):
        ours, theirs = (cell(*sizes).double() for cell in CELLS[kind])
        ours.load_state_dict(theirs.state_dict())
        assert_close(ours(randn(2, sizes[0])), theirs(randn(2, sizes[0])))
