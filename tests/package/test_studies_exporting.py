"""The study of exporters: what it calls the same is, and what is not is seen."""

import logging
import sys

import pytest
import torch
from torch import nn

import lstm
from lstm import studies
from lstm.studies import exporting as study

ROWS = {(row["case"], row["way"]): row for row in studies.load("exporting")}
OURS = {"ours, dynamo", "ours, TorchScript"}


@pytest.fixture
def runtime():
    for name in study.NEEDED:
        pytest.importorskip(name)


# what the chapter says of the committed rows


def outcomes(way):
    return {case: ROWS[case, way]["outcome"] for case in study.CASES}


def test_every_row_names_its_versions_and_they_are_those_of_one_run():
    versions = [row["versions"] for row in ROWS.values()]
    assert set(versions[0]) == {"torch", *study.NEEDED}
    assert all(v == versions[0] for v in versions)


def test_what_is_the_same_is_within_a_millionth_and_what_is_not_says_why():
    for row in ROWS.values():
        if row["outcome"] == "same":
            assert row["apart"] < 1e-6
        elif row["outcome"] in ("fails", "refused"):
            assert row["why"]


def test_torchs_new_exporter_is_right_but_for_projections_and_free_lengths():
    for case, outcome in outcomes("torch's, dynamo").items():
        fails = case == "projection" or case.startswith("any length")
        assert outcome == ("fails" if fails else "same"), case


def test_torchs_old_exporter_is_right_and_refuses_projections():
    for case, outcome in outcomes("torch's, TorchScript").items():
        assert outcome == ("refused" if case == "projection" else "same"), case


@pytest.mark.parametrize("way", sorted(OURS))
def test_our_layer_is_right_by_both_at_the_length_of_the_example(way):
    for case, outcome in outcomes(way).items():
        assert outcome == ("fails" if case.startswith("any length") else "same"), case


def test_the_nodes_are_as_many_as_the_chapter_says():
    assert ROWS["LSTM", "ours, dynamo"]["nodes"] == 52
    assert ROWS["one step", "ours, dynamo"]["nodes"] == 20
    assert ROWS["LSTM", "export_onnx"]["nodes"] == 8


def test_a_free_length_fails_at_a_reshape_inside_and_a_projection_at_its_cell():
    for case in study.CASES:
        if case.startswith("any length"):
            assert "Reshape" in ROWS[case, "torch's, dynamo"]["why"]
    assert "initial_c" in ROWS["projection", "torch's, dynamo"]["why"]


# the harness


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize("case", study.CASES)
def test_the_graph_by_hand_is_the_same_in_every_case_but_projection(case):
    row = study.measure(case, "export_onnx")
    assert row["outcome"] == ("refused" if case == "projection" else "same")
    assert ("no projection" in row["why"]) == (case == "projection")


@pytest.mark.usefixtures("runtime")
def test_a_file_that_runs_and_is_another_is_seen(tmp_path, monkeypatch):
    other = nn.LSTM(study.INPUTS, study.UNITS)
    monkeypatch.setattr(
        study, "export", lambda layer, path, *a: lstm.export_onnx(other, path)
    )
    layer = nn.LSTM(study.INPUTS, study.UNITS)
    row = study.attempt(layer, tmp_path / "a.onnx", True, None, 3)
    assert row["outcome"] == "other"
    assert row["apart"] > 0.01


@pytest.mark.usefixtures("runtime")
def test_a_file_that_does_not_run_is_seen(tmp_path, monkeypatch):
    wider = nn.LSTM(study.INPUTS + 1, study.UNITS)
    monkeypatch.setattr(
        study, "export", lambda layer, path, *a: lstm.export_onnx(wider, path)
    )
    layer = nn.LSTM(study.INPUTS, study.UNITS)
    row = study.attempt(layer, tmp_path / "a.onnx", True, None, 3)
    assert (row["outcome"], row["apart"]) == ("fails", None)
    assert "INVALID_ARGUMENT" in row["why"]


def test_other_shapes_are_infinitely_far(monkeypatch):
    layer = nn.LSTM(study.INPUTS, study.UNITS)
    monkeypatch.setattr(study, "call", lambda running, *t: [torch.zeros(1)] * 3)
    assert study.difference(layer, None, 3, 2) == float("inf")


def test_a_free_axis_is_tried_at_other_sizes_than_the_files_own():
    assert study.sizes(None, 3) == [(3, 2)]
    assert study.sizes(0, 3) == [(3, 2), (7, 2), (1, 2)]
    assert study.sizes(1, 3) == [(3, 2), (3, 7), (3, 1)]


def test_nothing_is_heard_from_within_and_everything_after(capfd):
    with study.quiet():
        sys.stdout.write("out\n")
        sys.stderr.write("err\n")
        logging.getLogger("torch.onnx").error("log")
    sys.stdout.write("after\n")
    assert capfd.readouterr() == ("after\n", "")
    assert logging.root.manager.disable == logging.NOTSET


def test_an_error_inside_is_heard_and_the_streams_are_back(capfd):
    with pytest.raises(ValueError, match="heard"), study.quiet():
        raise ValueError("heard")
    sys.stdout.write("after\n")
    assert capfd.readouterr().out == "after\n"


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(study, "missing", lambda names: ["onnxscript"])
    with pytest.raises(ModuleNotFoundError, match="exporters needs onnxscript"):
        study.measure("LSTM", "export_onnx")
