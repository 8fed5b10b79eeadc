"""Series: what cannot be forecast is refused; windows hold nothing of the future."""

import pytest
import torch
from torch.testing import assert_close

from lstm.data import Scaler, WindowBatches, Windows, check_series
from lstm.data.series import cut, join, made_too_early, moved_by_the_future, on_grid


def randn(*sizes):
    return torch.randn(*sizes, dtype=torch.float64)


T, L, M = 40, 5, 3
TIMES = torch.arange(100, 100 + T)


def numbered():
    """Values and known ones that say their own step: t, and 1000 + t."""
    steps = torch.arange(float(T))
    return torch.stack([steps, -steps], 1), 1000 + steps[:, None]


# what is refused


def test_a_whole_series_is_taken():
    check_series(TIMES, randn(T, 2))
    check_series(TIMES, randn(T))


def test_a_gap_is_refused_and_named():
    times = torch.cat([TIMES[:7], TIMES[9:]])
    with pytest.raises(ValueError, match="gap, after time 106 comes 109: expected 107"):
        check_series(times, randn(T - 2))


@pytest.mark.parametrize("what", [check_series, on_grid])
def test_repeated_and_falling_times_are_refused(what):
    twice, falling = TIMES.clone(), TIMES.clone()
    twice[8] = twice[7]
    falling[8] = 50
    with pytest.raises(ValueError, match="these repeat: 107, then 107, at row 8"):
        what(twice, randn(T, 2))
    with pytest.raises(ValueError, match="these fall: 107, then 50, at row 8"):
        what(falling, randn(T, 2))
    with pytest.raises(ValueError, match="as many times as values, got 40 and 39"):
        what(TIMES, randn(T - 1, 2))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_value_that_is_not_finite_is_refused_with_its_time(value):
    values = randn(T, 2)
    values[[4, 9], 1] = value
    with pytest.raises(ValueError, match="expected finite.* at time 104, and 2 such"):
        check_series(TIMES, values)


def test_a_constant_series_is_refused():
    values = randn(T, 2)
    values[:, 1] = 3.5
    with pytest.raises(ValueError, match="column 1 is constant, 3.5"):
        check_series(TIMES, values)
    with pytest.raises(ValueError, match="column 0 is constant, 0"):
        Scaler.fit(torch.zeros(T))
    with pytest.raises(ValueError, match="has no two numbers"):
        Scaler.fit(torch.ones(1))


def test_a_series_too_short_for_a_window_is_refused():
    values, known = numbered()
    for few in (L + M - 1, 1):
        with pytest.raises(ValueError, match=r"a window needs 5 \+ 3 steps in a row"):
            cut(values[:few], known[:few], L, M)
    assert len(cut(values[: L + M], known[: L + M], L, M)) == 1
    values[::4] = torch.nan  # long enough, but nowhere whole
    with pytest.raises(ValueError, match="none of targets from 0 to 40 has them"):
        cut(values, known, L, M)


def test_sizes_that_make_no_sense_are_refused():
    values, known = numbered()
    with pytest.raises(ValueError, match="at least 1, got 0 and 3"):
        cut(values, known, 0, M)
    with pytest.raises(ValueError, match="known values of 40 steps, got 39"):
        cut(values, known[1:], L, M)
    with pytest.raises(ValueError, match="0 <= begin <= end <= 40, got 9 and 41"):
        cut(values, known, L, M, 9, 41)


# grid and scale


def test_a_grid_has_every_step_and_nan_where_nothing_was_measured():
    values = randn(T, 2)
    kept = torch.tensor([n for n in range(T) if n not in (3, 4, 20)])
    times, whole = on_grid(TIMES[kept], values[kept])
    assert torch.equal(times, TIMES)
    assert whole.isnan().all(dim=1).nonzero().flatten().tolist() == [3, 4, 20]
    assert torch.equal(whole[kept], values[kept])


def test_a_scaler_gives_mean_0_and_deviation_1_to_what_it_was_fitted_on_and_undoes():
    values = 5 + 3 * randn(T, 2)
    values[2, 0] = torch.nan
    scaler = Scaler.fit(values)
    scaled = scaler(values)
    assert_close(scaled.nanmean(dim=0), torch.zeros(2).double())
    assert_close(scaled[:, 1].std(), torch.tensor(1.0).double())
    assert_close(scaled[scaled[:, 0].isfinite(), 0].std(), torch.tensor(1.0).double())
    assert_close(scaler.undo(scaled), values, equal_nan=True)
    assert_close(scaler.undo(scaled[:, 1], 1), values[:, 1])
    one = Scaler.fit(values[:, 1])  # a series of one axis
    assert_close(one.undo(one(values[:, 1])), values[:, 1])


# windows


def test_a_window_holds_its_past_what_is_known_of_its_future_and_what_came():
    values, known = numbered()
    w = cut(values, known, L, M, static=torch.tensor([7.0, 8.0]))
    assert len(w) == T - L - M + 1
    assert w.origin.tolist() == list(range(L - 1, T - M))
    n = 6
    o = w.origin[n].item()
    assert w.past[n, :, 0].tolist() == [o - 4, o - 3, o - 2, o - 1, o]
    assert w.past[n, :, 1].tolist() == [-v for v in w.past[n, :, 0].tolist()]
    assert w.future[n, :, 0].tolist() == [1000 + o + k for k in (1, 2, 3)]
    assert w.target[n].tolist() == [o + 1, o + 2, o + 3]
    assert w.static[n].tolist() == [7, 8]
    assert cut(values, known, L, M).static.shape == (len(w), 0)


