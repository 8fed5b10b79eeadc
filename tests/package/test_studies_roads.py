"""The study of the roads back through time: its functions, its file, what it shows."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lstm import studies
from lstm.studies import roads

ROWS = studies.load("roads")
LSTMS = [layer for layer in roads.LAYERS if layer.startswith("LSTM")]


def at(distance, name, **wanted):
    """What the file holds at a distance, for every seed."""
    rows = studies.select(ROWS, **wanted)
    assert len(rows) == len(roads.SEEDS)
    return [row[name][roads.DISTANCES.index(distance)] for row in rows]


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return nn.LSTM(3, 4), torch.randn(9, 2, 3)


def test_a_point_gives_what_is_said(monkeypatch):
    monkeypatch.setattr(roads, "PASSAGES", 1)
    row = roads.measure("LSTM, forget bias 1", updates=1, seed=0)
    for name in ("whole", "direct", "rest"):
        assert len(row[name]) == len(roads.DISTANCES)
    assert 0 < row["keeps"] < 1
    assert 1 / 64 <= row["rank_one"] <= 1
    assert row["loss"] > 0


def test_cut_the_roads_leave_the_product_of_the_forget_gates(small):
    layer, x = small
    cut = roads.jacobians(layer, x, 5, cut=True)
    assert_close(cut, roads.direct(layer, x, 5))
    gates = roads.keeping_gates(layer, x)
    assert_close(cut[2], torch.diag_embed(gates[-1] * gates[-2]))


def test_at_distance_0_the_whole_is_the_identity(small):
    layer, x = small
    whole = roads.jacobians(layer, x, 3)
    assert_close(whole[0], torch.eye(4).double().expand(2, 4, 4))
    assert_close(roads.size(whole[0]), torch.ones(2).double())


def test_the_reach_changes_no_distance(small):
    layer, x = small
    assert_close(roads.jacobians(layer, x, 6)[:3], roads.jacobians(layer, x, 2))


def test_the_rest_compares_the_difference_and_not_the_sizes():
    turned = torch.tensor([[0.0, 1.0], [1.0, 0.0]])[None, None]
    whole, part, rest = roads.sizes(turned, torch.eye(2)[None, None])
    assert whole == part == 1
    assert rest == pytest.approx(2**0.5)


def test_fresh_detours_carry_more_the_more_the_gates_are_shut():
    """100 steps back: 1e9 times the direct part with bias 0, 1e3 with bias 2."""
    low, high = [], []
    for layer in LSTMS:
        whole = at(100, "whole", layer=layer, updates=0)
        direct = at(100, "direct", layer=layer, updates=0)
        ratios = [w / d for w, d in zip(whole, direct, strict=True)]
        low.append(min(ratios))
        high.append(max(ratios))
    assert low[0] > 1e8
    assert low[0] > 100 * high[1]
    assert low[1] > 30 * high[2]
    assert low[2] > 300


def test_fresh_the_whole_grows_with_the_bias():
    for less, more in pairwise(LSTMS):
        below = max(at(100, "whole", layer=less, updates=0))
        assert min(at(100, "whole", layer=more, updates=0)) > 1e4 * below


@pytest.mark.parametrize(
    ("layer", "updates", "low", "high"),
    [
        ("LSTM, forget bias 0", 0, 0.99, 1.01),
        ("LSTM, forget bias 2", 0, 0.9, 1.01),
        ("LSTM, forget bias 0", 200, 0.55, 0.72),
        ("LSTM, forget bias 2", 200, 0.27, 0.42),
        ("LSTM, forget bias 0", 1000, 0.73, 0.96),
        ("LSTM, forget bias 2", 1000, 0.24, 0.55),
        ("GRU", 200, 0.99, 1.01),
        ("GRU", 1000, 0.99, 1.01),
    ],
)
def test_the_rest_lies_where_chapter_7_says(layer, updates, low, high):
    for distance in (20, 50, 100, 200):
        rest = at(distance, "rest", layer=layer, updates=updates)
        assert low < min(rest) <= max(rest) < high, distance


def test_between_200_and_1000_updates_the_rest_grows_on_the_average():
    for layer in LSTMS:
        early = sum(at(100, "rest", layer=layer, updates=200))
        assert sum(at(100, "rest", layer=layer, updates=1000)) > early


def test_trained_with_bias_0_the_whole_is_still_a_few_millionths():
    whole = at(100, "whole", layer="LSTM, forget bias 0", updates=200)
    assert 1e-6 < min(whole) <= max(whole) < 1e-5
    fresh = at(100, "whole", layer="LSTM, forget bias 0", updates=0)
    assert min(whole) > 1e14 * max(fresh)


def test_trained_with_bias_0_the_whole_is_of_nearly_rank_one():
    rows = studies.select(ROWS, layer="LSTM, forget bias 0", updates=200)
    shares = sorted(row["rank_one"] for row in rows)
    assert shares[0] > 0.75
    assert shares[1] > 0.95
    assert all(0.88 < row["keeps"] < 0.91 for row in rows)


def test_in_training_the_gru_shuts_its_update_gates():
    for row in studies.select(ROWS, layer="GRU", updates=1000):
        assert row["keeps"] < 0.25
