"""Plain forecasts, ridge, and what a forecast is worth."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch.testing import assert_close

from lstm.data.series import cut
from lstm.forecasts import (
    coverage,
    lag_correlations,
    mean_of_seasons,
    persistence,
    pinball,
    ridge,
    rmse,
    seasonal,
    skill,
)


def randn(*sizes):
    return torch.randn(*sizes, dtype=torch.float64)


STEPS = torch.arange(60.0)
WINDOWS = cut(STEPS[:, None], torch.zeros(60, 0), 9, 5)


def test_persistence_repeats_the_last_value():
    assert torch.equal(
        persistence(WINDOWS), WINDOWS.origin[:, None].expand(-1, 5).float()
    )


def test_a_seasonal_forecast_repeats_the_value_of_a_season_before():
    assert torch.equal(seasonal(WINDOWS, 7), WINDOWS.target - 7)
    assert torch.equal(seasonal(WINDOWS, 9), WINDOWS.target - 9)
    back = torch.tensor([-2.0, -1, -2, -1, -2]) + torch.tensor([0, 0, 0, 0, 0])
    wanted = WINDOWS.origin[:, None] + 1 + back  # the last season, again and again
    assert torch.equal(seasonal(WINDOWS, 2), wanted)
    for season in (0, 10):
        with pytest.raises(ValueError, match=f"a season of 1 to 9 steps, got {season}"):
            seasonal(WINDOWS, season)


def test_the_mean_of_seasons_is_over_the_whole_ones_of_the_past():
    period = cut((STEPS % 3)[:, None], torch.zeros(60, 0), 9, 5)
    assert_close(mean_of_seasons(period, 3), period.target)
    # 9 past steps hold four seasons of 2: 2, 4, 6 and 8 steps back
    last = WINDOWS.origin[:, None] + torch.tensor([-1.0, 0, -1, 0, -1])
    assert_close(mean_of_seasons(WINDOWS, 2), last - 3)
    with pytest.raises(ValueError, match="got 10"):
        mean_of_seasons(WINDOWS, 10)


@pytest.mark.parametrize("penalty", [0.1, 30.0])
def test_ridge_is_scikit_learns(penalty):
    x, y, new = randn(40, 6), 3 + randn(40, 2), randn(5, 6)
    theirs = Ridge(alpha=penalty).fit(x.numpy(), y.numpy()).predict(new.numpy())
    assert_close(ridge(x, y, penalty)(new), torch.from_numpy(theirs))
    assert ridge(x, y, penalty)(new.float()).dtype == torch.float32


def test_ridge_without_a_penalty_is_refused():
    with pytest.raises(ValueError, match="penalty must be more than 0, got 0"):
        ridge(randn(4, 2), randn(4, 1), 0)


def test_errors_over_all_and_step_by_step():
    forecast, target = (
        torch.tensor([[1.0, 5], [3, 5]]),
        torch.tensor([[0.0, 1], [0, 1]]),
    )
    assert_close(rmse(forecast, target), torch.tensor(42 / 4).sqrt())
    assert_close(rmse(forecast, target, dim=0), torch.tensor([5.0, 16]).sqrt())


def test_skill_is_1_of_the_truth_0_of_the_plain_and_below_0_of_worse():
    target, plain = randn(9, 2), randn(9, 2)
    assert skill(target, target, plain) == 1
    assert skill(plain, target, plain) == 0
    assert skill(target + 2 * (plain - target), target, plain) == pytest.approx(-3)


def test_a_copy_of_the_last_value_correlates_most_at_a_lag_of_one():
    series = randn(500).cumsum(0)
    copied = torch.cat([series[:1], series[:-1]])
    found = lag_correlations(copied, series, (-2, -1, 0, 1, 2))
    assert found[3] == pytest.approx(1)
    assert max(found) == found[3]
    by_hand = np.corrcoef(copied[2:498].numpy(), series[4:500].numpy())[0, 1]
    assert found[0] == pytest.approx(by_hand)
    with pytest.raises(ValueError, match="lags up to 3 need more than 4 steps"):
        lag_correlations(copied[:4], series[:4], (0, 3))


def test_the_pinball_loss_by_hand():
    scores, target = torch.tensor([[[10.0, 10.0]]]), torch.tensor([[12.0]])
    # 2 too low: 0.1 * 2 for the tenth, 0.9 * 2 for the nine tenths
    assert_close(pinball(scores, target, (0.1, 0.9)), torch.tensor((0.2 + 1.8) / 2))
    assert_close(pinball(scores, target - 4, (0.1, 0.9)), torch.tensor((1.8 + 0.2) / 2))


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_the_constant_of_least_pinball_loss_is_the_quantile(q):
    target = randn(999, 1)
    levels = target.flatten().sort().values
    losses = [pinball(v.expand(999, 1, 1), target, [q]) for v in levels[::3]]
    best = levels[::3][torch.stack(losses).argmin()]
    assert_close(best, target.quantile(q), atol=0.02, rtol=0)


def test_pinball_refuses_other_quantiles_and_shapes():
    with pytest.raises(ValueError, match=r"between 0 and 1, got \[0.0, 0.5\]"):
        pinball(randn(3, 2, 2), randn(3, 2), (0, 0.5))
    with pytest.raises(ValueError, match=r"shape \(3, 2, 1\), got \(3, 2, 2\)"):
        pinball(randn(3, 2, 2), randn(3, 2), (0.5,))


def test_coverage_is_the_share_within_ends_included():
    target = torch.tensor([0.0, 1, 2, 3, 4])
    assert coverage(torch.tensor(1.0), torch.tensor(3.0), target) == pytest.approx(0.6)


def test_bounds_of_another_shape_than_the_targets_are_refused():
    target = randn(4, 3)
    low, high = target - 1, target + 1
    assert coverage(low, high, target) == coverage(-99.0, 99.0, target) == 1
    with pytest.raises(ValueError, match=r"low of shape \(4, 3\), got \(3,\)"):
        coverage(low[0], high, target)
    with pytest.raises(ValueError, match=r"high of shape \(4, 3\), got \(4, 1\)"):
        coverage(low, high[:, :1], target)


def test_skill_against_a_perfect_forecast_or_of_other_shapes_is_refused():
    target, plain = randn(4, 1), randn(4, 1)
    for forecast in (target, plain):
        with pytest.raises(ValueError, match="plain forecast with an error.* error 0"):
            skill(forecast, target, target)
    with pytest.raises(ValueError, match=r"forecast of shape \(4, 1\), got \(4,\)"):
        skill(plain[:, 0], target, plain)
    with pytest.raises(ValueError, match=r"plain of shape \(4, 1\), got \(4,\)"):
        skill(plain, target, plain[:, 0])
