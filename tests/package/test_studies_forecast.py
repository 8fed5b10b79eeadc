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


def test_in_validation_the_season_is_ahead_of_all_models_on_the_departures(rows):
    [season] = study.best(rows, "departures", "seasonal")
    assert round(season["validation"], 2) == 0.69
    for name in ("ridge", "trees", "GRU", "LSTM"):
        for row in study.best(rows, "departures", name):
            assert row["validation"] > season["validation"] + 0.01


def test_the_gru_is_ahead_of_the_lstm_at_every_seed_on_both_tasks(rows):
    said = {"temperature": (3.40, 3.50, 3.56, 3.57)}
    said["departures"] = 1.07, 1.08, 1.12, 1.13
    for task, numbers in said.items():
        gru, lstm = (errors_of(rows, task, name) for name in ("GRU", "LSTM"))
        assert max(gru) < min(lstm) - 0.02
        found = min(gru), max(gru), min(lstm), max(lstm)
        assert [round(number, 2) for number in found] == list(numbers)


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


def test_the_three_ways_keep_one_order_at_every_seed_in_the_test_alone(rows):
    names = "LSTM", "LSTM, sequence", "LSTM, recursive"
    found = [errors_of(rows, "temperature", name) for name in names]
    ends = [round(end(errors), 2) for errors in found for end in (min, max)]
    assert ends == [3.56, 3.57, 3.60, 3.64, 3.66, 3.71]
    validation = [
        [row["validation"] for row in study.best(rows, "temperature", name)]
        for name in names
    ]
    ends = [round(end(v), 2) for v in validation for end in (min, max)]
    assert ends[:2] == [2.27, 2.28]
    assert ends[4:] == [2.22, 2.31]


def hours(rows, name):
    """The error in the test at each of the 24 hours ahead, the mean of the seeds."""
    found = [row["ahead"] for row in study.best(rows, "temperature", name)]
    return [statistics.mean(column) for column in zip(*found, strict=True)]


def test_two_of_the_three_ways_fall_behind_persistence_at_24_hours(rows):
    plain, seasonal = hours(rows, "persistence"), hours(rows, "seasonal")
    assert round(plain[23], 2) == round(seasonal[23], 2) == 5.01
    ends = {"LSTM": 4.94, "LSTM, sequence": 5.05, "LSTM, recursive": 5.11}
    for name, end in ends.items():
        found = hours(rows, name)
        assert round(found[23], 2) == end
        assert all(found[m] < min(plain[m], seasonal[m]) for m in range(1, 20))
    assert round(hours(rows, "LSTM, sequence")[0], 2) == 0.83 > plain[0] > 0.73
    ridge = hours(rows, "ridge")
    assert all(ridge[m] < hours(rows, name)[m] for name in ends for m in range(24))


def test_one_network_for_all_beats_one_for_each_in_validation_at_every_seed(rows):
    one, few, whole = (
        [row["validation"] for row in study.best(rows, "related", name)]
        for name in study.NETWORKS["related"]
    )
    assert max(whole) < min(one) - 0.1
    assert max(whole) < min(few)
    assert max(few) < min(one)


def test_one_network_for_each_has_the_smallest_error_in_training(rows):
    one, few, whole = (
        [row["train"] for row in study.best(rows, "related", name)]
        for name in study.NETWORKS["related"]
    )
    assert max(one) < min(*few, *whole)
    assert round(statistics.mean(one), 2) == 0.71
    assert round(statistics.mean(whole), 2) == 0.78


def test_in_the_test_the_margin_is_about_the_spread_of_the_seeds(rows):
    one, few, whole = (
        errors_of(rows, "related", name) for name in study.NETWORKS["related"]
    )
    spread = max(one) - min(one)
    assert abs(statistics.mean(one) - statistics.mean(whole)) < spread
    assert abs(statistics.mean(few) - statistics.mean(one)) < spread


def test_the_mean_of_four_weeks_comes_close_to_the_best_network(rows):
    parts, names, _ = study.departures()
    plain = study.PLAIN["departures"]["mean of 4 weeks"]
    network = study.best(rows, "related", "LSTM on all")
    said = {"validation": (0.55, 0.53), "test": (1.17, 1.19)}
    for number, part in enumerate(study.PARTS):
        watched = [parts[n][number] for n in study.few(names)]
        squares = [rmse(plain(w), w.target).square() for w in watched]
        free = torch.stack(squares).mean().sqrt().item()
        found = free, statistics.mean(row[part] for row in network)
        if part in said:
            assert tuple(round(error, 2) for error in found) == said[part]
