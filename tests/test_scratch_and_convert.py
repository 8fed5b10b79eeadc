"""The notes' functions, and the bridge between their parameters and torch's."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lstm import (
    from_torch,
    get_gru_params,
    get_lstm_params,
    gru,
    gru_step_reset_before,
    gru_to_torch,
    init_gru_state,
    init_lstm_state,
    lstm,
    scan,
    to_torch,
)
from lstm.convert import GRU_NAMES, NAMES

V, H = 7, 5


def drawn():
    return [
        torch.randn_like(p).double().requires_grad_() for p in get_lstm_params(V, H)
    ]


def torch_modules(params):
    layer, linear = nn.LSTM(V, H).double(), nn.Linear(H, V).double()
    for_layer, for_linear = to_torch(params)
    layer.load_state_dict(for_layer)
    linear.load_state_dict(for_linear)
    return layer, linear


def test_there_are_fourteen_parameters_with_the_notes_shapes_scale_and_zero_biases():
    torch.manual_seed(0)
    params = get_lstm_params(40, 50)
    shapes = dict(zip(NAMES, (tuple(p.shape) for p in params), strict=True))
    for gate in "ifoc":
        assert [shapes[k + gate] for k in ("W_x", "W_h", "b_")] == [
            (40, 50),
            (50, 50),
            (50,),
        ]
    assert (shapes["W_hq"], shapes["b_q"]) == ((50, 40), (40,))
    assert all(p.requires_grad and p.is_leaf for p in params)
    assert all((p == 0).all() for p in params if p.dim() == 1)
    for p in params:
        if p.dim() == 2:
            assert 0.009 < p.std() < 0.011


def test_the_initial_state_is_two_zero_tensors():
    state = init_lstm_state(2, H)
    assert len(state) == 2
    assert all(s.shape == (2, H) and not s.any() for s in state)


def test_scratch_equals_torch_in_scores_states_and_every_gradient():
    params = drawn()
    layer, linear = torch_modules(params)
    x = torch.randn(6, 2, V, dtype=torch.float64, requires_grad=True)
    h, c = (
        torch.randn(2, H, dtype=torch.float64, requires_grad=True) for _ in range(2)
    )
    scores, (h_t, c_t) = lstm(x, (h, c), params)
    output, (h_n, c_n) = layer(x, (h[None], c[None]))
    want = linear(output).flatten(0, 1)
    assert_close(scores, want)
    assert_close((h_t, c_t), (h_n[0], c_n[0]))
    weights = [torch.randn_like(t) for t in (scores, h_t, c_t)]
    mix = lambda *ts: sum((w * t).sum() for w, t in zip(weights, ts, strict=True))
    ours = torch.autograd.grad(mix(scores, h_t, c_t), [*params, x, h, c])
    theirs = torch.autograd.grad(
        mix(want, h_n[0], c_n[0]), [*layer.parameters(), *linear.parameters(), x, h, c]
    )
    stacked = dict(zip(dict(layer.named_parameters()), theirs[:4], strict=True))
    stacked["bias_hh_l0"] = torch.zeros_like(stacked["bias_hh_l0"])
    carried = [
        *from_torch(stacked, {"weight": theirs[4], "bias": theirs[5]}),
        *theirs[6:],
    ]
    assert_close(list(ours), carried)


def test_gradcheck_of_scratch():
    params = [p.detach()[..., :].requires_grad_() for p in drawn()]
    x = torch.randn(3, 2, V, dtype=torch.float64)
    state = tuple(s.double() for s in init_lstm_state(2, H))
    assert torch.autograd.gradcheck(lambda *ps: lstm(x, state, ps)[0], params)


def test_there_and_back_gives_the_same_fourteen():
    params = drawn()
    assert_close(from_torch(*to_torch(params)), [p.detach() for p in params])


def test_from_torch_adds_the_two_biases():
    layer, linear = nn.LSTM(V, H).double(), nn.Linear(H, V).double()
    params = from_torch(layer.state_dict(), linear.state_dict())
    x = torch.randn(4, 2, V).double()
    scores, _ = lstm(x, tuple(s.double() for s in init_lstm_state(2, H)), params)
    assert_close(scores, linear(layer(x)[0]).flatten(0, 1))


@pytest.mark.parametrize("sizes", [(0, 5), (5, -1), (5, 2.5)])
def test_sizes_that_make_no_sense_are_refused_by_name(sizes):
    with pytest.raises(
        ValueError, match=r"(vocab_size|num_hiddens) must be a positive integer, got"
    ):
        get_lstm_params(*sizes)


def test_a_list_of_another_length_is_refused():
    with pytest.raises(ValueError, match="expected the 14 parameters .* got 13"):
        to_torch(drawn()[:13])


def test_a_tensor_of_another_shape_is_named_with_both_shapes():
    params = drawn()
    params[4] = params[4].T[:-1]
    with pytest.raises(
        ValueError, match=r"W_hf must have shape \(5, 5\), got \(4, 5\)"
    ):
        to_torch(params)


def test_a_layer_of_two_layers_is_refused():
    with pytest.raises(ValueError, match="expected the parameters"):
        from_torch(nn.LSTM(V, H, 2).state_dict(), nn.Linear(H, V).state_dict())


def test_a_state_of_another_batch_is_refused():
    with pytest.raises(RuntimeError, match="must match"):
        lstm(torch.zeros(2, 3, V), init_lstm_state(2, H), get_lstm_params(V, H))


# the GRU's three


def test_a_gru_has_eleven_parameters_one_triple_less():
    params = get_gru_params(V, H)
    names = (*GRU_NAMES, "W_hq", "b_q")
    shapes = {"W_x": (V, H), "W_h": (H, H), "b_": (H,)}
    for name, p in zip(names, params, strict=True):
        own = {"W_hq": (H, V), "b_q": (V,)}
        assert tuple(p.shape) == (own.get(name) or shapes[name[:-1]])
        assert p.requires_grad
        assert p.is_leaf
    with pytest.raises(ValueError, match="num_hiddens must be a positive integer"):
        get_gru_params(V, 0)


def test_the_scratch_gru_is_the_form_with_the_reset_before_gradients_too():
    params = [
        torch.randn_like(p).double().requires_grad_() for p in get_gru_params(V, H)
    ]
    x = torch.randn(6, 2, V, dtype=torch.float64, requires_grad=True)
    (h,) = (s.double() + 0.3 for s in init_gru_state(2, H))
    scores, (last,) = gru(x, (h,), params)
    weights = [w.requires_grad_() for w in gru_to_torch(params).values()]
    outputs, (end,) = scan(gru_step_reset_before, x, (h,), weights)
    assert_close(scores, (outputs @ params[-2] + params[-1]).flatten(0, 1))
    assert_close(last, end)
    ours = torch.autograd.grad(last.sum(), [*params[:9], x])
    stacked = torch.autograd.grad(end.sum(), [*weights[:3], x])
    w_ih, w_hh, b_ih = (t.chunk(3) for t in stacked[:3])
    carried = [t for k in (1, 0, 2) for t in (w_ih[k].T, w_hh[k].T, b_ih[k])]
    assert_close(list(ours), [*carried, stacked[3]])


def test_torchs_gru_loads_the_same_weights_and_computes_another_function():
    params = [torch.randn_like(p).double() for p in get_gru_params(V, H)]
    layer = nn.GRU(V, H).double()
    layer.load_state_dict(gru_to_torch(params))
    x = torch.randn(6, 2, V).double()
    (start,) = (s.double() for s in init_gru_state(2, H))
    _, (last,) = gru(x, (start,), params)
    assert (layer(x)[1][0] - last).abs().max() > 0.05


def test_a_gru_list_of_another_length_is_refused():
    with pytest.raises(ValueError, match="expected the 11 parameters .* got 14"):
        gru_to_torch(drawn())
