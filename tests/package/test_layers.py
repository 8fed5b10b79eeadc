"""lstm.LSTM and lstm.GRU against torch.nn's, over arguments and inputs, in float64."""

import copy
import inspect
import itertools
import pickle

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.testing import assert_close

import lstm
from lstm import GRU, LSTM
from tensors import randn

LAYERS = {"LSTM": (LSTM, nn.LSTM), "GRU": (GRU, nn.GRU)}
SMALL = st.integers(1, 5)
SEEDS = st.integers(0, 999)
SCALES = st.sampled_from([1.0, 0.0, 30.0])  # 30: cells far from 0, gates wide open


def pair(kind, *sizes, dtype=torch.float64, **kwargs):
    ours, theirs = (layer(*sizes, **kwargs).to(dtype) for layer in LAYERS[kind])
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def flat(result):
    """All tensors of (output, state), whatever their form."""
    output, state = result
    output = getattr(output, "data", output) if isinstance(output, tuple) else output
    return [output, *(state if isinstance(state, tuple) else (state,))]


def first_state(kind, layer, *batch):
    layers = layer.num_layers * (2 if layer.bidirectional else 1)
    h = randn(layers, *batch, layer.proj_size or layer.hidden_size)
    return (h, randn(layers, *batch, layer.hidden_size)) if kind == "LSTM" else h


def leaves_of(state):
    return () if state is None else state if isinstance(state, tuple) else (state,)


def results(layer, inputs, state, leaves):
    """Outputs, last states, all gradients; the same seed for every layer.

    inputs: a tensor, or a function that makes what the layer is given.
    """
    torch.manual_seed(1)
    tensors = flat(layer(inputs() if callable(inputs) else inputs, state))
    scalar = sum((torch.randn_like(t) * t).sum() for t in tensors)
    leaves = [*leaves, *leaves_of(state), *layer.parameters()]
    return [*tensors, *torch.autograd.grad(scalar, leaves)]


@st.composite
def arguments(draw, kind):
    """Constructor arguments, all of them."""
    hidden, layers = draw(SMALL), draw(st.integers(1, 3))
    drawn = {
        "input_size": draw(SMALL),
        "hidden_size": hidden,
        "num_layers": layers,
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        # torch warns of dropout without a second layer
        "dropout": draw(st.sampled_from([0.0, 0.3, 1] if layers > 1 else [0.0, 0])),
        "bidirectional": draw(st.booleans()),
    }
    if kind == "LSTM":
        drawn["proj_size"] = draw(st.integers(0, hidden - 1))
    return drawn


@pytest.mark.parametrize("kind", LAYERS)
@given(
    data=st.data(),
    length=st.integers(1, 6),
    batch=st.none() | st.integers(0, 4),
    with_state=st.booleans(),
    training=st.booleans(),
    strided=st.booleans(),
    seed=SEEDS,
    scale=SCALES,
)
def test_outputs_states_and_all_gradients_equal_torchs(
    kind, data, length, batch, with_state, training, strided, seed, scale
):
    torch.manual_seed(seed)
    kwargs = data.draw(arguments(kind))
    ours, theirs = (layer.train(training) for layer in pair(kind, **kwargs))
    sizes = [length] if batch is None else [length, batch]
    x = randn(*(sizes[::-1] if kwargs["batch_first"] else sizes), kwargs["input_size"])
    x = (scale * x).detach().requires_grad_()
    # every second feature of a wider tensor: memory with holes
    inputs = torch.stack([x, x + 1], dim=-1)[..., 0] if strided else x
    state = first_state(kind, theirs, *sizes[1:]) if with_state else None
    if with_state and kind == "LSTM":
        state = state[0], (scale * state[1]).detach().requires_grad_()
    assert_close(*(results(layer, inputs, state, [x]) for layer in (ours, theirs)))


