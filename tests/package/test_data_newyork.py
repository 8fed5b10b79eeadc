"""New York in 2013: what the two files hold, and the tasks that are made of them."""

import datetime

import pytest
import torch

from lstm.data import DataError, load_departures, load_weather, newyork
from lstm.data.series import check_series, made_too_early


@pytest.mark.parametrize("airport", newyork.AIRPORTS)
def test_an_airports_weather_is_hourly_and_has_its_real_gaps(airport):
    weather = load_weather(airport)
    assert weather.names == ("temperature", "dew point", "pressure", "wind")
    assert weather.values.shape == (len(weather.times), 4)
    assert (weather.times.diff() >= 1).all()
    assert 20 < (weather.times.diff() - 1).sum() < 30  # hours that are missing
    assert -15 < weather.values[:, 0].nanmean() < 40
    with pytest.raises(ValueError, match="a gap"):
        check_series(weather.times, weather.values)


def test_units_are_degrees_celsius_hectopascal_and_knots():
    weather = load_weather("EWR")  # its first row: 39.02 F, 26.06 F, 1012 hPa, 9 kn
    assert weather.times[0] == 6
    found = [round(v, 1) for v in weather.values[0].tolist()]
    assert found == [3.9, -3.3, 1012.0, 9.0]


def test_an_unknown_airport_is_answered_with_the_known():
    with pytest.raises(ValueError, match="'BOS': expected one of EWR, JFK, LGA"):
        load_weather("BOS")


def test_departures_are_of_every_day_and_those_that_flew():
    flights = load_departures()
    assert torch.equal(flights.times, torch.arange(365))
    assert flights.values.shape == (365, 104)
    assert flights.values.sum() == 328_521  # of 336,776 that were planned
    atlanta = flights.values[:, flights.names.index("ATL")]
    assert 40 < atlanta.mean() < 50


def test_steps_have_their_date():
    assert newyork.hour(30) == datetime.datetime(2013, 1, 2, 6, tzinfo=datetime.UTC)
    assert newyork.day(306) == datetime.date(2013, 11, 3)


def test_a_file_that_is_another_one_is_refused(monkeypatch):
    monkeypatch.setitem(newyork.FILES, "weather", "0" * 64)
    with pytest.raises(DataError, match=r"weather.csv.xz has sha256 .*, expected 000"):
        load_weather()


def test_the_clock_goes_round_once_and_twice_a_day():
    clock = newyork.clock(torch.arange(48.0))
    assert clock.shape == (48, 4)
    assert torch.allclose(clock[:24], clock[24:], atol=1e-5)
    assert torch.allclose(clock[6, :2], torch.tensor([1.0, 0]), atol=1e-6)
    assert torch.allclose(clock[:12, 2:], clock[12:24, 2:], atol=1e-5)


def test_the_hourly_task_is_split_in_time_and_scaled_by_training():
    (train, validation, test), scaler = newyork.temperature()
    assert made_too_early(train, validation) == made_too_early(validation, test) == 0
    assert train.past.shape[1:] == (48, 7)
    assert train.future.shape[1:] == (24, 4)
    assert abs(train.target.mean()) < 0.1  # test is colder
    assert test.target.mean() < -0.5
    assert scaler.std.shape == (3,)


def test_the_daily_task_takes_places_by_their_training_part_and_says_what_they_are():
    parts, names, scalers = newyork.departures()
    assert len(parts) == len(names) == len(scalers) == 68
    train, validation, test = parts[names.index("ATL")]
    assert [len(p) for p in (train, validation, test)] == [209, 55, 55]
    assert made_too_early(train, validation) == made_too_early(validation, test) == 0
    assert (train.future.sum(-1) == 1).all()  # a weekday
    seen = load_departures().values[:243, load_departures().names.index("ATL")]
    wanted = torch.stack([seen.mean().log(), seen.std() / seen.mean()])
    assert torch.allclose(train.static[0], wanted)
    assert torch.allclose(train.static, train.static[:1])
