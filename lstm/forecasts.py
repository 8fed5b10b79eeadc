"""Forecasts without a network, and what a forecast is worth.

N windows   L past steps   M steps ahead   D values measured   Q quantiles
Sources: skill, Murphy (1988); the pinball loss, Koenker & Bassett (1978).
"""

import torch


def persistence(windows):
    """As it is now, so it stays: the last value, at every step ahead: (N, M)."""
    return windows.past[:, -1:, 0].expand_as(windows.target)


def seasonal(windows, season):
    """As it was a season before: the value of the same hour, or weekday: (N, M).

    season: in steps; steps ahead beyond it take the last season once more
    Raises ValueError for a past shorter than a season.
    """
    L, M = windows.past.shape[1], windows.target.shape[1]
    if not 1 <= season <= L:
        raise ValueError(f"expected a season of 1 to {L} steps, got {season}")
    back = L - season + torch.arange(M) % season
    return windows.past[:, back, 0]


def mean_of_seasons(windows, season):
    """The mean of the same hour, or weekday, over all whole seasons of the past: (N, M)

    Raises ValueError for a past shorter than a season.
    """
    L, M = windows.past.shape[1], windows.target.shape[1]
    plain = seasonal(windows, season)  # which checks the season, too
    for shift in range(season, L - season + 1, season):
        back = L - season - shift + torch.arange(M) % season
        plain = plain + windows.past[:, back, 0]
    return plain / (L // season)


def ridge(features, targets, penalty):
    """Fit targets (N, M) by features (N, F), linearly; returns the forecast's function.

    Minimises the squared error plus `penalty` times the squared weights; the intercept
    is free. Raises ValueError for a penalty that is not more than 0.
    """
    if not penalty > 0:
        raise ValueError(f"penalty must be more than 0, got {penalty}")
    x, y = features.double(), targets.double()
    center, level = x.mean(dim=0), y.mean(dim=0)
    x, y = x - center, y - level
    square = x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(square, x.T @ y)

    def forecast(features):
        return ((features.double() - center) @ weights + level).to(features.dtype)

    return forecast


def rmse(forecast, target, dim=None):
    """Root of the mean squared error, over all, or along an axis."""
    return (forecast - target).square().mean(dim=dim).sqrt()


def skill(forecast, target, plain):
    """How much of a plain forecast's mean squared error is gone: 1 all, 0 nothing.

    Below 0 the forecast is worse than the plain one. Raises ValueError for another
    shape than the target's, and for a plain forecast without an error: of nothing there
    is no share.
    """
    check_shapes(target, forecast=forecast, plain=plain)
    if (error := rmse(plain, target)) == 0:
        wanted = "a plain forecast with an error, of which skill is a share"
        raise ValueError(f"expected {wanted}, got one that is the target, error 0")
    return 1 - (rmse(forecast, target) / error).square().item()


def check_shapes(target, **given):
    """Raise ValueError for what is neither one number nor of the target's shape."""
    for name, numbers in given.items():
        found, wanted = tuple(torch.as_tensor(numbers).shape), tuple(target.shape)
        if found not in ((), wanted):
            raise ValueError(f"expected {name} of shape {wanted}, got {found}")


def lag_correlations(forecast, series, lags):
    """Correlation of one-step forecasts with the series moved back by each lag.

    forecast, series: (T); forecast[t] is of series[t]   ->   a number for each lag,
    the correlation of forecast[t] with series[t - lag]
    A forecast that copies the last value has its highest at 1.
    """
    first = max(*lags, 0)
    if first - min(*lags, 0) >= len(series) - 1:
        raise ValueError(f"lags up to {first} need more than {len(series)} steps")
    last = len(series) + min(*lags, 0)
    rows = [series[first - lag : last - lag] for lag in lags]
    both = torch.stack([forecast[first:last], *rows]).double()
    return torch.corrcoef(both)[0, 1:].tolist()


def pinball(scores, target, quantiles):
    """The mean pinball loss of quantiles; at its least, each is that quantile.

    scores: (N, M, Q)   target: (N, M)   quantiles: Q numbers within (0, 1)
    Raises ValueError for other numbers, or another shape.
    """
    q = torch.as_tensor(quantiles, dtype=scores.dtype, device=scores.device)
    if not ((q > 0) & (q < 1)).all():
        raise ValueError(f"quantiles must lie between 0 and 1, got {q.tolist()}")
    if scores.shape != (*target.shape, len(q)):
        wanted, found = (*target.shape, len(q)), tuple(scores.shape)
        raise ValueError(f"expected scores of shape {wanted}, got {found}")
    missed = target[..., None] - scores
    return torch.maximum(q * missed, (q - 1) * missed).mean()


def coverage(low, high, target):
    """The share of targets that lie within an interval, its ends included.

    low, high: a number each, or of the target's shape; ValueError for another
    """
    check_shapes(target, low=low, high=high)
    return ((low <= target) & (target <= high)).double().mean().item()
