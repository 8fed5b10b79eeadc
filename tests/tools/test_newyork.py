"""The data of New York: what their tool makes of rows, in which units."""

import newyork


def test_weather_is_in_tenths_and_knots_sorted_and_what_is_missing_is_empty():
    row = {"origin": "LGA", "temp": "39.02", "dewp": "26.06", "pressure": "NA"}
    row |= {"wind_speed": "10.35702", "time_hour": "2013-01-01T06:00:00Z"}
    rows = [row, row | {"time_hour": "2013-01-01T05:00:00Z"}, row | {"origin": "EWR"}]
    header, *lines = newyork.weather(rows)
    assert header == "airport,hour,temperature,dew point,pressure,wind"
    assert lines == [f"{where},39,-33,,9" for where in ("EWR,6", "LGA,5", "LGA,6")]


def test_departures_count_what_flew_on_every_day_to_every_place():
    row = {"year": "2013", "month": "1", "day": "1", "dest": "ATL", "dep_time": "517"}
    rows = [row, row, row | {"dep_time": "NA"}, row | {"day": "3", "dest": "BOS"}]
    lines = list(newyork.departures(rows))
    assert lines == ["day,ATL,BOS", "0,2,0", "1,0,0", "2,0,1"]


def test_the_same_lines_are_the_same_bytes(tmp_path, capsys):
    first, second = tmp_path / "a.xz", tmp_path / "b.xz"
    for path in (first, second):
        newyork.write(["a,b", "1,2"], path)
    assert first.read_bytes() == second.read_bytes()
    assert "sha256" in capsys.readouterr().out
