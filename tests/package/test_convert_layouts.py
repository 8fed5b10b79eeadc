"""Keras's and ONNX's layouts: the same numbers by their own equations, both ways.

No Keras is needed: its equations stand here in NumPy, gate by gate.
"""

from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

import lstm
from lstm.convert import from_keras, reorder, to_keras, to_onnx
from lstm.steps import gru_step_reset_before, scan

D, H, L, N = 3, 5, 6, 2


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def columns(array, n):
    """The columns of gate n."""
    return array[..., n * H : (n + 1) * H]


def keras_lstm(x, h, c, kernel, recurrent, bias):
    """Keras's LSTM: gates i, f, c, o side by side.   x: (L, N, D) -> (L, N, H), h, c"""
    outputs = []
    for x_t in x:
        sums = [
            x_t @ columns(kernel, n) + h @ columns(recurrent, n) + columns(bias, n)
            for n in range(4)
        ]
        i, f, o = sigmoid(sums[0]), sigmoid(sums[1]), sigmoid(sums[3])
        c = f * c + i * np.tanh(sums[2])
        h = o * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs), h, c


def keras_gru(x, h, kernel, recurrent, bias, reset_after):
    """Keras's GRU: z, r, h side by side; (2, 3H) biases if the reset comes after."""
    b_x, b_h = bias if reset_after else (bias, np.zeros_like(bias))
    outputs = []
    for x_t in x:
        of_x = [x_t @ columns(kernel, n) + columns(b_x, n) for n in range(3)]
        of_h = [h @ columns(recurrent, n) + columns(b_h, n) for n in range(2)]
        z, r = sigmoid(of_x[0] + of_h[0]), sigmoid(of_x[1] + of_h[1])
        if reset_after:
            inner = r * (h @ columns(recurrent, 2) + columns(b_h, 2))
        else:
            inner = (r * h) @ columns(recurrent, 2)
        h = z * h + (1 - z) * np.tanh(of_x[2] + inner)
        outputs.append(h)
    return np.stack(outputs), h


@pytest.fixture
def draw():
    """Numbers that are the same in every test."""
    return np.random.default_rng(0).normal


def arrays(draw, gates, two=False):
    """The weights of a Keras layer as get_weights() gives them."""
    bias = (2, gates * H) if two else (gates * H,)
    return [draw(size=size) for size in ((D, gates * H), (H, gates * H), bias)]


def layer_of(kind, state):
    layer = kind(D, H).double()
    layer.load_state_dict(state)
    return layer


def test_torchs_lstm_with_kerass_weights_computes_kerass_equations(draw):
    weights, x = arrays(draw, 4), draw(size=(L, N, D))
    h, c = draw(size=(N, H)), draw(size=(N, H))
    want, h_n, c_n = keras_lstm(x, h, c, *weights)
    layer = layer_of(nn.LSTM, from_keras(weights))
    state = torch.from_numpy(h)[None], torch.from_numpy(c)[None]
    got, (h_last, c_last) = layer(torch.from_numpy(x), state)
    assert_close(got, torch.from_numpy(want))
    assert_close(h_last[0], torch.from_numpy(h_n))
    assert_close(c_last[0], torch.from_numpy(c_n))


def test_torchs_gru_with_kerass_weights_computes_kerass_default_form(draw):
    weights, x, h = arrays(draw, 3, two=True), draw(size=(L, N, D)), draw(size=(N, H))
    want, _ = keras_gru(x, h, *weights, reset_after=True)
    layer = layer_of(nn.GRU, from_keras(weights))
    got, _ = layer(torch.from_numpy(x), torch.from_numpy(h)[None])
    assert_close(got, torch.from_numpy(want))


