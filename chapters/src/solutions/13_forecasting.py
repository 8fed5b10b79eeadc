# ---
# minutes: 0.7
# ---

# %% [markdown]
r"""
# Solutions to chapter 13

Try the [exercises](../13_forecasting.ipynb#Exercises) first; the first two need a
pencil only. Each solution ends in a check of what was asked.
"""

# %%
from functools import partial

import torch
from torch import nn
from torch.nn.functional import mse_loss

import lstm
from lstm.data import Minibatches, Scaler, newyork
from lstm.data.series import Windows, cut, join, moved_by_the_future, on_grid
from lstm.forecasters import DirectForecaster
from lstm.forecasts import coverage, lag_correlations, mean_of_seasons, persistence
from lstm.forecasts import pinball, ridge, rmse, skill
from lstm.studies import forecast as study

# %% [markdown]
r"""
## Exercise 1

Persistence says 9, 10, 12, 11: the forecast *is* persistence. Its skill is 0, and moved
back by a step it is the truth itself.
"""

# %%
truth = torch.tensor([10.0, 12, 11, 13])
forecast, plain = torch.tensor([9.0, 10, 12, 11]), torch.tensor([9.0, 10, 12, 11])
lags = lag_correlations(forecast, truth, (0, 1))
print(
    f"skill {skill(forecast, truth, plain):.1f}", end="; correlation at lags 0 and 1:"
)
print("", *(f"{c:.2f}" for c in lags))
assert skill(forecast, truth, plain) == 0
assert lags[1] > 0.999 > lags[0]

# %% [markdown]
r"""
## Exercise 2

Too low by 3 costs $3q$, too high by 3 costs $3(1 - q)$: 0.15, 1.5 and 2.85 against
2.85, 1.5 and 0.15. They are equal where $q = 1 - q$, at the median, whose pinball loss
is half of the absolute error.
"""

# %%
costs = {
    answer: [
        pinball(torch.full((1, 1, 1), answer), torch.tensor([[10.0]]), [q]).item()
        for q in (0.05, 0.5, 0.95)
    ]
    for answer in (7.0, 13.0)
}
for answer, found in costs.items():
    print(f"{answer:4.0f}:", *(f"{cost:.2f}" for cost in found))
assert [round(c, 2) for c in costs[7.0]] == [0.15, 1.5, 2.85]
assert [round(c, 2) for c in costs[13.0]] == [2.85, 1.5, 0.15]

# %% [markdown]
r"""
## Exercise 3

The mistake is easily made: the measurements are handed over as "known" together with
the clock. We ask for the temperature 12 hours ahead only.
"""

# %%
weather = newyork.load_weather("LGA")
hours, values = on_grid(weather.times, weather.values[:, [0, 1, 3]])
end = int((hours < 24 * 243 + 5).sum())


def prepare(values, mistaken=False):
    """48 hours back, 12 ahead; mistaken: the measurements are among what is known."""
    scaled, clock = Scaler.fit(values[:end])(values), newyork.clock(hours)
    known = torch.cat([scaled[:, :1], clock], dim=1) if mistaken else clock
    return cut(torch.cat([scaled, clock], dim=1), known, past=48, ahead=12)


found = {}
for mistaken in (False, True):
    windows = prepare(values, mistaken)
    old, new = windows[windows.origin < end - 12], windows[windows.origin >= end]
    fitted = ridge(old.flat(), old.target[:, 11:], penalty=1)
    gained = skill(fitted(new.flat()), new.target[:, 11:], persistence(new)[:, 11:])
    make = partial(prepare, mistaken=mistaken)
    found[mistaken] = gained, moved_by_the_future(make, values, end)
    print(f"mistaken: {mistaken!s:5}  skill {gained:.1f}  moved {found[mistaken][1]}")

# %% [markdown]
r"""
The skill is 1: what is asked stands among the inputs, with a weight of 1. The test
counts the twelve windows whose hours ahead reach beyond the step.
"""

# %%
#| check: >-
#|   With the mistake the skill is above 0.99 and 12 windows move, without it less than
#|   0.7 and none.
assert found[True][0] > 0.99
assert found[True][1] == 12
assert found[False][0] < 0.7
assert found[False][1] == 0

# %% [markdown]
r"""
## Exercise 4

The inputs are left out one by one, nothing else is changed.
"""

# %%
parts = [join(part) for part in zip(*newyork.departures()[0], strict=True)]
bases = [mean_of_seasons(windows, 7) for windows in parts]


def without(windows, name):
    """The windows without one of their inputs."""
    tensors = dict(zip(Windows.__dataclass_fields__, windows.parts, strict=True))
    if name:
        tensors[name] = tensors[name][..., :0]
    return Windows(**tensors)


errors = {}
for name in (None, "future", "static", "past"):
    fitted = ridge(without(parts[0], name).flat(), parts[0].target - bases[0], 100)
    errors[name] = [
        rmse(fitted(without(w, name).flat()) + base, w.target).item()
        for w, base in zip(parts, bases, strict=True)
    ]