@pytest.mark.parametrize("kind", LAYERS)
@given(
    data=st.data(),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    with_state=st.booleans(),
    by_length=st.booleans(),
    seed=SEEDS,
)
@example(data=None, lengths=[3, 3], with_state=True, by_length=True, seed=0)
def test_packed_sequences_equal_torchs(
    kind, data, lengths, with_state, by_length, seed
):
    torch.manual_seed(seed)
    plain = {"input_size": 2, "hidden_size": 3}
    kwargs = data.draw(arguments(kind)) if data else plain
    ours, theirs = pair(kind, **kwargs)
    lengths = sorted(lengths, reverse=True) if by_length else lengths
    x = randn(max(lengths), len(lengths), kwargs["input_size"])
    packed = lambda: pack_padded_sequence(x, lengths, enforce_sorted=by_length)
    state = first_state(kind, theirs, len(lengths)) if with_state else None
    assert_close(*(results(layer, packed, state, [x]) for layer in (ours, theirs)))
    got, want = ours.eval()(packed())[0], theirs.eval()(packed())[0]
    for part in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        assert_close(getattr(got, part), getattr(want, part))


@pytest.mark.parametrize("kind", LAYERS)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_a_packed_batch_gives_what_each_sequence_gives_alone(kind, lengths):
    ours = LAYERS[kind][0](3, 5, num_layers=2, bidirectional=True).double()
    x = randn(max(lengths), len(lengths), 3)
    packed, state = ours(pack_padded_sequence(x, lengths, enforce_sorted=False))
    output, _ = pad_packed_sequence(packed)
    for n, length in enumerate(lengths):
        alone = flat(ours(x[:length, n]))
        assert_close([output[:length, n], *(s[:, n] for s in leaves_of(state))], alone)


def alone(layer, x, state, begins):
    """One sequence (L, D), cut by hand: a run of its own for each piece.

    state: for one sequence, or None, which is what each piece after the first has
    """
    cuts = sorted({0, len(x)} | {t for t, new in enumerate(begins.tolist()) if new})
    outputs = []
    for a, b in itertools.pairwise(cuts):
        output, state = layer(x[a:b], None if begins[a] else state)
        outputs.append(output)
    return torch.cat(outputs), state


def each_alone(layer, x, state, begins):
    """x: (L, N, D), begins: (L, N); see `alone`   ->   as from one run of the batch"""
    outputs, states = [], []
    for n in range(x.shape[1]):
        mine = [s[:, n] for s in leaves_of(state)] or None
        mine = tuple(mine) if isinstance(state, tuple) else mine and mine[0]
        output, last = alone(layer, x[:, n], mine, begins[:, n])
        outputs.append(output)
        states.append(leaves_of(last))
    states = [torch.stack(s, 1) for s in zip(*states, strict=True)]
    return torch.stack(outputs, 1), *states


@pytest.mark.parametrize("kind", LAYERS)
@given(
    data=st.data(),
    length=st.integers(1, 7),
    batch=st.none() | st.integers(1, 4),
    with_state=st.booleans(),
    share=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    seed=SEEDS,
)
def test_what_is_reset_equals_separate_runs_of_torchs_layer_gradients_too(
    kind, data, length, batch, with_state, share, seed
):
    torch.manual_seed(seed)
    kwargs = data.draw(arguments(kind)) | {"bidirectional": False}
    ours, theirs = (layer.eval() for layer in pair(kind, **kwargs))
    turned = kwargs["batch_first"] and batch is not None
    theirs.batch_first = False
    x = randn(length, *([batch] if batch else []), kwargs["input_size"])
    begins = torch.rand(x.shape[:-1]) < share
    state = first_state(kind, theirs, *x.shape[1:-1]) if with_state else None
    turn = lambda tensor: tensor.transpose(0, 1) if turned else tensor
    output, last = ours(turn(x), state, turn(begins))
    got = [turn(output), *leaves_of(last)]
    if batch:
        want = each_alone(theirs, x, state, begins)
    else:
        output, last = alone(theirs, x, state, begins)
        want = [output, *leaves_of(last)]
    leaves = [x, *leaves_of(state)]
    exact = {"rtol": 0, "atol": 1e-12}
    assert_close(tuple(got), tuple(want), **exact)
    for mine, other in zip(
        all_slopes(got, [*leaves, *ours.parameters()]),
        all_slopes(want, [*leaves, *theirs.parameters()]),
        strict=True,
    ):
        assert_close(mine, other, **exact)