def test_the_other_form_of_the_reset_fits_our_step_and_not_torchs(draw):
    weights, x, h = arrays(draw, 3), draw(size=(L, N, D)), draw(size=(N, H))
    want, _ = keras_gru(x, h, *weights, reset_after=False)
    state = from_keras(weights, reset_after=False)
    x, h = torch.from_numpy(x), torch.from_numpy(h)
    got, _ = scan(gru_step_reset_before, x, (h,), list(state.values()))
    assert_close(got, torch.from_numpy(want))
    theirs, _ = layer_of(nn.GRU, state)(x, h[None])
    assert (theirs - got).abs().max() > 0.05


def test_kerass_equations_with_torchs_weights_give_torchs_numbers(draw):
    x = torch.randn(L, N, D, dtype=torch.float64)
    zeros = np.zeros((N, H))
    layer = nn.LSTM(D, H).double()
    got, *_ = keras_lstm(x.numpy(), zeros, zeros, *to_keras(layer.state_dict()))
    assert_close(torch.from_numpy(got), layer(x)[0].detach())
    layer = nn.GRU(D, H).double()
    weights = to_keras(layer.state_dict())
    assert weights[2].shape == (2, 3 * H)
    got, _ = keras_gru(x.numpy(), zeros, *weights, reset_after=True)
    assert_close(torch.from_numpy(got), layer(x)[0].detach())


def test_of_a_gru_that_resets_before_both_biases_are_added(draw):
    layer = nn.GRU(D, H).double()
    x = torch.randn(L, N, D, dtype=torch.float64)
    zeros = torch.zeros(N, H, dtype=torch.float64)
    want, _ = scan(gru_step_reset_before, x, (zeros,), layer.all_weights[0])
    weights = to_keras(layer.state_dict(), reset_after=False)
    got, _ = keras_gru(x.numpy(), zeros.numpy(), *weights, reset_after=False)
    assert_close(torch.from_numpy(got), want.detach())


@pytest.mark.parametrize(
    ("gates", "two", "after"), [(4, False, True), (3, True, True), (3, False, False)]
)
def test_from_keras_and_back_gives_the_same_arrays(draw, gates, two, after):
    weights = arrays(draw, gates, two)
    back = to_keras(from_keras(weights, after), after)
    for a, b in zip(weights, back, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN, lstm.LSTM, lstm.GRU])
@pytest.mark.parametrize("bias", [True, False])
def test_to_keras_and_back_gives_the_same_function(kind, bias):
    layer, other = (kind(D, H, bias=bias).double() for _ in range(2))
    x = torch.randn(L, N, D, dtype=torch.float64)
    other.load_state_dict(from_keras(to_keras(layer.state_dict())))
    assert_close(other(x)[0], layer(x)[0])
    if kind is nn.GRU and bias:  # a GRU's four are whole in Keras, too
        assert_close(other.state_dict(), layer.state_dict(), rtol=0, atol=0)


def test_layers_and_directions_are_named_by_the_suffix(draw):
    one, two = arrays(draw, 4), arrays(draw, 4)
    layer = nn.LSTM(D, H, bidirectional=True).double()
    layer.load_state_dict(from_keras(one) | from_keras(two, suffix="_l0_reverse"))
    back = to_keras(layer.state_dict(), suffix="_l0_reverse")
    np.testing.assert_array_equal(back[0], two[0])


def test_what_is_carried_shares_no_memory(draw):
    weights = arrays(draw, 4)
    state = from_keras(weights)
    back = to_keras(state)
    before = [w.copy() for w in back]
    for w in weights:
        w[...] = 9
    for t in state.values():
        t.fill_(7)
    for a, b in zip(back, before, strict=True):
        np.testing.assert_array_equal(a, b)
    rnn = nn.RNN(D, H)  # one gate: nothing changes places
    kernel = to_keras(rnn.state_dict())[0]
    rnn.weight_ih_l0.data.fill_(9)
    assert (kernel != 9).all()


def test_arrays_that_may_not_be_written_to_are_taken_without_a_warning(draw):
    weights = arrays(draw, 4)  # as a Keras on JAX gives them
    for w in weights:
        w.flags.writeable = False
    assert from_keras(weights)["bias_ih_l0"].tolist() == weights[2].tolist()