plain = [rmse(base, w.target).item() for w, base in zip(parts, bases, strict=True)]
rows = [(name or "nothing", *(f"{e:.2f}" for e in errors[name])) for name in errors]
rows.append(("all: the plain forecast", *(f"{e:.2f}" for e in plain)))
lstm.Table(("left out; error (rmse)", "training", "validation", "test"), rows)

# %% [markdown]
r"""
Hardly anything is lost with the weekdays, since the plain forecast, the mean of the
same weekdays, knows them already, and hardly anything with the static inputs, which a
linear model can only add. What counts is the past: without it ridge is hardly better
than the plain forecast in training, and on the test not at all.
"""

# %%
#| check: >-
#|   On the test neither the weekdays nor the static inputs are worth 0.05, and the past
#|   is worth more than both together.
whole, future, static, past = (errors[n][2] for n in (None, "future", "static", "past"))
assert abs(future - whole) < 0.05
assert abs(static - whole) < 0.05
assert past - whole > abs(future - whole) + abs(static - whole)

# %% [markdown]
r"""
## Exercise 5

The recipe of section 13.4 once more, its scaler fitted on the first 1,000 steps or on
all 1,500.
"""


# %%
def recipe(series, scale_by, change, begin=1_000):
    """The skill of the usual recipe against persistence from step `begin` on."""
    scaled, nothing = Scaler.fit(series[:scale_by])(series), series.new_zeros(1_500, 0)
    old, new = cut(scaled, nothing, 10, 1, 0, begin), cut(scaled, nothing, 10, 1, begin)
    torch.manual_seed(0)
    model = lstm.SequenceClassifier(nn.LSTM(1, 32, batch_first=True), 1)
    target = old.target - persistence(old) if change else old.target
    config = lstm.TrainConfig(steps=300, lr=1e-2, schedule="one-cycle")
    batches = Minibatches(old.past, target, size=64, seed=0)
    lstm.fit(model, batches, config, loss=mse_loss)
    with torch.no_grad():
        made = model(new.past) + (persistence(new) if change else 0)
    return skill(made, new.target, persistence(new))


gains = {}
for seed in (0, 1, 2):
    draws = torch.Generator().manual_seed(seed)
    walk = torch.randn(1_500, 1, generator=draws).cumsum(dim=0)
    for change in (False, True):
        gains[seed, change] = [recipe(walk, by, change) for by in (1_000, 1_500)]

# %% tags=["nbval-ignore-output"]
rows = [
    (seed, "the change" if change else "the value", *(f"{g:+z.2f}" for g in both))
    for (seed, change), both in gains.items()
]
lstm.Table(("walk", "the LSTM gives", "skill, honest", "skill, leaking"), rows)

# %% [markdown]
r"""
The leak brings nothing here. Giving the change, the skill is what it was. Giving the
value it is even lower, on each of the three walks; why, the comparison does not tell. A
leak need not raise a score. It makes a number that cannot be trusted, in either
direction.
"""

# %%
#| check: >-
#|   Giving the change, the leak moves the skill by less than 0.1; nowhere does it make
#|   it positive by more than 0.01; giving the value it makes it lower.
for (_, change), (honest, leaking) in gains.items():
    assert leaking < 0.01
    assert abs(leaking - honest) < 0.1 if change else leaking < honest

# %% [markdown]
r"""
## Exercise 6

The network of section 13.7 with its two outer quantiles only. By how much a truth lies
outside is the larger of $\text{low} - y$ and $y - \text{high}$, negative inside.
[Romano et al. (2019)](https://arxiv.org/abs/1905.03222) prove that so widened an
interval covers what it should, if the windows of validation and test can be exchanged
for one another.
"""

# %%
train, validation, test = newyork.temperature()[0]
torch.manual_seed(0)
layer = nn.LSTM(train.past.shape[-1], 32, batch_first=True)
model = DirectForecaster(layer, 24, train.future.shape[-1], outputs=2)
loss = partial(pinball, quantiles=(0.05, 0.95))
_ = study.train(model, train, persistence(train), 1e-2, updates=300, loss=loss)


@torch.no_grad()
def interval(windows):
    """The two outer quantiles: (N, M) each."""
    made = model(windows.inputs) + persistence(windows)[..., None]
    return made.sort(dim=-1).values.unbind(dim=-1)


low, high = interval(validation)
outside = torch.maximum(low - validation.target, validation.target - high)
more = outside.quantile(0.9, dim=0)  # for each hour ahead
low, high = interval(test)
before, after = (coverage(low - m, high + m, test.target) for m in (0, more))
wider = ((high - low + 2 * more).mean() / (high - low).mean()).item()

# %% tags=["nbval-ignore-output"]
print(
    f"coverage of the test {before:.1%}, then {after:.1%}; the width times {wider:.2f}"
)

# %% [markdown]
r"""
In validation the interval was too wide, so the correction narrows it, and the test,
whose temperature changes more from one day to the next (section 13.7), is covered still
less. The proof needs windows that could be exchanged for one another; those of autumn
and winter cannot. A correction by last year's winter could have helped, and we have
none.
"""

# %%
#| check: >-
#|   The coverage of the test changes with the width, and stays below the nominal 90 %.
assert (after > before) == (wider > 1)
assert after < 0.9