def all_slopes(tensors, leaves):
    """Gradients, zeros for what has no part; the same shares on every call."""
    torch.manual_seed(1)
    scalar = sum((torch.randn_like(t) * t).sum() for t in tensors)
    found = torch.autograd.grad(scalar, leaves, allow_unused=True)
    return [
        torch.zeros_like(p) if g is None else g
        for g, p in zip(found, leaves, strict=True)
    ]


@pytest.mark.parametrize("kind", LAYERS)
def test_where_nothing_is_reset_nothing_is_done(kind, monkeypatch):
    """The same numbers, and dropout draws the same."""
    layer = LAYERS[kind][0](3, 5, 2, dropout=0.5)
    monkeypatch.setattr(lstm.layers, "scan_reset", None)
    x, found = torch.randn(7, 2, 3), []
    for reset in (None, torch.zeros(7, 2, dtype=torch.bool)):
        torch.manual_seed(0)
        found.append(flat(layer(x, None, reset)))
    assert all(map(torch.equal, *found))
    empty = torch.zeros(7, 0, dtype=torch.bool)
    assert layer(x[:, :0], reset=empty)[0].shape == (7, 0, 5)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_reset_is_looked_at_before_anything_is_cut(kind):
    with pytest.raises(RuntimeError, match="one truth value for each step"):
        LAYERS[kind][0](3, 5)(torch.zeros(7, 2, 3), None, torch.ones(2, 7).bool())


@pytest.mark.parametrize("kind", LAYERS)
@given(size=st.integers(1, 9), seed=SEEDS)
def test_a_stream_in_chunks_is_the_whole_stream_resets_and_all(kind, size, seed):
    torch.manual_seed(seed)
    layer = LAYERS[kind][0](3, 5, num_layers=2).double()
    x, begins = randn(9, 2, 3), torch.rand(9, 2) < 0.3
    whole, want = layer(x, None, begins)
    outputs, state = [], None
    for chunk, new in zip(x.split(size), begins.split(size), strict=True):
        output, state = layer(chunk, state, new)
        outputs.append(output)
    assert_close(torch.cat(outputs), whole)
    assert_close(state, want)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_lone_step_is_reset_too_and_is_as_from_zeros(kind):
    layer = LAYERS[kind][0](3, 5)
    x, yes = torch.randn(1, 1, 3), torch.tensor([[True]])
    state = torch.randn(1, 1, 5)
    state = (state, state) if kind == "LSTM" else state
    with torch.no_grad():
        assert_close(layer(x, state, yes), layer(x))
        assert_close(layer(x, state, ~yes), layer(x, state))


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_that_is_reset_can_be_transformed_and_differentiated_again(kind):
    layer, mask = LAYERS[kind][0](2, 3).double(), torch.rand(5, 2) < 0.5
    x = randn(4, 5, 2, 2)
    of = lambda x: layer(x, None, mask)[0]
    assert_close(vmap(of)(x), torch.stack([of(one) for one in x]))
    assert torch.autograd.gradgradcheck(of, x[0].detach().requires_grad_())


@pytest.mark.parametrize("kind", LAYERS)
def test_what_is_forgotten_may_be_nan(kind):
    layer, x = LAYERS[kind][0](3, 5), torch.randn(6, 2, 3)
    x[1, 0] = float("nan")
    begins = torch.zeros(6, 2, dtype=torch.bool)
    begins[3, 0] = True
    output, _ = layer(x, None, begins)
    assert output[1:3, 0].isnan().all()
    assert output[3:].isfinite().all()
    assert_close(output[3:, :1], layer(x[3:, :1])[0])


@pytest.mark.parametrize("kind", LAYERS)
def test_the_arguments_of_a_call_are_torchs_and_then_reset(kind):
    ours, theirs = (inspect.signature(layer.forward) for layer in LAYERS[kind])
    names = [*ours.parameters]
    assert names[:-1] == [*theirs.parameters]
    assert names[-1] == "reset"
    assert ours.parameters["reset"].default is None