# what does not fit


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([(D, 4 * H)], r"kernel, recurrent_kernel and, .* bias, got 1 of them"),
        (
            [(D, 4 * H), (H + 1, 4 * H)],
            r"kernel \(D, GH\) .* G = 4, 3 or 1, got \(3, 20\) and \(6, 20\)",
        ),
        ([(D, 4 * H), (H, 3 * H)], r"got \(3, 20\) and \(5, 15\)"),
        ([(D, 2 * H), (H, 2 * H)], r"got \(3, 10\) and \(5, 10\)"),
        ([(4 * H,), (H, 4 * H)], r"got \(20,\) and \(5, 20\)"),
        ([(D, 4 * H), (H, 4 * H), (H,)], r"bias must have shape \(20,\), got \(5,\)"),
        ([(D, 3 * H), (H, 3 * H), (H,)], r"bias must have shape \(2, 15\), got \(5,\)"),
    ],
)
def test_weights_of_another_size_are_refused_with_both_shapes(shapes, said):
    with pytest.raises(ValueError, match=said):
        from_keras([np.zeros(shape) for shape in shapes])


def test_a_reset_that_torch_cannot_hold_is_refused_and_leads_to_our_step(draw):
    said = r"shape \(15,\) is a GRU's with reset_after=False.*cannot hold.*"
    with pytest.raises(ValueError, match=said + r"lstm\.gru_step_reset_before"):
        from_keras(arrays(draw, 3))


def test_a_bias_of_the_later_reset_is_refused_by_the_earlier(draw):
    with pytest.raises(ValueError, match=r"\(2, 15\) is a GRU's with reset_after=True"):
        from_keras(arrays(draw, 3, two=True), reset_after=False)


def test_a_layer_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"expected .*weight_ih_l1.*got \['bias_hh_l0"):
        to_keras(nn.LSTM(D, H).state_dict(), suffix="_l1")


def test_a_projection_has_no_place_there():
    state = nn.LSTM(D, H, proj_size=2).state_dict()
    for carry in (to_keras, to_onnx):
        with pytest.raises(ValueError, match="a projection, weight_hr, has no place"):
            carry(state)


def test_any_mapping_of_names_to_weights_is_taken():
    state = nn.LSTM(D, H).state_dict()
    got, want = to_keras(MappingProxyType(state)), to_keras(state)
    assert all(map(np.array_equal, got, want))


def test_a_state_dict_that_is_no_layers_is_refused_with_its_shapes():
    state = nn.LSTM(D, H).state_dict() | {"weight_ih_l0": torch.zeros(7, D)}
    with pytest.raises(ValueError, match=r"got \[\(7, 3\), \(20, 5\)\]"):
        to_keras(state)


def test_of_several_layers_or_directions_one_is_to_be_named():
    for option in ({"num_layers": 2}, {"bidirectional": True}):
        layer = nn.LSTM(D, H, **option)
        end = "_l1" if "num_layers" in option else "_l0_reverse"
        said = rf"expected .*'weight_ih_l0'.* alone, or a suffix, got .*weight_ih{end}"
        for carry in (to_keras, to_onnx):
            with pytest.raises(ValueError, match=said):
                carry(layer.state_dict())
        first = to_keras(layer.state_dict(), suffix="_l0")
        np.testing.assert_array_equal(first[0], layer.weight_ih_l0.detach().T)


@pytest.mark.parametrize("carry", [to_keras, to_onnx])
def test_one_bias_without_the_other_is_refused(carry):
    state = nn.LSTM(D, H).state_dict()
    for name in ("bias_ih_l0", "bias_hh_l0"):
        rest = {n: t for n, t in state.items() if n != name}
        with pytest.raises(ValueError, match="or the weights without biases, got"):
            carry(rest)


