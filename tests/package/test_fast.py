"""The rungs, tokens, what the fast way hands over, and machines without a compiler."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import pack_padded_sequence
from torch.testing import assert_close

import lstm
from lstm import fast
from lstm.fast import RUNGS, layers, operator
from lstm.fast.eager import EAGER, has_linear
from lstm.fast.rungs import looked_up, of_tokens
from lstm.fast.through_time import last_rows, rows_before, through_time
from lstm.steps import gru_step, lstm_step, scan_reset
from tensors import randn

KINDS = "LSTM", "GRU"
STEP = {"LSTM": lstm_step, "GRU": gru_step}


def engines():
    found = {"eager": EAGER, "operator": operator.load()}
    return {name: engine for name, engine in found.items() if engine}


def needs(rung):
    """Skip what is compiled where there is no compiler."""
    if rung in ("by compiler", RUNGS["by compiler"]) and not operator.compiler():
        pytest.skip("torch.compile needs a compiler")


def weights_of(kind, *sizes):
    return list(getattr(nn, kind)(*sizes).double().parameters())


def results(run, inputs, state, weights):
    """Outputs, last state and all gradients of a function of one layer."""
    torch.manual_seed(1)
    outputs, last = run(inputs, state, weights)
    scalar = sum((torch.randn_like(t) * t).sum() for t in (outputs, *last))
    leaves = [t for t in (inputs, *state, *weights) if t.requires_grad]
    return [outputs, *last, *torch.autograd.grad(scalar, leaves)]


# torch's compiler warns of what torch itself still uses
torchs_own = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# the rungs


@torchs_own
@pytest.mark.parametrize("name", RUNGS)
def test_each_rung_computes_what_the_stacked_step_does_gradients_too(name):
    needs(name)
    state, x, weights = (
        (randn(4, 37), randn(4, 37)),
        randn(6, 4, 5),
        weights_of("LSTM", 5, 37),
    )
    got = results(RUNGS[name], x, state, weights)
    assert_close(got, results(RUNGS["stacked"], x, state, weights))


@torchs_own
@pytest.mark.parametrize("rung", [looked_up, *list(RUNGS.values())[3:]])
def test_tokens_give_what_their_one_hot_vectors_give(rung):
    needs(rung)
    state, weights = (randn(4, 7), randn(4, 7)), weights_of("LSTM", 5, 7)
    tokens = torch.randint(5, (6, 4))
    want = results(of_tokens(RUNGS["stacked"]), tokens, state, weights)
    assert_close(results(rung, tokens, state, weights), want)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("sizes", [(1, 1, 5), (300, 4, 3), (2, 33, 256), (35, 32, 64)])
def test_every_engine_equals_torch_at_sizes_that_fill_vectors_and_tiles(
    kind, engine, sizes
):
    L, N, H = sizes
    theirs = getattr(nn, kind)(3, H).double()
    state = [randn(N, H) for _ in range(2 if kind == "LSTM" else 1)]
    x = randn(L, N, 3)

    def torchs(inputs, state, _):
        given = tuple(s[None] for s in state)
        outputs, last = theirs(inputs, given if kind == "LSTM" else given[0])
        return outputs, [s[0] for s in (last if kind == "LSTM" else [last])]

    def ours(inputs, state, weights):
        rows = inputs.flatten(0, 1)
        run = through_time(engines()[engine], kind, rows, state, weights, (N,) * L)
        return run[0].view(L, N, H), run[1]

    weights = list(theirs.parameters())
    assert_close(results(ours, x, state, weights), results(torchs, x, state, weights))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("onednn", [True, False])
def test_by_hand_in_single_precision_with_onednn_and_without(kind, onednn, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", onednn)
    there = torch.backends.mkldnn.is_available()
    assert has_linear(torch.ones(2)) == (there and onednn)
    monkeypatch.setattr(operator, "load", lambda: None)
    torch.manual_seed(0)
    exact = getattr(nn, kind)(5, 64).double()
    ours = getattr(fast, kind)(5, 64)
    ours.load_state_dict(exact.state_dict())
    x = torch.randn(9, 6, 5).requires_grad_()
    found = []
    for layer, given in ((ours, x), (exact, x.double())):
        output, _ = layer(given)
        leaves = [x, *layer.parameters()]
        found.append([output, *torch.autograd.grad(output.square().sum(), leaves)])
    for mine, its in zip(*found, strict=True):
        assert (mine - its).norm() < 1e-5 * its.norm()


# one step of one sequence, without gradients

STEPS = {"two layers": {"num_layers": 2}, "no bias": {"bias": False}}
STEPS |= {"batch first": {"batch_first": True}, "odd": {"hidden_size": 37}}
ELSEWHERE = {"both directions": {"bidirectional": True}, "training": {"dropout": 0.5}}


def stepping(kind, options, **state):
    """A fast layer, a plain one with its weights, an input of one step, a state."""
    sizes = {"input_size": 3, "hidden_size": 16, "num_layers": 1} | options
    if options.get("dropout"):
        sizes["num_layers"] = 2
    layer = getattr(fast, kind)(**sizes).double()
    plain = getattr(lstm, kind)(**sizes).double()
    plain.load_state_dict(layer.state_dict())
    state = tuple(randn(*size) for size in layer.state_sizes(1))
    return layer, plain, randn(1, 1, 3), state if kind == "LSTM" else state[0]


@pytest.mark.skipif(not operator.load(), reason="no compiler")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", STEPS.values(), ids=STEPS)
@torch.no_grad()
def test_a_lone_step_is_one_call_and_gives_what_the_plain_layer_does(kind, options):
    layer, plain, x, state = stepping(kind, options)
    found = layer.one_step(x, state)
    assert found is not None
    assert_close(found, plain(x, state))
    assert_close(layer(x, state), found, rtol=0, atol=0)
    with torch.enable_grad():
        assert layer.one_step(x, state) is None


@pytest.mark.skipif(not operator.load(), reason="no compiler")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@torch.no_grad()
def test_many_lone_steps_are_the_whole_sequence(dtype):
    layer, x = fast.LSTM(28, 200, 2).to(dtype), torch.randn(50, 1, 28, dtype=dtype)
    outputs, last = layer(x)
    state = tuple(torch.zeros(2, 1, 200, dtype=dtype) for _ in "hc")
    steps = []
    for step in x:
        output, state = layer(step[None], state)
        steps.append(output)
    assert_close(torch.cat(steps), outputs)
    assert_close(state, last)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", ELSEWHERE.values(), ids=ELSEWHERE)
@torch.no_grad()
def test_a_lone_step_of_another_layer_is_computed_as_ever(kind, options):
    layer, plain, x, state = stepping(kind, options)
    assert layer.one_step(x, state) is None
    assert_close(layer.eval()(x, state), plain.eval()(x, state))


WRONG = {
    "another width": lambda x, s: (x[..., :2], s),
    "another type": lambda x, s: (x.float(), s),
    "a state of two sequences": lambda x, s: (x, tuple(t.expand(1, 2, 16) for t in s)),
    "no pair": lambda x, s: (x, s[:1]),
    "three states": lambda x, s: (x, (*s, s[0])),
    "no tensors": lambda x, s: (x, (1, 2)),
    "another device": lambda x, s: (x.to("meta"), s),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@torch.no_grad()
def test_a_wrong_lone_step_is_refused_in_the_plain_layers_words(wrong):
    layer, plain, x, state = stepping("LSTM", {})
    given = wrong(x, state)
    with pytest.raises(Exception) as plains:  # noqa: PT011
        plain(*given)
    with pytest.raises(plains.type) as ours:
        layer(*given)
    assert str(ours.value) == str(plains.value)


@torch.no_grad()
def test_a_lone_step_of_views_and_replaced_weights_is_right():
    layer, plain, x, (h, c) = stepping("LSTM", {})
    wide = randn(1, 1, 32)
    strided = wide[..., ::2], c
    assert_close(layer(x, strided), plain(x, strided))
    for each in (layer, plain):
        torch.nn.utils.parametrize.register_parametrization(
            each, "weight_hh_l0", torch.nn.Tanh()
        )
    assert layer.one_step(x, (h, c)) is None
    assert_close(layer(x, (h, c)), plain(x, (h, c)))


# the way back, again


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", engines())
def test_a_second_way_back_through_a_kept_graph_gives_the_same(
    kind, engine, monkeypatch
):
    found = None if engine == "eager" else engines()[engine]
    monkeypatch.setattr(operator, "load", lambda: found)
    layer, x = getattr(fast, kind)(3, 5).double(), randn(4, 2, 3)
    total = layer(x)[0].square().sum()
    once, again = (
        torch.autograd.grad(total, [*layer.parameters()], retain_graph=True)
        for _ in range(2)
    )
    assert_close(once, again, rtol=0, atol=0)


def test_single_precision_is_as_near_to_double_as_torchs_own():
    torch.manual_seed(0)
    theirs = nn.LSTM(28, 256)
    ours = fast.LSTM(28, 256)
    exact = nn.LSTM(28, 256).double()
    for layer in (ours, exact):
        layer.load_state_dict(theirs.state_dict())
    x = torch.randn(100, 8, 28)
    found = []
    for layer in (ours, theirs):
        layer(x)[0].square().sum().backward()
    exact(x.double())[0].square().sum().backward()
    for layer in (ours, theirs):
        pairs = zip(layer.parameters(), exact.parameters(), strict=True)
        found.append([(p.grad - q.grad).norm() / q.grad.norm() for p, q in pairs])
    mine, its = (max(parts) for parts in found)
    assert mine < 5 * its
    assert mine < 1e-6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_a_number_spreads_as_in_torchs_layer(
    kind, engine, dtype, bad, monkeypatch
):
    way = engines()[engine]
    monkeypatch.setattr(operator, "load", lambda: None if engine == "eager" else way)
    theirs, ours = (getattr(module, kind)(3, 37).to(dtype) for module in (nn, fast))
    ours.load_state_dict(theirs.state_dict())
    x, found = torch.randn(6, 2, 3, dtype=dtype), []
    x[2, 1, 0] = bad
    for layer in (theirs, ours):
        output, _ = layer(x)
        slopes = torch.autograd.grad(output.sum(), list(layer.parameters()))
        with torch.no_grad():  # a step alone
            alone, _ = layer(x[2:3, 1:], layer(x[:1, 1:])[1])
        found.append([t.isnan() for t in (output, *slopes, alone)])
    assert_close(*found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_gate_swallows_what_is_not_a_number(kind, dtype):
    H = 37
    theirs, ours = (getattr(module, kind)(3, H).to(dtype) for module in (nn, fast))
    x = torch.randn(1, 2, 3, dtype=dtype)
    for gate in range(len(theirs.bias_ih_l0) // H):
        found = []
        for layer in (theirs, ours):
            bias = torch.zeros_like(layer.bias_ih_l0)
            bias[gate * H + 3] = float("nan")
            output, _ = functional_call(layer, {"bias_ih_l0": bias}, (x,))
            found.append(output.isnan())
        assert_close(*found)
        assert found[0].any(dim=(0, 1)).nonzero().flatten().tolist() == [3]


# tokens


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["batched", "batch first", "unbatched", "packed"])
def test_look_up_is_forward_of_the_one_hot_vectors(kind, form):
    first = {"batch_first": True} if form == "batch first" else {}
    layer = getattr(fast, kind)(
        5, 7, num_layers=2, bidirectional=True, **first
    ).double()
    tokens = torch.randint(5, (6,) if form == "unbatched" else (6, 4))
    vectors = one_hot(tokens, 5).double()
    if form == "packed":
        lengths = [2, 6, 1, 5]
        tokens, vectors = (
            pack_padded_sequence(t, lengths, enforce_sorted=False)
            for t in (tokens, vectors)
        )
    got, want = [], []
    for found, run, given in ((got, layer.look_up, tokens), (want, layer, vectors)):
        output, state = run(given)
        output = getattr(output, "data", output)
        scalar = output.square().sum() + sum(s.sin().sum() for s in state)
        found += [
            output,
            *state,
            *torch.autograd.grad(scalar, list(layer.parameters())),
        ]
    assert_close(got, want)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("sizes", [(1, 1, 5), (7, 1, 5), (60, 4, 3), (9, 33, 256)])
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_every_engine_begins_anew_like_scan_reset_gradients_too(
    kind, engine, sizes, share
):
    L, N, H = sizes
    state = [randn(N, H) for _ in range(2 if kind == "LSTM" else 1)]
    x, reset = randn(L, N, 3), torch.rand(L, N) < share
    reset[-1, -1] = True
    wide = torch.stack([reset, ~reset], -1)[..., 0]  # not in one stretch

    def plainly(inputs, state, weights):
        return scan_reset(STEP[kind], inputs, tuple(state), weights, reset)

    def ours(inputs, state, weights):
        rows, way = inputs.flatten(0, 1), engines()[engine]
        run = through_time(way, kind, rows, state, weights, (N,) * L, reset=wide)
        return run[0].view(L, N, H), run[1]

    weights = weights_of(kind, 3, H)
    got, want = (results(run, x, state, weights) for run in (ours, plainly))
    assert_close(got, want, rtol=0, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_layers_that_are_reset_equal_the_plain_ones_and_take_the_fast_way(
    kind, engine, share, monkeypatch
):
    taken, way = [], engines()[engine]
    monkeypatch.setattr(operator, "load", lambda: None if engine == "eager" else way)
    monkeypatch.setattr(
        layers, "through_time", lambda *a: taken.append(a[0]) or through_time(*a)
    )
    found, x, reset = [], randn(5, 9, 3), torch.rand(5, 9) < share
    quick, plain = pair(kind, num_layers=2, batch_first=True)
    for layer in (quick, plain):
        (slope,) = torch.autograd.grad(
            layer(x, None, reset)[0].sin().sum(), x, create_graph=True
        )
        leaves = [x, *layer.parameters()]
        again = torch.autograd.grad(slope.square().sum(), leaves)
        found.append([slope, *again])
    assert_close(*found)
    assert taken == [way, way]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("batch", [(3,), ()])
def test_a_mask_may_be_used_again_before_the_way_back(kind, engine, batch, monkeypatch):
    way = None if engine == "eager" else engines()[engine]
    monkeypatch.setattr(operator, "load", lambda: way)
    layer, x, found = getattr(fast, kind)(3, 5).double(), randn(6, *batch, 3), []
    mask = torch.rand(6, *batch) < 0.4
    mask[2] = True
    leaves = [x, *layer.parameters()]
    for changed in (False, True):
        own = mask.clone()
        total = layer(x, None, own)[0].sin().sum()
        if changed:
            own.zero_()
        slopes = torch.autograd.grad(total, leaves, create_graph=True)
        again = torch.autograd.grad(slopes[0].square().sum(), leaves, retain_graph=True)
        found.append([*slopes, *again, *torch.autograd.grad(total, leaves)])
    assert_close(*found)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_what_is_forgotten_may_be_nan(kind):
    layer, x = getattr(fast, kind)(3, 5), torch.randn(6, 2, 3)
    x[1, 0] = float("nan")
    begins = torch.zeros(6, 2, dtype=torch.bool)
    begins[3, 0] = True
    output, _ = layer(x, None, begins)
    assert output[1:3, 0].isnan().all()
    assert_close(output[3:, :1], layer(x[3:, :1])[0])


@pytest.mark.parametrize("kind", KINDS)
def test_look_up_is_reset_like_forward(kind):
    layer = getattr(fast, kind)(5, 7).double()
    tokens, reset = torch.randint(5, (6, 4)), torch.rand(6, 4) < 0.4
    got = layer.look_up(tokens, None, reset)
    assert_close(got, layer(one_hot(tokens, 5).double(), None, reset))
    assert not torch.equal(got[0], layer.look_up(tokens)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_lone_step_that_is_reset_begins_with_zeros(kind):
    layer, x = getattr(fast, kind)(5, 7), torch.randn(1, 1, 5)
    state, yes = torch.randn(1, 1, 7), torch.tensor([[True]])
    state = (state, state) if kind == "LSTM" else state
    with torch.no_grad():
        assert_close(layer(x, state, yes), layer(x))


@pytest.mark.parametrize("case", ["projection", "bfloat16"])
def test_look_up_works_where_the_plain_layer_computes(case):
    options = {"proj_size": 3} if case == "projection" else {"dtype": torch.bfloat16}
    layer = fast.LSTM(5, 7, **options)
    tokens = torch.randint(5, (6, 4))
    vectors = one_hot(tokens, 5).to(layer.weight_ih_l0.dtype)
    assert_close(layer.look_up(tokens)[0], layer(vectors)[0])


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        (torch.zeros(3, 2), TypeError, "int64, got: torch.float32"),
        ([1, 2], TypeError, "int64, got: list"),
        (torch.tensor([[0, 5]]), IndexError, r"\[0, 5\), got 0 to 5"),
        (torch.tensor([[-1, 2]]), IndexError, r"\[0, 5\), got -1 to 2"),
        (torch.zeros(2, 2, 2, dtype=torch.int64), ValueError, "2D or 3D, got 4D"),
        (torch.zeros(0, 2, dtype=torch.int64), RuntimeError, "larger than 0"),
    ],
)
def test_tokens_that_name_no_row_are_refused(tokens, error, message):
    with pytest.raises(error, match=message):
        fast.LSTM(5, 7).look_up(tokens)


def test_a_language_model_hands_its_letters_to_a_layer_that_looks_them_up(monkeypatch):
    torch.manual_seed(0)
    quick, plain = (lstm.LanguageModel(kind(5, 7)) for kind in (fast.LSTM, lstm.LSTM))
    plain.load_state_dict(quick.state_dict())
    symbols = torch.randint(5, (4, 6))
    want = plain(symbols)
    monkeypatch.setattr(fast.LSTM, "forward", None)
    assert_close(quick(symbols), want)


# packed batches


@pytest.mark.parametrize("reverse", [False, True])
def test_rows_of_packed_batches_are_found(reverse):
    sizes = 3, 2, 2, 1  # sequences of 4, 3 and 1 steps: rows 0 3 5 7, 1 4 6, 2
    assert last_rows(sizes).tolist() == [7, 6, 2]
    found = rows_before(sizes, reverse).tolist()
    if reverse:  # the first states lie behind the 8 rows
        assert found == [3, 4, 10, 5, 6, 7, 9, 8]
    else:  # and here before them
        assert found == [0, 1, 2, 3, 4, 6, 7, 8]


# what is handed over to the plain layer


def pair(kind, **options):
    quick = getattr(fast, kind)(3, 5, **options).double()
    plain = getattr(lstm, kind)(3, 5, **options).double()
    plain.load_state_dict(quick.state_dict())
    return quick, plain


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_can_be_differentiated_again(kind):
    found = []
    x = randn(6, 2, 3)
    for layer in pair(kind, num_layers=2, bidirectional=True):
        (slope,) = torch.autograd.grad(layer(x)[0].sin().sum(), x, create_graph=True)
        leaves = [x, *layer.parameters()]
        found.append(torch.autograd.grad(slope.square().sum(), leaves))
    assert_close(*found)
    layer = pair(kind)[0]
    assert torch.autograd.gradgradcheck(lambda x: layer(x)[0], randn(3, 2, 3))


def test_tokens_can_be_differentiated_twice_too():
    quick, plain = pair("LSTM")
    tokens = torch.randint(3, (6, 2))
    found = []
    for layer, run in (
        (quick, quick.look_up),
        (plain, lambda t: plain(one_hot(t, 3).double())),
    ):
        leaves = list(layer.parameters())
        slopes = torch.autograd.grad(
            run(tokens)[0].sin().sum(), leaves, create_graph=True
        )
        found.append(torch.autograd.grad(sum(s.square().sum() for s in slopes), leaves))
    assert_close(*found)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_each_sample_by_torch_func(kind):
    quick, plain = pair(kind)
    x = torch.randn(4, 6, 3, dtype=torch.float64)

    def each(layer):
        def loss(parameters, x):
            return functional_call(layer, parameters, (x,))[0].square().sum()

        return vmap(grad(loss), (None, 0))(dict(layer.named_parameters()), x)

    assert_close(each(quick), each(plain))


def runs(layer):
    return lambda x: layer(x)[0]


@torchs_own
def test_forward_mode():
    quick, plain = pair("LSTM")
    x, v = torch.randn(2, 6, 2, 3, dtype=torch.float64)
    along = [torch.func.jvp(runs(layer), (x,), (v,))[1] for layer in (quick, plain)]
    assert_close(*along)
    found = []
    for layer in (quick, plain):
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(x, v)
            found.append(torch.autograd.forward_ad.unpack_dual(layer(dual)[0]).tangent)
    assert_close(*found)


HANDED = {
    "bfloat16": lambda layer, x: layer.bfloat16()(x.bfloat16())[0],
    "autocast": lambda layer, x: under_autocast(layer.float(), x.float()),
    "projection": lambda layer, x: layer(x)[0],
    "meta": lambda layer, x: layer.to("meta")(x.to("meta"))[0].shape,
    "trace": lambda layer, x: torch.jit.trace(layer, x, check_trace=False)(x)[0],
}


def under_autocast(layer, x):
    with torch.autocast("cpu", torch.bfloat16):
        return layer(x)[0]


@pytest.mark.filterwarnings("ignore")  # of tracing
@pytest.mark.parametrize("case", HANDED)
def test_where_the_fast_way_does_not_lead_the_plain_layer_computes(case, monkeypatch):
    monkeypatch.setattr(layers, "through_time", None)
    options = {"proj_size": 2} if case == "projection" else {}
    quick, plain = pair("LSTM", **options)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    got, want = (HANDED[case](layer, x) for layer in (quick, plain))
    assert got == want if case == "meta" else torch.equal(got, want)


def test_a_graph_that_is_kept_can_be_gone_back_twice():
    layer, x = fast.LSTM(3, 5), randn(6, 2, 3).float()
    scalar = layer(x)[0].square().sum()
    leaves = list(layer.parameters())
    once = torch.autograd.grad(scalar, leaves, retain_graph=True)
    again = torch.autograd.grad(scalar, leaves)
    assert all(map(torch.equal, once, again))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("inputs", ["vectors", "tokens"])
def test_gradients_can_be_clipped_in_place_since_no_two_share_memory(kind, inputs):
    quick, plain = pair(kind)
    tokens = torch.randint(3, (6, 2))
    vectors = one_hot(tokens, 3).double()
    output, _ = quick.look_up(tokens) if inputs == "tokens" else quick(vectors)
    output.sum().backward()
    plain(vectors)[0].sum().backward()
    for layer in (quick, plain):
        assert nn.utils.clip_grad_norm_(layer.parameters(), 0.1) > 0.1
    for p, q in zip(quick.parameters(), plain.parameters(), strict=True):
        assert_close(p.grad, q.grad)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", engines())
def test_slopes_that_are_handed_in_stay_as_they_are(kind, engine):
    weights, x = weights_of(kind, 3, 5), randn(12, 3)
    state = [randn(2, 5) for _ in range(2 if kind == "LSTM" else 1)]
    outputs, last = through_time(engines()[engine], kind, x, state, weights, (2,) * 6)
    slopes = [torch.randn_like(t) for t in (outputs, *last)]
    before = [slope.clone() for slope in slopes]
    torch.autograd.grad((outputs, *last), weights, slopes)
    assert all(map(torch.equal, slopes, before))


def test_outputs_changed_in_place_are_noticed():
    layer = fast.LSTM(3, 5)
    with pytest.raises(RuntimeError, match="inplace|in-place"):
        layer(torch.randn(6, 2, 3))[0].mul_(2).sum().backward()


# without a compiler

PROGRAM = """
import torch, lstm
from lstm import fast
torch.manual_seed(0)
quick, plain = fast.LSTM(3, 5).double(), lstm.LSTM(3, 5).double()
plain.load_state_dict(quick.state_dict())
x = torch.randn(4, 2, 3).double()
for layer in (quick, plain):
    layer(x)[0].sum().backward()
