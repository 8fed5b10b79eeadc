"""The study of digits in one direction and two: its points, and chapter 4's claims."""

import statistics

import pytest
import torch

from lstm import studies
from lstm.data import Images
from lstm.studies import digits


def small():
    """Images of 3 rows of 4 pixels, two to a digit: 20 to train, 20 to test."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(20, 3, 4, generator=generator), torch.arange(20) % 10
    return Images("small", x, y, x, y)


def test_a_point_returns_accuracy_and_loss_and_a_seed_fixes_both():
    def at(seed):
        return digits.measure("BI-LSTM", 5, 1e-2, seed, images=small(), updates=3)

    found = at(seed=0)
    assert set(found) == {"accuracy", "loss"}
    assert 0 <= found["accuracy"] <= 1
    assert 2 < found["loss"] < 3
    assert at(seed=0) == found
    assert at(seed=1) != found


@pytest.mark.parametrize("name", ["LSTM", "BI-LSTM"])
def test_twins_begin_with_the_same_weights_and_give_the_same_scores(name):
    one, two = (digits.make(model, 8, seed=3) for model in (name, "Hand-" + name))
    assert type(one.layer) is not type(two.layer)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    x = torch.rand(4, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(one(x), two(x))


def test_the_misreader_has_the_same_weights_and_reads_the_last_step():
    right, wrong = (digits.make(m, 8, seed=3) for m in ("BI-LSTM", digits.MISREAD))
    x = torch.rand(4, 28, 28, generator=torch.Generator().manual_seed(0))
    output, _ = right.layer(x)
    assert torch.equal(wrong(x), right.linear(output[:, -1]))
    assert not torch.equal(wrong(x), right(x))


def test_batches_are_shuffled_by_a_seed_only():
    x = torch.arange(300.0)
    plain, shuffled = (
        torch.cat([part for part, _ in digits.batches(x, x, seed)])
        for seed in (None, 1)
    )
    assert torch.equal(plain, x)
    assert not torch.equal(shuffled, x)
    assert torch.equal(shuffled.sort().values, x)


def test_one_wider_direction_has_the_parameters_of_two():
    one, two = (
        sum(p.numel() for p in digits.make(*model, seed=0).parameters())
        for model in (("LSTM", digits.MATCHED), ("BI-LSTM", digits.UNITS))
    )
    assert abs(one / two - 1) < 0.002


# what is committed, and what chapter 4 says of it


def accuracies(**wanted):
    rows = studies.select(studies.load("digits"), **wanted)
    return [row["accuracy"] for row in rows]


def test_the_committed_file_holds_every_point():
    names = list(digits.points()[0])
    kept = [{name: row[name] for name in names} for row in studies.load("digits")]
    assert kept == digits.points()


def best_of(model, units):
    """A model's accuracies at the rate at which their mean is best."""
    return max(
        (accuracies(model=model, units=units, lr=lr) for lr in digits.RATES),
        key=statistics.mean,
    )


def spread(values):
    return max(values) - min(values)


def test_at_equal_size_and_the_best_rates_the_directions_differ_less_than_the_seeds():
    one, two = best_of("LSTM", digits.MATCHED), best_of("BI-LSTM", digits.UNITS)
    gap = abs(statistics.mean(one) - statistics.mean(two))
    assert gap < max(spread(one), spread(two))


def test_at_the_lowest_rate_two_directions_lead_one_of_half_the_size_at_every_seed():
    low = {"lr": digits.RATES[0], "units": digits.UNITS}
    one, two = accuracies(model="LSTM", **low), accuracies(model="BI-LSTM", **low)
    assert all(b > a for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("pair", [("LSTM", "Hand-LSTM"), ("BI-LSTM", "Hand-BI-LSTM")])
def test_twins_end_as_two_seeds_do(pair):
    at = {"lr": digits.RATE, "units": digits.UNITS}
    one, two = (accuracies(model=name, **at) for name in pair)
    assert abs(statistics.mean(one) - statistics.mean(two)) < 0.005


def test_on_digits_the_wrong_reading_costs_little_and_is_as_good_as_one_direction():
    at = {"lr": digits.RATE, "units": digits.UNITS}
    models = "LSTM", "BI-LSTM", digits.MISREAD
    one, right, wrong = (accuracies(model=name, **at) for name in models)
    assert abs(statistics.mean(right) - statistics.mean(wrong)) < 0.01
    assert abs(statistics.mean(one) - statistics.mean(wrong)) < spread(one)