@pytest.mark.parametrize("kind", LAYERS)
@given(data=st.data(), seed=st.integers(0, 999))
def test_parameters_have_torchs_names_order_shapes_and_first_numbers(kind, data, seed):
    kwargs = data.draw(arguments(kind))
    made = []
    for layer in LAYERS[kind]:
        torch.manual_seed(seed)
        made.append(layer(**kwargs))
        made[-1].reset_parameters()  # drawn twice: the second time, too
    ours, theirs = made
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert_close(dict(ours.state_dict()), dict(theirs.state_dict()), rtol=0, atol=0)
    assert_close(ours.all_weights, theirs.all_weights, rtol=0, atol=0)
    for name in (*kwargs, "mode", "proj_size"):
        assert repr(getattr(ours, name)) == repr(getattr(theirs, name)), name
    assert repr(ours) == repr(theirs)
    assert ours.flatten_parameters() is None


def test_a_state_dict_of_three_projected_layers_in_two_directions_goes_both_ways():
    arguments = {"num_layers": 3, "bidirectional": True, "proj_size": 4}
    theirs = nn.LSTM(10, 20, **arguments).double()
    ours = LSTM(10, 20, **arguments).double()
    x = randn(7, 2, 10)
    before = flat(ours(x))[0]
    assert not torch.allclose(before, flat(theirs(x))[0])
    ours.load_state_dict(theirs.state_dict())
    assert_close(flat(ours(x)), flat(theirs(x)))
    ours.reset_parameters()
    assert not torch.allclose(flat(ours(x))[0], flat(theirs(x))[0])
    theirs.load_state_dict(ours.state_dict())
    assert_close(flat(ours(x)), flat(theirs(x)))


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("how", ["pickle", "deepcopy"])
def test_copies_compute_the_same_and_share_nothing(kind, how):
    ours = LAYERS[kind][0](3, 5, num_layers=2, bidirectional=True, batch_first=True)
    pickled = how == "pickle"
    other = pickle.loads(pickle.dumps(ours)) if pickled else copy.deepcopy(ours)
    x = torch.randn(2, 7, 3)
    assert_close(flat(other(x)), flat(ours(x)), rtol=0, atol=0)
    with torch.no_grad():
        ours.weight_hh_l1 += 1
    assert not torch.allclose(flat(other(x))[0], flat(ours(x))[0])


@pytest.mark.parametrize("kind", LAYERS)
def test_first_and_second_derivatives_are_those_of_finite_differences(kind):
    kwargs = {"proj_size": 1} if kind == "LSTM" else {}
    ours = LAYERS[kind][0](2, 2, num_layers=2, bidirectional=True, **kwargs).double()
    x, state = randn(3, 2, 2), first_state(kind, ours, 2)

    def function(x, *state):
        return tuple(flat(ours(x, state if kind == "LSTM" else state[0])))

    def packed(x, *state):
        given = pack_padded_sequence(x, [2, 3], enforce_sorted=False)
        return tuple(flat(ours(given, state if kind == "LSTM" else state[0])))

    for f in (function, packed):
        assert torch.autograd.gradcheck(f, (x, *leaves_of(state)))
        assert torch.autograd.gradgradcheck(f, (x, *leaves_of(state)))


@pytest.mark.parametrize("kind", LAYERS)
def test_second_derivatives_by_the_weights_equal_torchs(kind):
    seconds, x = [], randn(4, 2, 3)
    for layer in pair(kind, 3, 5, num_layers=2):
        weights = list(layer.parameters())
        loss = layer(x)[0].square().sum()
        firsts = torch.autograd.grad(loss, [x, *weights], create_graph=True)
        penalty = sum(g.square().sum() for g in firsts)
        seconds.append(torch.autograd.grad(penalty, [x, *weights]))
    assert_close(*seconds)


# dropout