def test_all_targets_of_a_part_lie_in_it_and_parts_share_none():
    values, known = numbered()
    bounds = (0, 20), (20, 30), (30, T)
    parts = [cut(values, known, L, M, *part) for part in bounds]
    for part, (begin, end) in zip(parts, bounds, strict=True):
        assert part.target.min() == max(begin, L)
        assert part.target.max() == end - 1
    assert parts[1].past[..., 0].min() == 20 - L  # the past may reach back


def test_windows_with_a_hole_anywhere_in_them_are_left_out():
    values, known = numbered()
    values[10, 1] = torch.nan  # in a past only: the target is column 0
    known[25] = torch.nan  # in a future only
    w = cut(values, known, L, M)
    gone = {*range(L - 1, T - M)} - {*w.origin.tolist()}
    assert gone == {10, 11, 12, 13, 14, 22, 23, 24}
    values[30, 0] = torch.nan
    w = cut(values, known, L, M)
    gone = {*range(L - 1, T - M)} - {*w.origin.tolist()}
    assert {27, 28, 29, 30, 31, 32, 33, 34} <= gone


def test_flat_windows_hold_all_inputs_and_no_target():
    values, known = numbered()
    w = cut(values, known, L, M, static=torch.tensor([7.0]))
    flat = w.flat()
    assert flat.shape == (len(w), L * 2 + M * 1 + 1)
    assert torch.equal(flat[:, :10], w.past.flatten(1))
    assert torch.equal(flat[:, 10:13], w.future.flatten(1))
    assert (flat[:, -1] == 7).all()


def test_windows_are_joined_and_picked_by_rows():
    values, known = numbered()
    a, b = (cut(v, known, L, M) for v in (values, 10 * values))
    both = join([a, b])
    assert len(both) == len(a) + len(b)
    for part, other in zip(both[len(a) :].parts, b.parts, strict=True):
        assert torch.equal(part, other)


def test_batches_pair_the_three_inputs_with_what_came_or_another_target():
    values, known = numbered()
    w = cut(values, known, L, M, static=torch.tensor([7.0]))
    for inputs, target in WindowBatches(w, 8, seed=3):
        past, future, _ = inputs
        assert torch.equal(target, past[:, -1:, 0] + torch.tensor([1.0, 2, 3]))
        assert torch.equal(future[..., 0], 1000 + target)
    for (past, _, _), target in WindowBatches(w, 8, 3, w.target - w.past[:, -1:, 0]):
        assert (target == torch.tensor([1.0, 2, 3])).all()
        assert len(past) == len(target)


# leaks


def clean(values):
    scaler = Scaler.fit(values[:20])
    return cut(scaler(values), torch.zeros(T, 1), L, M)


def scaled_on_all(values):
    return cut(Scaler.fit(values)(values), torch.zeros(T, 1), L, M)


def smoothed(values):
    middle = (values[:-2] + values[1:-1] + values[2:]) / 3
    return cut(torch.cat([values[:1], middle, values[-1:]]), torch.zeros(T, 1), L, M)


def known_too_well(values):
    return cut(values, values, L, M)


def test_nothing_of_the_future_is_in_the_inputs_of_clean_windows():
    values = randn(T, 2)
    for step in range(20, T):
        assert moved_by_the_future(clean, values, step) == 0


def test_every_target_moves_with_the_future():
    values = randn(T, 2)
    before, after = cut(values, values, L, M), cut(values + 1, values, L, M)
    assert (before.target != after.target).all()


@pytest.mark.parametrize(
    ("make", "moved"),
    [(scaled_on_all, 26), (smoothed, 1), (known_too_well, M)],
    ids=lambda x: getattr(x, "__name__", x),
)
def test_a_leak_is_noticed_and_counted(make, moved):
    assert moved_by_the_future(make, randn(T, 2), 30) == moved


def less_the_mean(values):
    return cut(values - values.mean(dim=0), torch.zeros(T, 1), L, M)


@pytest.mark.parametrize("make", [scaled_on_all, less_the_mean])
@pytest.mark.parametrize("value", [-5.0, -10.0, 0.0])
def test_a_leak_is_noticed_whatever_the_future_holds(make, value):
    values = randn(T, 2)
    values[30:] = value
    assert moved_by_the_future(make, values, 30) == 30 - (L - 1)
    values[30:] += randn(T - 30, 2)
    values[30:] += value - values[30:].mean(dim=0)  # its mean stays under one change
    assert moved_by_the_future(make, values, 30) == 30 - (L - 1)


def of_logarithms(values):
    return cut(values.log(), torch.zeros(T, 1), L, M)


def test_values_above_0_stay_there_so_that_logarithms_can_be_looked_at():
    assert moved_by_the_future(of_logarithms, randn(T, 2).exp(), 30) == 0


def test_windows_that_the_future_chooses_are_named():
    def make(values):
        begin = L + 2 if values[-1, 0] > 20 else 0
        return cut(values, torch.zeros(T, 1), L, M, begin)

    with pytest.raises(ValueError, match="and then .*: the future chooses"):
        moved_by_the_future(make, torch.full((T, 2), 7.0), 30)


def test_windows_split_in_time_are_made_after_training_ended_shuffled_ones_not():
    values, known = numbered()
    train, test = (cut(values, known, L, M, *part) for part in ((0, 25), (25, T)))
    assert made_too_early(train, test) == 0
    assert made_too_early(cut(values, known, L, M, 0, 26), test) == 1
    whole = cut(values, known, L, M)
    rows = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
    assert made_too_early(whole[rows[:25]], whole[rows[25:]]) > 5


def test_windows_are_five_tensors_in_a_fixed_order():
    w = Windows(*map(torch.tensor, ([1], [2], [3], [4], [5])))
    assert [int(p) for p in w.parts] == [1, 2, 3, 4, 5]
    assert [int(p) for p in w.inputs] == [1, 2, 3]