@pytest.mark.parametrize("name", ["bias_ih_l0", "bias_hh_l0"])
@pytest.mark.parametrize("size", [(1,), (15,), (20, 1)])
def test_a_bias_of_another_size_is_refused_with_both_shapes(name, size):
    state = nn.LSTM(D, H).state_dict() | {name: torch.zeros(size)}
    for carry in (to_keras, to_onnx):
        with pytest.raises(ValueError, match=r"biases of shape \(20,\), got") as said:
            carry(state)
        assert str(said.value).endswith(f"got {size}")


@pytest.mark.parametrize("carry", [to_keras, to_onnx])
def test_a_layer_in_place_of_its_state_dict_is_named(carry):
    with pytest.raises(TypeError, match=r"a layer's state_dict\(\), got LSTM"):
        carry(nn.LSTM(D, H))


def test_weights_of_no_units_are_refused_both_ways():
    state = nn.LSTM(D, H).state_dict() | {"weight_hh_l0": torch.zeros(20, 0)}
    with pytest.raises(ValueError, match=r"got \[\(20, 3\), \(20, 0\)\]"):
        to_keras(state)
    with pytest.raises(ValueError, match=r"got \(3, 0\) and \(0, 0\)"):
        from_keras([np.zeros((D, 0)), np.zeros((0, 0))])


def test_weights_that_are_no_matrices_are_refused():
    state = nn.LSTM(D, H).state_dict() | {"weight_hh_l0": torch.zeros(20)}
    with pytest.raises(ValueError, match=r"got \[\(20, 3\), \(20,\)\]"):
        to_keras(state)


def test_whole_numbers_are_no_layers_weights(draw):
    weights = [w.astype(int) for w in arrays(draw, 4)]
    with pytest.raises(TypeError, match=r"expected arrays of floats, got .*int64"):
        from_keras(weights)


@pytest.mark.parametrize("n", [2, 3])
def test_both_halves_of_a_bidirectional_are_told_apart(draw, n):
    halves = arrays(draw, 4)[:n] + arrays(draw, 4)[:n]
    said = rf"got {2 * n} of them; a Bidirectional's .*\[:{n}\] and \[{n}:\]"
    with pytest.raises(ValueError, match=said):
        from_keras(halves)
    back = "_l0_reverse"
    state = from_keras(halves[:n]) | from_keras(halves[n:], suffix=back)
    layer = nn.LSTM(D, H, bidirectional=True, bias=n == 3).double()
    layer.load_state_dict(state)


# ONNX


def test_blocks_change_places_and_the_rest_stays():
    rows = torch.tensor([[1], [1], [2], [2], [3], [3], [4], [4]])
    assert reorder(rows, "ifco", "iofc").flatten().tolist() == [1, 1, 4, 4, 2, 2, 3, 3]
    assert reorder(rows[:6], "rzh", "zrh").flatten().tolist() == [2, 2, 1, 1, 3, 3]


def test_onnxs_tensors_have_its_shapes_and_its_order_of_gates():
    layer = nn.LSTM(D, H, bidirectional=True)
    w, r, b = to_onnx(layer.state_dict(), ("_l0", "_l0_reverse"))
    assert (w.shape, r.shape, b.shape) == ((2, 4 * H, D), (2, 4 * H, H), (2, 8 * H))
    o = slice(3 * H, 4 * H)  # torch's last is ONNX's second
    assert torch.equal(w[1, H : 2 * H], layer.weight_ih_l0_reverse[o])
    assert torch.equal(r[0, H : 2 * H], layer.weight_hh_l0[o])
    assert torch.equal(b[0, H : 2 * H], layer.bias_ih_l0[o])
    assert torch.equal(b[0, 5 * H : 6 * H], layer.bias_hh_l0[o])


def test_without_biases_onnx_has_two_tensors():
    assert len(to_onnx(nn.GRU(D, H, bias=False).state_dict())) == 2