@pytest.mark.parametrize("kind", LAYERS)
def test_dropout_acts_between_layers_in_training_only(kind):
    ours, _ = pair(kind, 3, 5, num_layers=2, dropout=0.5)
    x = randn(7, 2, 3)
    assert not torch.equal(ours(x)[0], ours(x)[0])
    assert_close(ours.eval()(x)[0], ours(x)[0], rtol=0, atol=0)
    blocked, _ = pair(kind, 3, 5, num_layers=2, dropout=1.0)
    # nothing comes through to the second layer, and the first one is untouched
    h = [flat(blocked(x))[1] for x in (x, x + 1)]
    assert_close(h[0][1], h[1][1], rtol=0, atol=0)
    assert not torch.allclose(h[0][0], h[1][0])


@pytest.mark.parametrize("kind", LAYERS)
def test_dropout_with_one_layer_warns_where_the_caller_stands(kind):
    texts = []
    for layer in LAYERS[kind]:
        with pytest.warns(UserWarning, match="dropout") as caught:
            one = layer(3, 5, dropout=0.5)
        texts.append(str(caught[0].message))
        assert_close(flat(one(torch.ones(7, 2, 3))), flat(one(torch.ones(7, 2, 3))))
        if layer is LAYERS[kind][0]:
            assert caught[0].filename == __file__
    for text in texts:
        assert "dropout=0.5" in text
        assert "num_layers=1" in text


# number types, contexts, transformations


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("kind", LAYERS)
def test_any_floating_type_gives_what_torch_gives(kind, dtype):
    kwargs = {"num_layers": 2, "bidirectional": True}
    ours, theirs = pair(kind, 3, 5, dtype=dtype, **kwargs)
    x = torch.randn(7, 2, 3).to(dtype)
    got, want = flat(ours(x)), flat(theirs(x))
    eps = torch.finfo(dtype).eps
    assert_close(got, want, rtol=8 * eps, atol=8 * eps)
    made = LAYERS[kind][0](3, 5, dtype=dtype, device="cpu")
    assert {p.dtype for p in made.parameters()} == {dtype}
    assert LAYERS[kind][0](3, 5, device="meta")(torch.zeros(7, 2, 3, device="meta"))[
        0
    ].shape == (7, 2, 5)


@pytest.mark.parametrize("kind", LAYERS)
def test_autocast_gives_nearly_the_same_gradients_too(kind):
    ours, theirs = pair(kind, 3, 5, dtype=torch.float32, num_layers=2)
    x = torch.randn(7, 2, 3, requires_grad=True)
    exact = theirs(x)[0]
    found = []
    for layer in (ours, theirs):
        try:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                output, _ = layer(x)
                # another type than the weights', allowed here
                half, _ = layer(x.bfloat16())
        except RuntimeError as error:
            # torch's LSTM has no bfloat16 on a processor without AVX-512
            if layer is ours or "could not create a primitive" not in str(error):
                raise
            output = half = exact
        gradient = torch.autograd.grad(output.float().sum(), x)[0]
        found.append([output, half, gradient])
    # torch's LSTM gives bfloat16 where it calls oneDNN, and float32 elsewhere
    assert [t.dtype for t in found[0][:2]] == [torch.float32, torch.bfloat16]
    assert_close(*found, rtol=0, atol=0.03, check_dtype=False)
    assert 0 < (found[0][0] - exact).abs().max() < 0.03  # and it did round


@pytest.mark.parametrize("kind", LAYERS)
def test_functional_call_takes_other_weights_for_once(kind):
    ours, theirs = pair(kind, 3, 5, num_layers=2, bidirectional=True)
    x = randn(7, 2, 3)
    before = flat(ours(x))
    other = {name: p.detach() * 0.5 for name, p in ours.named_parameters()}
    got = flat(functional_call(ours, other, x))
    assert_close(flat(ours(x)), before, rtol=0, atol=0)
    theirs.load_state_dict(other)
    assert_close(got, flat(theirs(x)))
    tied = dict(other, weight_hh_l1=other["weight_hh_l0"])  # one tensor in two places
    theirs.load_state_dict(tied)
    assert_close(flat(functional_call(ours, tied, x)), flat(theirs(x)))