for p, q in zip(quick.parameters(), plain.parameters(), strict=True):
    torch.testing.assert_close(p.grad, q.grad)
print("the same")
"""


def run_with(tmp_path, **variables):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)} | variables
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


def broken(folder):
    """A folder whose compilers end in an error."""
    folder.mkdir()
    for name in ("c++", "g++", "clang++"):
        path = folder / name
        path.write_text("#!/bin/sh\necho 'x.cpp:1:1: error: broken' >&2\nexit 1\n")
        path.chmod(0o755)
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="it is not built on Windows")
@pytest.mark.parametrize("case", ["none", "missing", "broken", "read-only", "damaged"])
def test_where_it_cannot_be_built_one_line_says_so_and_the_results_are_right(
    case, tmp_path
):
    variables = {}
    cache = tmp_path / "cache"
    cache.mkdir()
    if case == "missing":
        variables["CXX"] = "no-such-compiler"
    if case == "broken":
        variables["CXX"] = str(broken(tmp_path / "bin") / "c++")
    if case == "read-only":  # for root, too: a file where a folder must be made
        (cache / "lstm-book").write_text("")
    if case == "damaged":
        folder = cache / operator.folder().relative_to(operator.folder().parents[2])
        folder.mkdir(parents=True)
        (folder / "lstm_book.so").write_text("not a library")
    if case == "none":
        variables["LSTM_OPERATOR"] = "none"
    result = run_with(cache, **variables)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "the same\n"
    lines = [line for line in result.stderr.splitlines() if "building" not in line]
    if case == "none":
        assert lines == []
    else:
        assert len(lines) == 1
        assert "plain PyTorch computes instead" in lines[0]
    assert not list(cache.glob("**/tmp*"))  # nothing half done is left


def test_an_unknown_processor_gets_no_flags_of_vectors(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    assert not [flag for flag in operator.flags() if flag.startswith(("-m", "-D"))]
