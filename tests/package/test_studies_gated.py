"""The study of LSTM and GRU on letters: its points, and what chapter 6 says of it."""

import math
import statistics

import pytest
import torch

from lstm import shapes, studies
from lstm.studies import gated


def tiny(monkeypatch):
    """The same study, small: four units, the embedded text."""
    monkeypatch.setattr(gated, "CORPUS", "embedded")
    monkeypatch.setattr(gated, "UNITS", {name: {1: 4, 2: 4} for name in gated.UNITS})
    monkeypatch.setattr(gated, "STEPS", 100)
    monkeypatch.setattr(gated, "BATCH", 4)
    monkeypatch.setattr(gated, "LENGTH", 5)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_point_returns_early_loss_and_two_perplexities(monkeypatch, layers):
    tiny(monkeypatch)
    found = gated.measure("GRU, larger", layers, lr=1e-2, seed=0)
    assert set(found) == {"early", "training", "held_out"}
    # with 100 updates, early and training are of the same 50 losses
    assert found["training"] == pytest.approx(math.exp(found["early"]), rel=1e-3)
    assert 3 < found["held_out"] < 29
    assert gated.measure("GRU, larger", layers, lr=1e-2, seed=0) == found
    assert gated.measure("GRU, larger", layers, lr=1e-2, seed=1) != found


def test_a_forget_bias_is_set_in_every_layer_and_nowhere_else():
    layer = gated.make("LSTM, forget bias 1", 28, layers=2)
    for k in (0, 1):
        b_ih, b_hh = getattr(layer, f"bias_ih_l{k}"), getattr(layer, f"bias_hh_l{k}")
        assert (b_ih[128:256] == 1).all()
        assert (b_hh[128:256] == 0).all()
        assert (b_ih[:128].abs() < 0.1).all()
    torch.manual_seed(0)
    plain = gated.make("LSTM", 28)
    torch.manual_seed(0)
    opened = gated.make("LSTM, forget bias 1", 28)
    assert torch.equal(plain.weight_hh_l0, opened.weight_hh_l0)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_larger_gru_has_as_many_parameters_as_the_lstm(layers):
    lstms, grus = (
        shapes.count(28, gated.UNITS[name][layers], num_layers=layers, kind=kind)
        for name, kind in (("LSTM", "LSTM"), ("GRU, larger", "GRU"))
    )
    made = sum(p.numel() for p in gated.make("GRU, larger", 28, layers).parameters())
    assert made == grus
    assert abs(grus / lstms - 1) < 0.006


# what is committed, and what chapter 6 says of it


def test_the_committed_study_is_whole():
    rows = studies.load("gated")
    names = "model", "layers", "lr", "seed"
    assert [{name: row[name] for name in names} for row in rows] == gated.points()
    assert all(2 < row["training"] < 30 > row["held_out"] > 2 for row in rows)


def values(measure, model, layers, lr):
    rows = studies.select(studies.load("gated"), model=model, layers=layers, lr=lr)
    return [row[measure] for row in rows]


def best(measure, model, layers):
    """The rate with the lowest mean, and the values of the three seeds there."""
    found = {lr: values(measure, model, layers, lr) for lr in gated.RATES}
    lr = min(found, key=lambda rate: statistics.mean(found[rate]))
    return lr, found[lr]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("model", gated.UNITS)
@pytest.mark.parametrize("measure", ["training", "held_out"])
def test_each_best_rate_lies_within_the_range(measure, model, layers):
    rates = gated.RATES
    assert min(rates) < best(measure, model, layers)[0] < max(rates)


def test_at_the_rate_of_the_old_mistake_both_grus_lead_at_every_seed():
    for measure in ("training", "held_out"):
        grus, lstms = (
            [v for m in models for v in values(measure, m, 1, 4e-3)]
            for models in (("GRU", "GRU, larger"), ("LSTM", "LSTM, forget bias 1"))
        )
        assert max(grus) < min(lstms)


GRUS = "GRU", "GRU, larger"


@pytest.mark.parametrize("measure", ["training", "held_out"])
def test_at_the_best_rates_the_lstm_leads_with_one_layer_the_grus_with_two(measure):
    one, two = (
        {model: best(measure, model, layers)[1] for model in gated.UNITS}
        for layers in (1, 2)
    )
    assert max(one["LSTM"]) < min(min(one[gru]) for gru in GRUS)
    # with two layers by the mean; some seeds of the LSTM are level
    means = {model: statistics.mean(found) for model, found in two.items()}
    assert max(means[gru] for gru in GRUS) < means["LSTM"]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("measure", ["training", "held_out"])
def test_on_letters_a_forget_bias_of_1_is_behind_the_plain_lstm(measure, layers):
    plain, opened = (
        best(measure, model, layers)[1] for model in ("LSTM", "LSTM, forget bias 1")
    )
    assert statistics.mean(plain) < statistics.mean(opened)


def test_on_the_task_of_memory_it_and_the_gru_are_far_ahead():
    recall = studies.select(studies.load("recall"), length=20, units=32)
    learned = {}
    for layer in ("LSTM", "LSTM, forget bias 1", "GRU"):
        found = studies.select(recall, layer=layer)
        learned[layer] = [row["updates"] is not None for row in found]
    assert [sum(found) for found in learned.values()] == [2, 11, 12]
    assert all(len(found) == 12 for found in learned.values())
