"""What a series may be, and what is said of one that does not fit.

T steps of a series   D values measured   E values known beforehand   G values that
never change
What is no tensor raises TypeError, everything else ValueError.
"""

import torch

SPARSE = 1_000  # rows that a grid may have for each row that was given


def check_tensor(name, given):
    """Raise TypeError for what is no tensor."""
    if not isinstance(given, torch.Tensor):
        found = type(given).__name__
        raise TypeError(
            f"{name} should be of type Tensor, got: {found} (torch.as_tensor makes one)"
        )


def check_values(values):
    """Check values (T) or (T, D), which must be able to hold NaN."""
    check_tensor("values", values)
    if values.dim() not in (1, 2) or not values.numel():
        wanted = "shape (T) or (T, D), T and D at least 1"
        raise ValueError(f"expected values of {wanted}, got {tuple(values.shape)}")
    if not values.is_floating_point():
        wanted = "a floating dtype (values.float() makes them so)"
        raise ValueError(f"expected values of {wanted}, got {values.dtype}")


def whole_numbers(times):
    """Times (T) as int64, which may be given in any dtype but must be whole numbers."""
    check_tensor("times", times)
    if times.dim() != 1 or not len(times):
        wanted = "shape (T), T at least 1"
        raise ValueError(f"expected times of {wanted}, got {tuple(times.shape)}")
    if times.dtype == torch.bool or times.is_complex():
        raise ValueError(f"expected times that are whole numbers, got {times.dtype}")
    if times.is_floating_point():
        far = 2 / torch.finfo(times.dtype).eps  # beyond it whole numbers are skipped
        wrong = ~((times.frac() == 0) & (times.abs() < far))  # true of NaN, too
        if wrong.any():
            at = int(wrong.nonzero()[0])
            found = f"got {times[at].item()} at row {at}"
            raise ValueError(f"expected times that are whole numbers, {found}")
    return times.long()


def check_grid(times):
    """Refuse a grid with more than `SPARSE` rows for each of the rising times (T).

    Such times count seconds, say, where a step is an hour.
    """
    first, last = int(times[0]), int(times[-1])
    rows = last - first + 1
    if rows > SPARSE * len(times):
        asked = f"times from {first} to {last} ask for {rows:,} rows"
        bound = f"at most {SPARSE:,} for each of the {len(times):,} given"
        raise ValueError(f"{asked}, expected {bound}: times must count steps")


def check_changing(values):
    """Refuse a column with an infinity, or without two numbers that differ."""
    columns = values.reshape(len(values), -1).T
    for column, numbers in enumerate(columns):
        numbers = numbers[~numbers.isnan()]
        if numbers.isinf().any():
            wanted = "expected finite values or NaN"
            raise ValueError(f"{wanted}, but column {column} holds an infinity")
        if len(numbers) < 2:
            found = f"column {column} has no two numbers"
            raise ValueError(f"expected values that change, but {found}")
        if numbers.min() == numbers.max():  # rounding makes its deviation more than 0
            found = f"column {column} is constant, {numbers[0].item():g}"
            raise ValueError(f"expected values that change, but {found}")


def check_deviation(std):
    """Refuse a deviation that its dtype rounds to 0 or to infinity."""
    wrong = (~((std > 0) & std.isfinite())).reshape(-1)
    if wrong.any():
        column = int(wrong.nonzero()[0])
        found = f"{std.reshape(-1)[column].item()} in {std.dtype}"
        wanted = "expected values whose squares are within the dtype's range"
        raise ValueError(f"{wanted}, but the deviation of column {column} is {found}")


def check_parts(values, known, static):
    """Check what windows are cut from: (T, D), D at least 1; (T, E); (G), or None."""
    static = torch.zeros(0) if static is None else static
    shapes = ("values", values, "(T, D)"), ("known", known, "(T, E)")
    for name, given, shape in (*shapes, ("static", static, "(G)")):
        check_tensor(name, given)
        if given.dim() != shape.count(",") + 1:
            found = tuple(given.shape)
            raise ValueError(f"expected {name} of shape {shape}, got {found}")
    if not values.shape[1]:
        found = tuple(values.shape)
        raise ValueError(f"expected values of at least 1 column, got shape {found}")
    if not static.isfinite().all():
        raise ValueError(f"expected finite static values, got {static.tolist()}")


def check_step(step, values, windows):
    """Check that there are windows made before a step, and values from it on."""
    last = len(values) - 1
    if not 0 < step <= last:
        raise ValueError(f"expected a step from 1 to {last}, got {step}")
    if not (windows.origin < step).any():
        found = f"none of {len(windows):,} windows is"
        raise ValueError(f"expected windows made before step {step}, {found}")
    if not values[step:].isfinite().any():
        raise ValueError(f"expected values from step {step} on, all of them are NaN")


def check_same(before, after):
    """Check that the same windows are made, whatever comes later."""
    if not torch.equal(before, after):
        found = f"got {len(before):,} of them, and then {len(after):,}"
        wanted = "expected the same windows before the step whatever comes later"
        raise ValueError(f"{wanted}, {found}: the future chooses among them")
