"""What is no series is refused, and the error says what was given and expected."""

import re

import numpy as np
import pytest
import torch

from lstm.data import Scaler, check_series
from lstm.data.series import cut, moved_by_the_future, on_grid


def randn(*sizes):
    return torch.randn(*sizes, dtype=torch.float64)


T, L, M = 40, 5, 3
TIMES = torch.arange(100, 100 + T)
TAKE_BOTH = pytest.mark.parametrize("what", [check_series, on_grid])


# times


@TAKE_BOTH
@pytest.mark.parametrize("value", [103.5, torch.nan, torch.inf, 1e300])
def test_times_that_are_not_whole_are_refused_with_their_row(what, value):
    times = TIMES.double()
    times[3] = value
    found = re.escape(f"whole numbers, got {value} at row 3")
    with pytest.raises(ValueError, match=found):
        what(times, randn(T, 2))


@TAKE_BOTH
def test_times_that_are_all_nan_or_half_steps_are_refused(what):
    with pytest.raises(ValueError, match="whole numbers, got nan at row 0"):
        what(torch.full((T,), torch.nan), randn(T, 2))
    with pytest.raises(ValueError, match="whole numbers, got 0.5 at row 1"):
        what(torch.arange(T) / 2, randn(T, 2))
    with pytest.raises(ValueError, match="whole numbers, got torch.bool"):
        what(torch.tensor([False, True]), randn(2, 2))


@TAKE_BOTH
def test_times_of_another_shape_are_refused(what):
    with pytest.raises(ValueError, match=r"times of shape \(T\).*got \(40, 1\)"):
        what(TIMES[:, None], randn(T, 2))
    with pytest.raises(ValueError, match=r"times of shape \(T\).*got \(0,\)"):
        what(TIMES[:0], randn(T, 2))


def test_times_beyond_what_their_dtype_can_count_are_refused():
    times = torch.tensor([2.0**24 - 1, 2.0**24], dtype=torch.float32)
    with pytest.raises(ValueError, match="whole numbers, got 16777216.0 at row 1"):
        on_grid(times, torch.randn(2, 1))
    whole, _ = on_grid(times.double(), torch.randn(2, 1))
    assert whole.tolist() == [2**24 - 1, 2**24]


def test_whole_times_are_taken_in_any_dtype():
    values = randn(T, 2)
    kept = torch.tensor([n for n in range(T) if n != 7])
    for dtype in (torch.float32, torch.uint8, torch.int32):
        check_series(TIMES.to(dtype), values)
        times, whole = on_grid(TIMES.to(dtype)[kept], values[kept])
        assert torch.equal(times, TIMES)
        assert whole[7].isnan().all()
        assert torch.equal(whole[kept], values[kept])


@TAKE_BOTH
def test_unsigned_times_that_fall_are_not_called_a_gap(what):
    with pytest.raises(ValueError, match="these fall: 3, then 2, at row 1"):
        what(torch.tensor([3, 2, 1], dtype=torch.uint8), randn(3, 2))


@TAKE_BOTH
def test_what_is_no_tensor_is_refused(what):
    for times in (TIMES.numpy(), TIMES.tolist()):
        name = type(times).__name__
        with pytest.raises(TypeError, match=f"times should be .* Tensor, got: {name}"):
            what(times, randn(T, 2))
    for values in (np.ones((T, 2)), [1.0] * T):
        name = type(values).__name__
        with pytest.raises(TypeError, match=f"values should be .* Tensor, got: {name}"):
            what(TIMES, values)


def test_seconds_where_hours_were_meant_are_refused_with_the_rows_they_ask_for():
    seconds = torch.tensor([0, 1_700_000_000])
    asked = "0 to 1700000000 ask for 1,700,000,001 rows, expected at most 1,000 for"
    with pytest.raises(ValueError, match=f"{asked} each of the 2 given"):
        on_grid(seconds, randn(2, 1))
    assert len(on_grid(torch.tensor([0, 1999]), randn(2, 1))[0]) == 2000
    with pytest.raises(ValueError, match="ask for 2,001 rows"):
        on_grid(torch.tensor([0, 2000]), randn(2, 1))


# values


