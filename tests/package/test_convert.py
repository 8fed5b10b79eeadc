"""The bridge between the notes' parameters and torch's: the same scores, both ways."""

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
    scan,
    scratch_gru,
    scratch_lstm,
    to_torch,
)
from lstm.convert import GRU_NAMES, LSTM_NAMES
from tensors import randn

V, H = 7, 5
KINDS = {
    "lstm": (get_lstm_params, to_torch, LSTM_NAMES),
    "gru": (get_gru_params, gru_to_torch, GRU_NAMES),
}


def drawn(get_params):
    return [randn(*p.shape) for p in get_params(V, H)]


def modules(layer, state_dicts):
    """torch's layer and its output layer, with the weights loaded."""
    made = layer(V, H).double(), nn.Linear(H, V).double()
    for module, weights in zip(made, state_dicts, strict=True):
        module.load_state_dict(weights)
    return made


def test_the_notes_order_is_a_triple_for_each_gate_and_then_the_output():
    triples = [f"{name}{gate}" for gate in "ifoc" for name in ("W_x", "W_h", "b_")]
    assert [*triples, "W_hq", "b_q"] == list(LSTM_NAMES)
    triples = [f"{name}{gate}" for gate in "zrh" for name in ("W_x", "W_h", "b_")]
    assert [*triples, "W_hq", "b_q"] == list(GRU_NAMES)


def test_torchs_lstm_with_the_notes_parameters_gives_the_notes_scores():
    params, x, h, c = drawn(get_lstm_params), randn(4, 2, V), randn(2, H), randn(2, H)
    layer, linear = modules(nn.LSTM, to_torch(params))
    scores, _ = scratch_lstm(x, (h, c), params)
    assert_close(scores, linear(layer(x, (h[None], c[None]))[0]).flatten(0, 1))


def test_torchs_parameters_both_biases_added_give_torchs_scores_in_the_notes():
    layer, linear = nn.LSTM(V, H).double(), nn.Linear(H, V).double()
    params, x = from_torch(layer.state_dict(), linear.state_dict()), randn(4, 2, V)
    h, c = randn(2, H), randn(2, H)
    scores, _ = scratch_lstm(x, (h, c), params)
    assert_close(scores, linear(layer(x, (h[None], c[None]))[0]).flatten(0, 1))


def test_there_and_back_gives_the_same_fourteen():
    params = drawn(get_lstm_params)
    assert_close(from_torch(*to_torch(params)), [p.detach() for p in params])


def test_the_grus_weights_and_its_output_layer_give_the_notes_scores_step_by_step():
    params, x, h = drawn(get_gru_params), randn(4, 2, V), randn(2, H)
    layer, linear = modules(nn.GRU, gru_to_torch(params))
    outputs, _ = scan(gru_step_reset_before, x, (h,), layer.all_weights[0])
    assert_close(scratch_gru(x, (h,), params)[0], linear(outputs).flatten(0, 1))


def test_torchs_gru_loads_the_same_weights_and_computes_another_function():
    params, x, h = drawn(get_gru_params), randn(6, 2, V), randn(2, H)
    layer, _ = modules(nn.GRU, gru_to_torch(params))
    assert (
        layer(x, h[None])[1][0] - scratch_gru(x, (h,), params)[1][0]
    ).abs().max() > 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_carried_to_torch_shares_no_memory_and_wants_no_gradient(kind):
    get_params, carry, _ = KINDS[kind]
    params = drawn(get_params)
    carried = [tensor for weights in carry(params) for tensor in weights.values()]
    before = [tensor.clone() for tensor in carried]
    assert not any(tensor.requires_grad for tensor in carried)
    with torch.no_grad():
        for p in params:
            p.fill_(9)
    assert_close(carried, before, rtol=0, atol=0)


def test_what_is_carried_from_torch_shares_no_memory():
    layer, linear = nn.LSTM(V, H), nn.Linear(H, V)
    carried = from_torch(layer.state_dict(), linear.state_dict())
    before = [tensor.clone() for tensor in carried]
    with torch.no_grad():
        for p in (*layer.parameters(), *linear.parameters()):
            p.fill_(9)
    assert_close(carried, before, rtol=0, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_of_another_length_is_refused(kind):
    get_params, carry, names = KINDS[kind]
    wrong = f"the {len(names)} parameters W_x. to b_q, got {len(names) - 1}"
    with pytest.raises(ValueError, match=wrong):
        carry(drawn(get_params)[1:])


@pytest.mark.parametrize("place", range(13))
def test_a_tensor_of_another_shape_is_named_with_both_shapes(place):
    params = drawn(get_lstm_params)
    right = tuple(params[place].shape)
    params[place] = torch.zeros(3, 4)
    name = LSTM_NAMES[place]
    # the sizes are the output's: where it is the wrong one, the first is
    wrong = "W_.* must have shape" if name == "W_hq" else f"{name} must have shape"
    with pytest.raises(ValueError, match=wrong) as caught:
        to_torch(params)
    if name != "W_hq":
        assert str(caught.value).endswith(f"{right}, got (3, 4)")


def test_an_output_that_is_no_matrix_is_refused():
    params = drawn(get_lstm_params)
    params[12] = torch.zeros(5)
    with pytest.raises(ValueError, match=r"W_hq must be a matrix .* got shape \(5,\)"):
        to_torch(params)


@pytest.mark.parametrize("option", ["num_layers", "bidirectional", "bias", "proj_size"])
def test_layers_that_the_notes_do_not_know_are_refused(option):
    value = {"num_layers": 2, "bidirectional": True, "bias": False, "proj_size": 2}
    layer = nn.LSTM(V, H, **{option: value[option]})
    with pytest.raises(ValueError, match="expected the parameters"):
        from_torch(layer.state_dict(), nn.Linear(H, V).state_dict())


def test_a_grus_state_dict_is_not_taken_for_an_lstms():
    with pytest.raises(ValueError, match="expected an LSTM's 4H rows, 20, got 15"):
        from_torch(nn.GRU(V, H).state_dict(), nn.Linear(H, V).state_dict())
