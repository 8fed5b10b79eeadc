"""Series: what may be forecast, and windows of it with nothing of the future in them.

T steps of a series   N windows   L past steps   M steps ahead
D values measured   E values known beforehand   G values that never change

A series is times (T), whole numbers that count its steps, and values (T, D); column 0
is what is to be forecast. NaN says that nothing was measured.
"""

from dataclasses import dataclass

import torch

from lstm.data.batches import Minibatches
from lstm.data.given import (
    check_changing,
    check_deviation,
    check_grid,
    check_parts,
    check_same,
    check_step,
    check_values,
    whole_numbers,
)


def check_series(times, values):
    """Raise ValueError for what cannot be forecast as it is, and say where it is.

    times: (T), whole numbers   values: (T) or (T, D)
    Refused: other shapes and lengths, times that are not whole, that fall or come
    twice, gaps, values that are not finite, a column that is constant. Raises TypeError
    for what is no tensor.
    """
    times = check_times(times, values)
    if len(gaps := (times.diff() > 1).nonzero()):
        at = int(gaps[0])
        before, after = times[at].item(), times[at + 1].item()
        text = f"after time {before} comes {after}: expected {before + 1}"
        raise ValueError(f"a gap, {text} (on_grid makes gaps NaN)")
    wrong = ~values.reshape(len(values), -1).isfinite().all(dim=1)
    if wrong.any():
        at = int(wrong.nonzero()[0])
        text = f"at time {times[at].item()}, and {int(wrong.sum())} such in all"
        raise ValueError(f"expected finite values, got {values[at].tolist()} {text}")
    Scaler.fit(values)


def check_times(times, values):
    """Times (T) as int64; refuses other lengths, times that fall or come twice."""
    check_values(values)
    times = whole_numbers(times)
    if len(times) != len(values):
        raise ValueError(
            f"expected as many times as values, got {len(times)} and {len(values)}"
        )
    for word, wrong in (("fall", times.diff() < 0), ("repeat", times.diff() == 0)):
        if wrong.any():
            at = int(wrong.nonzero()[0])
            pair = f"{times[at].item()}, then {times[at + 1].item()}"
            raise ValueError(f"times must rise, these {word}: {pair}, at row {at + 1}")
    return times


def on_grid(times, values):
    """Give every step a row, NaN where nothing was measured.

    times: (T), rising whole numbers   values: (T, D)   ->   both, of every step between
    Raises ValueError for times that fall or come twice, or that lie so far apart that
    the grid would have more than 1,000 rows for each that was given.
    """
    times = check_times(times, values)
    check_grid(times)
    whole = torch.arange(int(times[0]), int(times[-1]) + 1)
    filled = values.new_full((len(whole), *values.shape[1:]), torch.nan)
    filled[times - times[0]] = values
    return whole, filled


@dataclass(frozen=True)
class Scaler:
    """Takes a mean off and divides by a standard deviation, column by column."""

    mean: torch.Tensor  # (D), or () for one column
    std: torch.Tensor

    @classmethod
    def fit(cls, values):
        """The scaler of some values (T, D), NaN left out: hand it the training part.

        Raises ValueError for a column that is constant, without two numbers, or with
        an infinity, and for values that are not of a floating dtype.
        """
        check_values(values)
        check_changing(values)
        count = (~values.isnan()).sum(dim=0)
        mean = values.nanmean(dim=0)
        std = ((values - mean).square().nansum(dim=0) / (count - 1)).sqrt()
        check_deviation(std)
        return cls(mean, std)

    def __call__(self, values):
        """Scale values (..., D)."""
        return (values - self.mean) / self.std

    def undo(self, scaled, column=...):
        """The values of what was scaled; column: whose they are, if not all."""
        return scaled * self.std[column] + self.mean[column]


@dataclass(frozen=True)
class Windows:
    """What a forecast may look at, apart from one another, and what came."""

    past: torch.Tensor  # (N, L, D), up to the step at which the forecast is made
    future: torch.Tensor  # (N, M, E), of the steps ahead, known when it is made
    static: torch.Tensor  # (N, G), of the series
    target: torch.Tensor  # (N, M), what came
    origin: torch.Tensor  # (N), the step at which the forecast is made: the past's last

    def __len__(self):
        return len(self.target)

    def __getitem__(self, rows):
        return Windows(*(tensor[rows] for tensor in self.parts))

    @property
    def parts(self):
        """The five tensors, in the order above."""
        return self.past, self.future, self.static, self.target, self.origin

    @property
    def inputs(self):
        """What models read: past, future, static."""
        return self.parts[:3]

    def flat(self):
        """The inputs as rows (N, L * D + M * E + G), for what has no idea of time."""
        return torch.cat([tensor.flatten(1) for tensor in self.inputs], dim=1)


def join(windows):
    """The windows of many series as one; all with the same L, M, D, E and G."""
    together = zip(*(one.parts for one in windows), strict=True)
    return Windows(*(torch.cat(tensors) for tensors in together))


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


class WindowBatches(Minibatches):
    """Minibatches of ((past, future, static), target); shuffled, if there is a seed.

    target: (N, M), in place of the windows' own: the difference to a plain forecast
    """

    def __init__(self, windows, size, seed=None, target=None):
        target = windows.target if target is None else target
        super().__init__(*windows.inputs, target, size=size, seed=seed)

    def __iter__(self):
        for *inputs, target in super().__iter__():
            yield tuple(inputs), target


# two tests of a preparation, each for a leak of its own


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


def made_too_early(train, test):
    """How many test windows are made before the last target of training was known."""
    last = int(train.origin.max()) + train.target.shape[1]
    return int((test.origin < last).sum())