@pytest.mark.parametrize(
    "what",
    [lambda v: check_series(TIMES[: len(v)], v), Scaler.fit],
    ids=["check_series", "Scaler.fit"],
)
def test_values_of_another_shape_or_dtype_are_refused(what):
    with pytest.raises(ValueError, match=r"values of a floating dtype.*torch.int64"):
        what(torch.arange(T)[:, None])
    for shape in ((0, 2), (T, 0), (T, 2, 1)):
        found = re.escape(f"got {shape}")
        with pytest.raises(ValueError, match=rf"shape \(T\) or \(T, D\), .*{found}"):
            what(torch.zeros(shape))


def test_whole_numbers_on_a_grid_are_refused_since_they_have_no_nan():
    with pytest.raises(ValueError, match=r"floating dtype \(values.float\(\) makes"):
        on_grid(TIMES, torch.arange(T)[:, None])


@pytest.mark.parametrize("value", [0.1, 1013.2, 0.3, 1e-20])
def test_a_constant_is_refused_however_its_mean_is_rounded(value):
    values = torch.full((1_000,), value)
    for given in (values, torch.stack([torch.arange(1_000.0), values], 1)):
        column = given.dim() - 1
        with pytest.raises(ValueError, match=f"column {column} is constant, {value:g}"):
            Scaler.fit(given)
    values[::2] = torch.nan
    with pytest.raises(ValueError, match="column 0 is constant"):
        Scaler.fit(values)


def test_a_scaler_refuses_an_infinity_and_takes_nan():
    values = randn(T, 2)
    values[3] = torch.nan
    assert Scaler.fit(values).mean.isfinite().all()
    values[5, 1] = -torch.inf
    with pytest.raises(ValueError, match="finite values or NaN, but column 1 holds an"):
        Scaler.fit(values)
    values[:, 1] = torch.nan
    with pytest.raises(ValueError, match="column 1 has no two numbers"):
        Scaler.fit(values)


@pytest.mark.parametrize(("size", "found"), [(1e-30, "0.0"), (1e30, "inf")])
def test_a_deviation_beyond_the_dtype_is_refused(size, found):
    values = size * torch.arange(9.0)
    with pytest.raises(ValueError, match=f"deviation of column 0 is {found} in"):
        Scaler.fit(values)
    assert Scaler.fit(values.double()).std > 0


# windows


def test_windows_are_cut_from_two_axes_and_a_static_one():
    values, known = randn(T, 2), randn(T, 1)
    with pytest.raises(ValueError, match=r"values of shape \(T, D\), got \(40,\)"):
        cut(values[:, 0], known, L, M)
    with pytest.raises(ValueError, match=r"known of shape \(T, E\), got \(40,\)"):
        cut(values, known[:, 0], L, M)
    with pytest.raises(ValueError, match=r"static of shape \(G\), got \(1, 2\)"):
        cut(values, known, L, M, static=torch.ones(1, 2))
    with pytest.raises(ValueError, match=r"at least 1 column, got shape \(40, 0\)"):
        cut(values[:, :0], known, L, M)
    with pytest.raises(TypeError, match="known should be of type Tensor, got: ndarray"):
        cut(values, known.numpy(), L, M)


def test_an_infinity_is_left_out_and_not_reported_as_nan():
    values, known = randn(T, 2), randn(T, 1)
    values[10, 1] = torch.inf
    gone = {*range(L - 1, T - M)} - {*cut(values, known, L, M).origin.tolist()}
    assert gone == {10, 11, 12, 13, 14}
    values[::4] = torch.inf
    with pytest.raises(ValueError, match="steps in a row, all of them finite"):
        cut(values, known, L, M)
    with pytest.raises(ValueError, match=r"finite static values, got \[nan\]"):
        cut(randn(T, 2), known, L, M, static=torch.tensor([torch.nan]))


# the test of leaks must be able to fail


def scaled_on_all(values):
    return cut(Scaler.fit(values)(values), torch.zeros(T, 1), L, M)


@pytest.mark.parametrize("step", [-1, 0, T, T + 9])
def test_a_step_outside_the_series_is_refused(step):
    with pytest.raises(ValueError, match=f"a step from 1 to 39, got {step}"):
        moved_by_the_future(scaled_on_all, randn(T, 2), step)


def test_a_test_of_leaks_that_could_find_none_is_refused():
    values = randn(T, 2)
    with pytest.raises(ValueError, match="made before step 4, none of 33 windows is"):
        moved_by_the_future(scaled_on_all, values, L - 1)
    assert moved_by_the_future(scaled_on_all, values, L) == 1
    values[30:] = torch.nan
    with pytest.raises(ValueError, match="values from step 30 on, all of them are NaN"):
        moved_by_the_future(scaled_on_all, values, 30)
