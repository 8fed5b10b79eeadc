"""The notes' functions against torch's layer, and the GRU's against its equations."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lstm import (
    from_torch,
    get_gru_params,
    get_lstm_params,
    gru_step_reset_before,
    gru_to_torch,
    init_gru_state,
    init_lstm_state,
    scan,
    scratch_gru,
    scratch_lstm,
    to_torch,
)
from lstm.convert import GRU_NAMES, LSTM_NAMES
from tensors import gradients, randn

V, H = 7, 5
MODELS = {
    "lstm": (get_lstm_params, init_lstm_state, LSTM_NAMES),
    "gru": (get_gru_params, init_gru_state, GRU_NAMES),
}


def drawn(get_params):
    """Parameters of size one, so that no term of an equation is small."""
    return [randn(*p.shape) for p in get_params(V, H)]


@pytest.mark.parametrize("kind", MODELS)
def test_parameters_have_the_notes_names_shapes_and_scale_and_zero_biases(kind):
    get_params, _, names = MODELS[kind]
    params = get_params(40, 50)
    own = {"W_hq": (50, 40), "b_q": (40,)}
    shapes = {"W_x": (40, 50), "W_h": (50, 50), "b_": (50,)}
    for name, p in zip(names, params, strict=True):
        assert tuple(p.shape) == own.get(name, shapes.get(name[:-1]))
        assert p.requires_grad
        assert p.is_leaf
        assert 0.009 < p.std() < 0.011 if p.dim() == 2 else not p.any()
    count = len({p.data_ptr() for p in params})
    assert count == len(names) == {"lstm": 14, "gru": 11}[kind]


@pytest.mark.parametrize("kind", MODELS)
def test_the_first_state_is_zeros_two_tensors_of_an_lstm_and_one_of_a_gru(kind):
    state = MODELS[kind][1](2, H)
    assert len(state) == {"lstm": 2, "gru": 1}[kind]
    assert all(s.shape == (2, H) and not s.any() for s in state)


@pytest.mark.parametrize("kind", MODELS)
def test_parameters_and_states_are_made_on_the_device_that_is_named(kind):
    get_params, init_state, _ = MODELS[kind]
    made = [*get_params(V, H, "meta"), *init_state(2, H, "meta")]
    assert {tensor.device.type for tensor in made} == {"meta"}


def test_the_lstm_equals_torchs_in_scores_states_and_every_gradient():
    params, x, h, c = drawn(get_lstm_params), randn(6, 2, V), randn(2, H), randn(2, H)
    layer, linear = nn.LSTM(V, H).double(), nn.Linear(H, V).double()
    for module, weights in zip((layer, linear), to_torch(params), strict=True):
        module.load_state_dict(weights)
    scores, state = scratch_lstm(x, (h, c), params)
    output, (h_n, c_n) = layer(x, (h[None], c[None]))
    want = linear(output).flatten(0, 1), h_n[0], c_n[0]
    assert_close((scores, *state), want)
    ours = gradients((scores, *state), [*params, x, h, c])
    leaves = [*layer.parameters(), *linear.parameters(), x, h, c]
    theirs = gradients(want, leaves)
    stacked = dict(zip(layer.state_dict(), theirs[:4], strict=True))
    stacked["bias_hh_l0"] = torch.zeros_like(stacked["bias_hh_l0"])
    carried = from_torch(stacked, {"weight": theirs[4], "bias": theirs[5]})
    assert_close(list(ours), [*carried, *theirs[6:]])


def test_gradients_of_the_lstm_are_those_of_finite_differences():
    params, x = drawn(get_lstm_params), randn(3, 2, V).detach()
    state = tuple(s.double() for s in init_lstm_state(2, H))
    assert torch.autograd.gradcheck(lambda *ps: scratch_lstm(x, state, ps)[0], params)


def test_the_gru_is_the_form_with_the_reset_before_in_scores_states_and_gradients():
    params, x, h = drawn(get_gru_params), randn(6, 2, V), randn(2, H)
    got = scratch_gru(x, (h,), params)
    weights = [w.requires_grad_() for w in gru_to_torch(params)[0].values()]
    outputs, end = scan(gru_step_reset_before, x, (h,), weights)
    want = (outputs @ params[-2] + params[-1]).flatten(0, 1)
    assert_close((got[0], *got[1]), (want, *end))
    ours = gradients((got[0], *got[1]), [*params, x, h])
    leaves = [*weights[:3], *params[-2:], x, h]
    *stacked, d_w, d_b, d_x, d_h = gradients((want, *end), leaves)
    w_ih, w_hh, b_ih = (t.chunk(3) for t in stacked)
    carried = [t for k in (1, 0, 2) for t in (w_ih[k].T, w_hh[k].T, b_ih[k])]
    assert_close(list(ours), [*carried, d_w, d_b, d_x, d_h])


@pytest.mark.parametrize("get_params", [get_lstm_params, get_gru_params])
@pytest.mark.parametrize("sizes", [(0, 5), (5, -1), (5, 2.5)])
def test_sizes_that_make_no_sense_are_refused_by_name(get_params, sizes):
    wrong = r"(vocab_size|num_hiddens) must be a positive integer, got"
    with pytest.raises(ValueError, match=wrong):
        get_params(*sizes)


def test_a_state_of_another_batch_is_refused():
    with pytest.raises(RuntimeError, match="must match"):
        scratch_lstm(torch.zeros(2, 3, V), init_lstm_state(2, H), get_lstm_params(V, H))