@pytest.mark.parametrize("kind", LAYERS)
def test_vmap_runs_many_models_at_once(kind):
    models = [LAYERS[kind][0](3, 5, bidirectional=True).double() for _ in range(3)]
    parameters, buffers = stack_module_state(models)
    x = randn(7, 2, 3).detach()
    skeleton = copy.deepcopy(models[0]).to("meta")

    def call(parameters, buffers):
        return functional_call(skeleton, (parameters, buffers), (x,))[0]

    got = vmap(call)(parameters, buffers)
    assert_close(got, torch.stack([model(x)[0] for model in models]))


def test_a_state_may_be_a_list_and_arguments_go_by_torchs_names():
    ours, theirs = pair("LSTM", 3, 5)
    x, state = randn(7, 2, 3), list(first_state("LSTM", theirs, 2))
    assert_close(flat(ours(input=x, hx=state)), flat(theirs(input=x, hx=state)))


def test_a_weight_that_is_set_anew_is_used():
    ours, theirs = pair("LSTM", 3, 5)
    for layer in (ours, theirs):
        layer.weight_hh_l0 = nn.Parameter(torch.ones(20, 5).double())
    x = randn(4, 2, 3)
    assert_close(flat(ours(x)), flat(theirs(x)))


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_finite_number_spreads_as_in_torch(kind, odd):
    ours, theirs = pair(kind, 3, 5, bidirectional=True)
    x = randn(7, 2, 3).detach()
    x[3, 1, 2] = odd
    assert_close(flat(ours(x)), flat(theirs(x)), equal_nan=True)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_subclass_may_use_any_name_that_a_subclass_of_torchs_may(kind):
    outputs = []
    for layer in LAYERS[kind]:

        class Mine(layer):
            def __init__(self):
                super().__init__(3, 5, bidirectional=True)
                self.state = self.states = self.gates = self.layers = self.take = 0

        torch.manual_seed(0)
        outputs.append(Mine()(torch.ones(7, 2, 3))[0])
    assert_close(*outputs)


@pytest.mark.parametrize("kind", LAYERS)
def test_every_weight_is_asked_for_once_in_a_run(kind):
    """A parametrization is computed whenever its weight is asked for."""
    ours, theirs = pair(kind, 3, 5, num_layers=3, bidirectional=True)
    asked = []

    class Count(nn.Module):
        def forward(self, weight):
            asked.append(weight.shape)
            return weight

    x = randn(4, 2, 3)
    for name in [name for name, _ in ours.named_parameters()]:
        nn.utils.parametrize.register_parametrization(ours, name, Count())
    asked.clear()
    assert_close(flat(ours(x)), flat(theirs(x)))
    assert len(asked) <= len(list(theirs.parameters())) + 2  # the checks look at one


@pytest.mark.parametrize("kind", LAYERS)
def test_numpys_integers_are_sizes_where_torch_takes_them(kind):
    layers = [layer(3, 5, num_layers=np.int64(2)) for layer in LAYERS[kind]]
    assert list(layers[0].state_dict()) == list(layers[1].state_dict())


@pytest.mark.parametrize("kind", LAYERS)
def test_a_packed_batch_of_no_sequences_is_as_empty_as_torchs(kind):
    empty = PackedSequence(torch.zeros(0, 3).double(), torch.tensor([0]))
    ours, theirs = pair(kind, 3, 5)
    assert_close(flat(ours(empty)), flat(theirs(empty)))


def test_a_weight_that_is_deleted_is_not_used():
    """torch.nn.LSTM goes on with it; its all_weights says what ours does."""
    ours, theirs = pair("LSTM", 3, 5)
    for layer in (ours, theirs):
        del layer.weight_hh_l0
    for call in (lambda: theirs.all_weights, lambda: ours(randn(7, 2, 3))):
        with pytest.raises(AttributeError, match="no attribute 'all_weights'"):
            call()


def test_the_whole_interface_is_exported():
    for name in ("LSTM", "GRU", "LSTMCell", "GRUCell"):
        assert getattr(lstm, name).__name__ == name
