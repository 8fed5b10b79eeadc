"""Studies: points are measured once, kept as they come, and committed whole."""

import json

import pytest

from lstm import studies
from lstm.studies import recall


@pytest.fixture
def few(monkeypatch):
    """The study of recall with two points that are measured at once."""
    two = [p for p in recall.points() if p["length"] == 5 and p["lr"] == 1e-2][:2]
    monkeypatch.setattr(recall, "points", lambda: two)
    return two


@pytest.mark.parametrize("name", studies.NAMES)
def test_a_committed_study_holds_every_point_once_and_says_where_it_was_made(name):
    points = studies.study(name).points()
    rows = studies.load(name)
    key = tuple(points[0])
    assert [tuple(r[k] for k in key) for r in rows] == [
        tuple(p.values()) for p in points
    ]
    assert studies.about(name).startswith(f"python -m lstm study {name}; cpu")


@pytest.mark.parametrize("name", studies.NAMES)
def test_a_study_says_what_it_measures(name):
    assert len(studies.study(name).__doc__) > 60


def test_points_are_measured_and_kept_with_the_machine(few, tmp_path):
    path = studies.run("recall", processes=1, output=tmp_path / "new.json")
    kept = json.loads(path.read_text())
    assert kept["command"] == "python -m lstm study recall"
    assert {"device", "torch", "date"} <= set(kept["machine"])
    for point, row in zip(few, kept["rows"], strict=True):
        assert point.items() <= row.items()
        assert row["updates"] % recall.EVERY == 0
        assert row["best"] >= recall.NAMED


def test_what_was_measured_is_not_measured_again_unless_asked(few, tmp_path):
    path = tmp_path / "kept.json"
    rows = [point | {"updates": -1, "best": 2.0} for point in few[:1]]
    path.write_text(json.dumps({"rows": rows}))
    studies.run("recall", processes=1, output=path)
    first, second = json.loads(path.read_text())["rows"]
    assert first["updates"] == -1  # as it was
    assert second["updates"] > 0
    studies.run("recall", processes=1, output=path, again=True)
    assert json.loads(path.read_text())["rows"][0]["updates"] > 0


def test_a_study_that_is_whole_keeps_its_machine_and_date(few, tmp_path):
    path = tmp_path / "whole.json"
    rows = [point | {"updates": 25, "best": 1.0} for point in few]
    before = json.dumps({"machine": {"date": "of old"}, "rows": rows})
    path.write_text(before)
    assert studies.run("recall", processes=1, output=path) == path
    assert path.read_text() == before


def test_rows_are_selected_by_what_is_wanted_of_them():
    rows = [{"lr": 1, "seed": 0}, {"lr": 1, "seed": 1}, {"lr": 2, "seed": 0}]
    assert studies.select(rows, lr=1, seed=1) == [rows[1]]
    assert studies.select(rows) == rows


def test_an_unknown_study_is_answered_with_the_known():
    with pytest.raises(
        ValueError, match=r"unknown study 'x': expected one of recall, "
    ):
        studies.load("x")


def test_fewer_than_one_process_is_refused():
    with pytest.raises(ValueError, match="processes must be at least 1, got 0"):
        studies.run("recall", processes=0)
