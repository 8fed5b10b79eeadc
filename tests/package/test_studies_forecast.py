"""The study of forecasts: its points, its functions, and chapter 13's claims."""

import statistics

import pytest
import torch

from lstm import studies
from lstm.data import Scaler
from lstm.data.series import cut
from lstm.forecasters import DirectForecaster, RecursiveForecaster, SequenceForecaster
from lstm.forecasts import persistence, rmse
from lstm.studies import forecast as study


def small(count=120, G=0):
    """Three parts of a short series with a rhythm of 24 steps, and two known values."""
    torch.manual_seed(0)
    steps = torch.arange(float(count))
    waves = torch.stack([(steps * k / 3.82).sin() for k in (1, 2)], 1)
    values = waves[:, :1] + 0.1 * torch.randn(count, 1)
    both = torch.cat([Scaler.fit(values)(values), values**2, waves], 1)
    third, static = count // 3, torch.ones(G)
    bounds = (0, third), (third, 2 * third), (2 * third, count)
    return [cut(both, waves, 24, 4, *part, static) for part in bounds]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(study, "UNITS", 4)
    monkeypatch.setattr(study, "UPDATES", 3)
    monkeypatch.setattr(study.train, "__defaults__", (0, 3, study.mse_loss))


@pytest.mark.parametrize("name", study.NETWORKS["temperature"])
def test_every_network_forecasts_every_window_and_a_seed_fixes_it(quick, name):
    parts = small()
    made = study.forecasts("temperature", name, 1e-2, 0, parts)
    for forecast, windows in zip(made, parts, strict=True):
        assert forecast.shape == windows.target.shape
    again = study.forecasts("temperature", name, 1e-2, 0, parts)
    other = study.forecasts("temperature", name, 1e-2, 1, parts)
    assert torch.equal(made[2], again[2])
    assert not torch.equal(made[2], other[2])


def test_a_network_of_zeros_is_the_plain_forecast(quick):
    windows = small()[0]
    model = study.make("LSTM", windows)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    base = persistence(windows)
    assert torch.equal(study.forecast(model, windows, base), base)


def test_a_name_says_which_network_it_is_and_what_it_reads():
    windows = small(G=1)[0]
    kinds = {"LSTM": DirectForecaster, "LSTM, sequence": SequenceForecaster}
    kinds["LSTM, recursive"] = RecursiveForecaster
    for name, kind in kinds.items():
        assert type(study.make(name, windows)) is kind
    assert type(study.make("GRU", windows).layer) is torch.nn.GRU
    assert study.make("LSTM", windows).layer.input_size == 4 + 1
    alone = study.value_and_known(windows)
    assert torch.equal(alone.past[..., 0], windows.past[..., 0])
    assert torch.equal(alone.past[..., 1:], windows.past[..., 2:])


def test_trees_are_as_many_as_are_best_in_validation():
    parts = small(G=1)
    made = study.trees(0.3, 0, parts, persistence)
    plain = rmse(persistence(parts[0]), parts[0].target)
    assert rmse(made[0], parts[0].target) < plain
    other = study.trees(0.3, 0, [parts[0], parts[2], parts[1]], persistence)
    assert rmse(made[1], parts[1].target) <= rmse(other[2], parts[1].target)


def test_the_best_setting_is_chosen_by_validation_of_the_first_seed():
    rows = [
        {"task": "t", "model": "m", "setting": s, "seed": n, "validation": v, "test": t}
        for s, n, v, t in ((1, 0, 2.0, 1.0), (2, 0, 1.0, 5.0), (2, 1, 9.0, 6.0))
    ]
    assert [row["test"] for row in study.best(rows, "t", "m")] == [5.0, 6.0]
    with pytest.raises(ValueError, match="no model 'x' was measured for 't'"):
        study.best(rows, "t", "x")


def test_destinations_that_are_watched_are_spread_over_all():
    assert study.few(list(range(10))) == [0, 2, 4, 6, 8]


def test_points_sweep_from_the_first_seed_and_go_on_at_the_chosen_rate():
    points = study.points()
    for model in study.CHOSEN:
        task, name = model
        own = [p for p in points if (p["task"], p["model"]) == (task, name)]
        assert len({p["setting"] for p in own if p["seed"] == 0}) >= 2
        for seed in study.SEEDS[1:]:
            kept = [p["setting"] for p in own if p["seed"] == seed]
            assert kept == [study.CHOSEN[model]]


# what is committed, and what chapter 13 says of it


@pytest.fixture(scope="module")
def rows():
    return studies.load("forecast")


def test_what_the_study_calls_chosen_was_best_in_validation(rows):
    for (task, name), rate in study.CHOSEN.items():
        assert {row["setting"] for row in study.best(rows, task, name)} == {rate}


def errors_of(rows, task, name):
    return [row["test"] for row in study.best(rows, task, name)]


def mean(rows, task, name):
    return statistics.mean(errors_of(rows, task, name))


def test_every_trained_model_beats_both_plain_forecasts(rows):
    for task in study.PLAIN:
        plain = min(mean(rows, task, name) for name in ("persistence", "seasonal"))
        for name in ("ridge", "trees", *study.NETWORKS[task]):
            assert max(errors_of(rows, task, name)) < plain


def test_no_network_beats_ridge_by_more_than_its_spread(rows):
    for task in study.PLAIN:
        [ridge] = errors_of(rows, task, "ridge")
        for name in study.NETWORKS[task]:
            errors = errors_of(rows, task, name)
            spread = max(errors) - min(errors)
            assert statistics.mean(errors) > ridge - max(spread, 0.01)


def test_on_the_departures_ridge_is_ahead_of_networks_and_trees_at_every_seed(rows):
    [ridge] = errors_of(rows, "departures", "ridge")
    for name in ("LSTM", "GRU", "trees"):
        assert min(errors_of(rows, "departures", name)) > ridge + 0.02


def test_the_three_ways_are_within_a_twentieth_of_one_another(rows):
    names = "LSTM", "LSTM, sequence", "LSTM, recursive"
    means = [mean(rows, "temperature", name) for name in names]
    assert max(means) < 1.05 * min(means)


def test_one_network_for_all_beats_one_for_each_in_validation_at_every_seed(rows):
    one, few, whole = (
        [row["validation"] for row in study.best(rows, "related", name)]
        for name in study.NETWORKS["related"]
    )
    assert max(whole) < min(one) - 0.1
    assert max(whole) < min(few)
    assert max(few) < min(one)


def test_in_the_test_the_margin_is_about_the_spread_of_the_seeds(rows):
    one, few, whole = (
        errors_of(rows, "related", name) for name in study.NETWORKS["related"]
    )
    spread = max(one) - min(one)
    assert abs(statistics.mean(one) - statistics.mean(whole)) < spread
    assert abs(statistics.mean(few) - statistics.mean(one)) < spread
