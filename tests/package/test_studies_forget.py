"""The study `forget`: its changes change one thing, and its file holds what it says."""

from functools import partial
from statistics import median

import pytest
import torch
from torch.testing import assert_close

from lstm import studies
from lstm.data import Recall
from lstm.steps import lstm_step
from lstm.studies import forget, recall

FRESH, CURED = forget.FRESH, forget.CURED
ROWS = studies.load("forget")


def updates(**wanted):
    """Updates until the key is named; one more than the budget where they failed."""
    rows = studies.select(ROWS, **wanted)
    assert len(rows) == len(forget.SEEDS)
    return [row["updates"] or forget.BUDGET + 1 for row in rows]


def never(found):
    return min(found) > forget.BUDGET


def a_step(**changed):
    """Gradients of the old h and c through one step, and the new h and c."""
    torch.manual_seed(0)
    layer = torch.nn.LSTM(3, 5).double()
    x, h, c = (torch.randn(*s).double() for s in ((2, 3), (2, 5), (2, 5)))
    h.requires_grad_(), c.requires_grad_()
    step = partial(forget.two_way_step, **changed) if changed else lstm_step
    new = step(x, (h, c), *layer.all_weights[0])
    weights = [h, c, *layer.parameters()]
    return new, torch.autograd.grad(sum(n.sum() for n in new), weights)


def test_the_two_way_step_is_the_lstms_where_both_ways_are_alike():
    for ours, theirs in zip(a_step(backward_bias=0.0), a_step(), strict=True):
        assert_close(ours, theirs)


def test_another_bias_backward_changes_the_old_cells_gradient_and_nothing_else():
    new, gradients = a_step(backward_bias=3.0)
    want_new, want = a_step()
    assert_close(new, want_new)
    assert (gradients[1].abs() > want[1].abs()).all()
    assert_close((gradients[0], *gradients[2:]), (want[0], *want[2:]))


def test_a_trace_that_is_shown_larger_leaves_the_layers_gradients():
    inputs, _ = next(Recall(6).batches(4))
    found = []
    for shown in (1, 100):
        model = forget.make(FRESH, 0)
        model.shown = shown
        last = model.last(inputs)
        gradients = torch.autograd.grad(last.sum(), list(model.layer.parameters()))
        found.append((last, gradients))
    assert not torch.allclose(found[0][0], found[1][0], rtol=0.01)
    assert_close(found[0][1], found[1][1])


def test_a_trace_is_shown_as_many_times_as_large_as_was_asked():
    model, task = forget.make(FRESH, 0), Recall(6)
    once = forget.trace(model, task)["trace"]
    model.shown = 100
    assert forget.trace(model, task)["trace"] == pytest.approx(100 * once, rel=0.02)


def test_ten_times_the_rate_leaves_the_network_as_it_was():
    inputs, _ = next(Recall(6).batches(4))
    model = forget.make(FRESH, 0)
    want = model(inputs)
    model.key = 10
    with torch.no_grad():
        model.layer.weight_ih_l0[:, :4] /= 10
    assert_close(model(inputs), want)


def test_only_the_gradient_of_the_keys_columns_is_scaled():
    inputs, _ = next(Recall(6).batches(4))
    found = []
    for amount in (1, 0.5):
        model = forget.make(FRESH, 0)
        columns = slice(None), slice(4)
        forget.scale_gradient(model.layer.weight_ih_l0, columns, amount)
        model(inputs).square().sum().backward()
        found.append(model.layer.weight_ih_l0.grad)
    assert_close(found[1][:, :4], found[0][:, :4] / 2)
    assert_close(found[1][:, 4:], found[0][:, 4:])


def test_a_forget_gate_that_is_held_gets_no_gradient_and_the_others_do():
    inputs, _ = next(Recall(6).batches(4))
    layer = (model := forget.make(FRESH, 0)).layer
    forget.hold_forget_gate(layer)
    model(inputs).square().sum().backward()
    for weight in layer.parameters():
        i, f, g, o = weight.grad.chunk(4)
        assert f.abs().max() == 0
        assert min(part.abs().max() for part in (i, g, o)) > 0


def test_pairs_hold_every_sequence_of_distractors_after_every_key():
    inputs, keys = next(forget.Pairs(6).batches(12))
    assert inputs.shape == (12, 6, 8)
    assert_close(inputs[:, 0].argmax(dim=-1), keys)
    assert keys.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    after = inputs[:, 1:].unflatten(0, (4, 3))
    assert (after == after[0]).all()


def test_a_network_that_cannot_tell_the_keys_apart_has_no_trace_and_no_lesson():
    model = forget.make(CURED, 0)
    with torch.no_grad():
        model.layer.weight_ih_l0[:, :4] = 0
    task = Recall(6)
    assert forget.trace(model, task)["trace"] < 1e-12
    found = forget.gradients(model, task)
    assert found["lesson"] < 1e-12
    assert found["noise"] > 1e-3


@pytest.mark.parametrize("change", forget.CHANGES)
def test_every_change_is_measured(change, monkeypatch):
    monkeypatch.setattr(forget, "BUDGET", 25)
    monkeypatch.setattr(forget, "WATCHED", (0, 1))
    monkeypatch.setattr(forget, "LENGTH", 3)
    point = next(p for p in forget.points() if p["change"] == change)
    found = forget.measure(**point)
    [row] = studies.select(ROWS, **point)
    assert found.keys() | point.keys() == row.keys()


def test_the_committed_file_holds_every_point():
    names = forget.points()[0].keys()
    assert [{n: row[n] for n in names} for row in ROWS] == forget.points()


def test_one_way_open_or_a_larger_trace_is_a_cure_and_a_larger_gradient_is_none():
    for lr in forget.RATES:
        same = partial(updates, lr=lr)
        assert min(same(change="gradient", layer=FRESH, amount=1e3)) > 1000
        for amount in (1e-3, 0.0):  # frozen, the key's columns serve as they are
            assert max(same(change="gradient", layer=CURED, amount=amount)) <= 100
        assert never(same(change="forget bias", layer=FRESH, amount=0.0))
        shut = partial(same, change="backward bias", layer="LSTM, forget bias 0")
        assert never(shut(amount=0.0))
        assert max(shut(amount=3.0)) <= 700
        assert max(same(change="trace", layer=FRESH, amount=1e5)) <= 900
        opened = partial(same, change="backward bias", layer=CURED)
        assert max(opened(amount=0.0)) <= 100
        assert max(opened(amount=3.0)) <= 50


def test_the_gradient_at_the_key_does_not_tell_the_rnn_from_the_fresh_lstm():
    found = {}
    for layer in ("RNN", FRESH):
        rows = studies.select(ROWS, change="watch", layer=layer, lr=5e-3)
        found[layer] = [row["key_gradient"][0] for row in rows]
    assert 0.7 < median(found["RNN"]) / median(found[FRESH]) < 1.4


def test_the_two_studies_agree_where_they_measure_the_same():
    other = studies.load("recall")
    for row in studies.select(ROWS, change="forget bias", amount=3.0):
        point = {"length": 20, "units": 32, "lr": row["lr"], "seed": row["seed"]}
        [same] = studies.select(other, layer=CURED, **point)
        assert row["updates"] == same["updates"]
    assert recall.BUDGET >= forget.BUDGET
