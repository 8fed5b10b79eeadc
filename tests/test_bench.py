"""The benchmark: it measures what it says, keeps it whole, and its committed results are complete."""

import json
import subprocess
import sys

import pytest

from lstm import bench, shapes

MODELS = {
    "text": {"scratch (the notes)", "lstm.LSTM", "torch.nn.LSTM"},
    "gru": {
        "torch.nn.LSTM, 256 units",
        "torch.nn.GRU, 256 units",
        "torch.nn.GRU, 298 units",
        "lstm.GRU, 256 units",
        "torch.nn.LSTM, 256 units, oneDNN off",
    },
    "rows": {"LSTM", "Hand-LSTM", "BI-LSTM", "Hand-BI-LSTM"},
}


def is_complete(report):
    assert {"device", "architecture", "torch", "python", "precision", "date"} == set(
        report["machine"]
    )
    assert {
        name: set(task["speeds"]) for name, task in report["tasks"].items()
    } == MODELS
    assert all(
        speed > 0
        for task in report["tasks"].values()
        for speed in task["speeds"].values()
    )


def test_a_report_names_machine_versions_date_and_a_speed_for_each_model(tmp_path):
    report = bench.run("cpu", rounds=1, seconds=0.01)
    is_complete(report)
    path = bench.save(report, tmp_path / "below" / "report.json")
    assert json.loads(path.read_text(encoding="utf-8")) == report
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]


def test_the_wider_gru_has_as_many_parameters_as_the_lstm():
    sizes = bench.TEXT.input_size, bench.TEXT.hidden_size
    wanted = shapes.count(*sizes)
    counts = {h: shapes.count(sizes[0], h, kind="GRU") for h in range(256, 320)}
    assert min(counts, key=lambda h: abs(counts[h] - wanted)) == bench.WIDER


def test_the_median_of_the_counted_rounds_is_taken(monkeypatch):
    speeds = iter([1000, 1, 3, 2])  # the first warms up
    monkeypatch.setattr(bench, "_steps_per_second", lambda *arguments: next(speeds))
    assert bench.measure({"a": (None, None)}, per_step=10, rounds=3, seconds=1) == {
        "a": 20
    }


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_round_of_no_length_is_refused(seconds):
    with pytest.raises(ValueError, match="seconds must be more than 0, got"):
        bench.run("cpu", seconds=seconds)


def test_what_is_committed_is_complete():
    assert bench.committed() in bench.results()
    for report in bench.results():
        is_complete(report)


def test_the_command_prints_a_table_and_writes_only_where_it_is_told(tmp_path):
    command = [
        sys.executable,
        "-m",
        "lstm",
        "bench",
        "--device",
        "cpu",
        "--rounds",
        "1",
        "--seconds",
        "0.01",
    ]
    done = subprocess.run(
        [*command, "--output", tmp_path / "r.json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "torch.nn.LSTM" in done.stdout
    is_complete(json.loads((tmp_path / "r.json").read_text(encoding="utf-8")))


def test_no_rounds_are_refused():
    with pytest.raises(ValueError, match="rounds must be at least 1, got 0"):
        bench.run("cpu", rounds=0)
