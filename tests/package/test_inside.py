"""Inside: what is recorded is what torch computes; searches, ablation, influence."""

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import lstm
from lstm import LanguageModel, inside
from tensors import randn

KINDS = {"torch": nn.LSTM, "ours": lstm.LSTM}
EXACT = {"rtol": 0, "atol": 1e-12}


def language_model(layers=1, kind=nn.LSTM, **options):
    """Of 5 symbols and 6 units, with weights large enough to open and close gates."""
    model = LanguageModel(kind(5, 6, layers, **options)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    return model


def texts(*shape):
    return torch.randint(5, shape)


# recording


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_recorded_is_what_the_layer_computes(kind, layers, bias):
    model = language_model(layers, KINDS[kind], bias=bias)
    symbols = texts(4, 9)
    found = inside.record(model, symbols)
    assert found.c.shape == found.i.shape == (layers, 4, 9, 6)
    vectors = inside.one_hots(model, symbols)
    output, (h_n, c_n) = model.layer(vectors)
    assert_close(found.h[-1].transpose(0, 1), output, **EXACT)
    assert_close(found.h[:, :, -1], h_n, **EXACT)
    assert_close(found.c[:, :, -1], c_n, **EXACT)


def test_gates_and_states_bear_the_names_that_the_equations_give_them():
    model, symbol = language_model(), 3
    r = inside.record(model, torch.tensor([symbol, 0, 1]))
    before = torch.cat([torch.zeros_like(r.c[:, :1]), r.c[:, :-1]], dim=1)
    assert_close(r.f * before + r.i * r.g, r.c, **EXACT)
    assert_close(r.o * r.c.tanh(), r.h, **EXACT)
    w_ih, _, b_ih, b_hh = model.layer.all_weights[0]
    i, f, g, o = (w_ih[:, symbol] + b_ih + b_hh).detach().chunk(4)
    first = [kind[0, 0] for kind in (r.i, r.f, r.g, r.o)]
    assert_close(first, [i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()], **EXACT)


def test_one_text_is_recorded_like_the_same_among_others():
    model, symbols = language_model(2), texts(3, 7)
    one, all_three = inside.record(model, symbols[1]), inside.record(model, symbols)
    assert one.f.shape == (2, 7, 6)
    assert_close(one.c, all_three.c[:, 1], **EXACT)
    assert not one.c.requires_grad


def test_dropout_is_left_out_even_in_training_mode():
    model, symbols = language_model(2, dropout=0.5).train(), texts(3, 7)
    output, _ = model.eval().layer(inside.one_hots(model, symbols))
    found = inside.record(model.train(), symbols)
    assert_close(found.h[-1].transpose(0, 1), output, **EXACT)


@pytest.mark.parametrize(
    "layer",
    [nn.GRU(5, 6), nn.LSTM(5, 6, bidirectional=True), nn.LSTM(5, 6, proj_size=2)],
    ids=["GRU", "two directions", "projection"],
)
def test_another_layer_than_a_plain_lstm_is_named(layer):
    with pytest.raises(ValueError, match=r"expected an LSTM of one direction.*got \w+"):
        inside.record(LanguageModel(layer), texts(3))


# features


def test_features_tell_of_each_letter_what_a_reader_would_say():
    found = inside.features("Ab it\n(c)")
    want = {
        "place in word": [1, 2, 0, 1, 2, 0, 0, 1, 0],
        "vowel": [1, 0, 0, 1, 0, 0, 0, 0, 0],
        "last of word": [0, 1, 0, 0, 1, 0, 0, 1, 0],
        "capital": [1, 0, 0, 0, 0, 0, 0, 0, 0],
        "place in line": [1, 2, 3, 4, 5, 0, 1, 2, 3],
        "in ()": [0, 0, 0, 0, 0, 0, 1, 1, 0],
    }
    assert {name: values.tolist() for name, values in found.items()} == want


def test_features_that_a_text_has_none_of_are_left_out():
    assert list(inside.features("ab it")) == ["place in word", "vowel", "last of word"]


def test_brackets_of_each_kind_are_counted_to_any_depth():
    found = inside.features("a((b[c])d)e")
    assert found["in ()"].tolist() == [0, 1, 2, 2, 2, 2, 2, 1, 1, 0, 0]
    assert found["in []"].tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    assert "in {}" not in found


QUOTED = {  # what stands in quotation marks is in capitals here
    "he said, 'IT'S ODD,' and left": "apostrophes are none",
    "one \"TWO 'THREE' FOUR\" five": "the mark that opened closes",
    "and--'YES!'\n": "after a dash",
    "'I GO\nON.\n\nand on": "an empty line ends it",
    "the men's hats' brims": "none opened",
}


@pytest.mark.parametrize("text", QUOTED, ids=QUOTED.values())
def test_quotations_are_told_from_apostrophes(text):
    got = inside.in_quotes(text)
    letters = [q for q, s in zip(got, text, strict=True) if s.isalpha()]
    assert letters == [s.isupper() for s in text if s.isalpha()]


def test_the_mark_that_opens_is_inside_and_the_one_that_closes_outside():
    assert inside.in_quotes("a 'b' c") == [
        False,
        False,
        True,
        True,
        False,
        False,
        False,
    ]


# searches


def test_correlations_are_pearsons():
    values, feature = randn(50, 3).detach(), randn(50).detach()
    want = torch.corrcoef(torch.cat([feature[None], values.T]))[0, 1:]
    assert_close(inside.correlations(values, feature), want)
    assert_close(inside.correlations(-2 * values + 9, feature), -want)


def test_what_is_constant_correlates_with_nothing():
    values = torch.stack([torch.full((9,), 0.1), torch.arange(9.0)], dim=1)
    assert inside.correlations(values, torch.arange(9.0)).tolist() == [
        0,
        pytest.approx(1),
    ]
    assert inside.correlations(values, torch.ones(9)).tolist() == [0, 0]


def test_the_unit_is_found_on_the_first_part_alone_and_tested_on_the_rest():
    values, feature = torch.zeros(8, 3), torch.tensor([0, 1, 0, 1, 0, 1, 1, 0.0])
    values[:, 0] = torch.tensor([0, 1, 1, 1, 0, 1, 1, 0.0])  # the better one later
    values[:, 2] = -torch.tensor([0, 1, 0, 1, 1, 0, 1, 0.0])  # and this one before
    unit, before, after = inside.find_unit(values, feature, cut=4)
    assert (unit, before, after) == (2, pytest.approx(-1), pytest.approx(0))


def test_a_linear_probe_reads_what_no_single_unit_holds_but_a_sum_does():
    values = randn(400, 3).detach() * torch.tensor([1, 10, 0.1]) + 5
    feature = values @ torch.tensor([1, 0.1, 10]).double() + 2
    assert inside.correlations(values, feature).abs().max() < 0.7
    got = inside.linear_probe(values, feature, cut=200, ridge=1e-6)
    assert got.shape == (400,)
    assert_close(got, feature, rtol=0, atol=1e-5)


def test_a_linear_probe_learns_nothing_from_the_part_it_is_tested_on():
    values, feature = randn(60, 3).detach(), randn(60).detach()
    first = inside.linear_probe(values, feature, cut=40)
    feature[40:] = 100
    assert_close(inside.linear_probe(values, feature, cut=40), first)


def test_ridge_shrinks_the_probe_to_the_mean():
    values, feature = randn(60, 3).detach(), randn(60).detach()
    spread = [inside.linear_probe(values, feature, 60, r).std() for r in (0, 60, 1e9)]
    assert spread[0] > 1.2 * spread[1] > 1000 * spread[2]
    mean = inside.linear_probe(values, feature, 60, 1e9)
    assert_close(mean, feature.mean().expand(60), rtol=0, atol=1e-6)


# ablation


def test_losses_are_the_models_own():
    model, symbols = language_model(2), texts(3, 8)
    scores = model(symbols[:, :-1]).transpose(1, 2)
    want = nn.functional.cross_entropy(scores, symbols[:, 1:], reduction="none")
    assert_close(inside.losses(model, symbols), want.detach(), **EXACT)
    assert_close(inside.losses(model, symbols[1]), want[1].detach(), **EXACT)


@pytest.mark.parametrize("layer", [0, 1])
def test_a_held_unit_keeps_its_mean_and_the_others_hear_no_more_of_it(layer):
    model, symbols = language_model(2), texts(4, 9)
    free, units = inside.record(model, symbols), [1, 4]
    held = inside.record(model, symbols, inside.at_mean(free, units, layer))
    for got, want in ((held.h, free.h), (held.c, free.c)):
        mean = want[layer][..., units].mean(dim=(0, 1))
        assert_close(got[layer][..., units], mean.expand(4, 9, 2), **EXACT)
    rest = [0, 2, 3, 5]
    first, later = held.f[layer][:, 0], held.f[layer][:, 1:]
    assert_close(first, free.f[layer][:, 0], **EXACT)  # it has said nothing yet
    assert (later - free.f[layer][:, 1:])[..., rest].abs().max() > 1e-3
    if layer == 1:
        assert_close(held.c[0], free.c[0], **EXACT)


def test_units_can_be_held_as_they_are_at_some_places():
    free, where = inside.record(language_model(), texts(4, 9)), texts(4, 9) > 2
    [(units, h, c)] = inside.at_mean(free, [1, 4], where=where).values()
    n, t = where.nonzero(as_tuple=True)
    assert units == [1, 4]
    for got, state in ((h, free.h), (c, free.c)):
        assert_close(got, torch.stack([state[0, n, t, u].mean() for u in units]))


def test_a_unit_that_nobody_listens_to_costs_nothing_and_one_that_all_do_costs():
    model, symbols = language_model(), texts(4, 30)
    with torch.no_grad():
        model.layer.weight_hh_l0[:, 2] = model.linear.weight[:, 2] = 0
    free, whole = inside.record(model, symbols), inside.losses(model, symbols)
    change = [
        (inside.losses(model, symbols, inside.at_mean(free, [unit])) - whole).abs()
        for unit in (2, 3)
    ]
    assert_close(change[0], torch.zeros_like(whole), **EXACT)
    assert change[1].mean() > 1e-3


# how far back


def test_a_time_constant_is_when_the_product_of_the_gates_has_fallen_to_1_over_e():
    f = torch.rand(2, 400, 5, dtype=torch.float64).clamp(min=0.05)
    steps = inside.time_constants(f)
    assert steps.shape == (2, 5)
    after = f.log().mean(dim=1) * steps  # the product's logarithm after that many
    assert_close(after, torch.full_like(after, -1))
    assert inside.time_constants(torch.full((9, 1), 0.9)).item() == pytest.approx(
        -1 / math.log(0.9)
    )


def test_influence_by_gradient_is_autograds_through_torchs_layer_nearest_first():
    model, symbols = language_model(2), texts(3, 9)
    vectors = nn.functional.one_hot(symbols[:, :-1], 5).double().requires_grad_()
    output, _ = model.layer(vectors.transpose(0, 1))
    chances = model.linear(output[-1]).softmax(dim=-1)
    total = sum(chances[n, symbols[n, -1]].log() for n in range(3))
    [gradient] = torch.autograd.grad(total, vectors)
    want = [gradient[:, -k].norm(dim=-1).mean() for k in range(1, 9)]
    assert_close(inside.influence_by_gradient(model, symbols), torch.stack(want))


def test_influence_by_replacement_is_the_divergence_after_one_symbol_is_exchanged():
    model = language_model(2)
    symbols = torch.tensor([[0, 1, 2, 3, 0], [1, 1, 2, 4, 0], [2, 1, 0, 3, 0]])
    got = inside.influence_by_replacement(model, symbols, [1, 2, 4], draws=2)

    def chances(text):
        return model(torch.tensor([text]))[0, -1].softmax(dim=-1)

    def mean(old, new):
        kls = [
            (chances(a) * (chances(a) / chances(b)).log()).sum()
            for a, b in zip(old, new, strict=True)
        ]
        return (sum(kls) / len(kls)).item()

    a, b, c = symbols[:, :-1].tolist()  # those that are equal at a place do not count
    at_1 = mean([a, b, b, c], [[*a[:3], 4], [*b[:3], 3], [*b[:3], 3], [*c[:3], 4]])
    two = [0, 1, 0, 3], [1, 1, 0, 4], [2, 1, 2, 3]
    at_2 = mean([a, b, c, c], [*two, two[2]])
    others = [(a, 1), (a, 2), (b, 0), (b, 2), (c, 0), (c, 1)]
    at_4 = mean([old for old, _ in others], [[n, *old[1:]] for old, n in others])
    assert got == [pytest.approx(x, abs=1e-12) for x in (at_1, at_2, at_4)]


@pytest.mark.parametrize(("distances", "draws"), [([0], 1), ([6], 1), ([1], 4)])
def test_distances_and_draws_that_the_texts_do_not_have_are_refused(distances, draws):
    wrong = "too many or too far for 4 texts of 6"
    with pytest.raises(ValueError, match=wrong):
        inside.influence_by_replacement(
            language_model(), texts(4, 6), distances, draws=draws
        )


def test_a_model_that_forgets_all_feels_only_the_nearest_symbol():
    model = language_model()
    with torch.no_grad():
        model.layer.weight_hh_l0.zero_()
        model.layer.bias_ih_l0[6:12] = -1000  # the forget gate stays shut
    gradient = inside.influence_by_gradient(model, texts(4, 7))
    replaced = inside.influence_by_replacement(model, texts(4, 7), range(1, 7))
    for influence in (gradient.tolist(), replaced):
        assert influence[0] > 1e-3
        assert max(influence[1:]) < 1e-12
