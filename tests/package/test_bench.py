"""The benchmark: it measures whole steps of the models it names, and keeps them."""

import json

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lstm import GRU, LSTM, shapes, to_torch
from lstm.bench import steps as bench

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
MACHINE = {"device", "architecture", "torch", "python", "precision", "date"}


def is_complete(report):
    assert set(report["machine"]) == MACHINE
    tasks = report["tasks"]
    assert {name: set(task["speeds"]) for name, task in tasks.items()} == MODELS
    units = {name: task["unit"] for name, task in tasks.items()}
    assert units == {"text": "tokens/s", "gru": "tokens/s", "rows": "images/s"}
    assert all(s > 0 for task in tasks.values() for s in task["speeds"].values())


def test_a_report_names_machine_versions_date_and_a_speed_for_each_model(tmp_path):
    report = bench.run("cpu", rounds=1, seconds=0.01)
    is_complete(report)
    path = bench.save(report, tmp_path / "below" / "report.json")
    assert json.loads(path.read_text(encoding="utf-8")) == report
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]


def test_what_is_committed_is_complete():
    assert bench.committed() in bench.results()
    for report in bench.results():
        is_complete(report)


# a step


def clock(monkeypatch):
    """Let one second pass from one look at the clock to the next."""
    seconds = iter(range(100))
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(seconds))


@pytest.mark.parametrize(("slope", "moved"), [(0.1, 0.1), (50.0, 1.0)])
def test_a_step_is_one_update_by_its_own_gradient_clipped_to_one(
    monkeypatch, slope, moved
):
    clock(monkeypatch)
    weight = nn.Parameter(torch.zeros((), dtype=torch.float64))
    bench.steps_per_second(lambda: slope * weight, [weight], seconds=4)
    # three updates at a learning rate of 1e-3, none with another's gradient
    assert weight.item() == pytest.approx(-3e-3 * moved, rel=1e-4)


def test_a_speed_is_the_number_of_steps_by_the_time_that_they_took(monkeypatch):
    clock(monkeypatch)
    weight, calls = nn.Parameter(torch.zeros(())), []

    def loss():
        calls.append(1)
        return 1 * weight

    speed = bench.steps_per_second(loss, [weight], seconds=4)
    assert (len(calls), speed) == (3, 3 / 5)


def test_the_median_of_the_counted_rounds_is_taken(monkeypatch):
    speeds = iter([1000, 1, 6, 2])  # the first warms up
    monkeypatch.setattr(bench, "steps_per_second", lambda *arguments: next(speeds))
    speeds = bench.measure({"a": (None, None)}, per_step=10, rounds=3, seconds=1)
    assert speeds == {"a": 20}


def test_contestants_take_turns_in_every_round(monkeypatch):
    turns = []
    run = lambda loss, *rest: turns.append(loss) or 1.0
    monkeypatch.setattr(bench, "steps_per_second", run)
    bench.measure({"a": ("a", None), "b": ("b", None)}, per_step=1, rounds=2, seconds=1)
    assert turns == ["a", "b"] * 3


def test_all_is_measured_at_full_precision_and_counted_in_tokens_or_images(monkeypatch):
    done = []

    def measure(contestants, per_step, rounds, seconds):
        done.append(per_step)
        return {"a": 1.4}

    monkeypatch.setattr(bench, "measure", measure)
    monkeypatch.setattr(bench, "full_precision", lambda: done.append("precise"))
    report = bench.run("cpu", rounds=3, seconds=0.5)
    assert done == ["precise", 32 * 35, 32 * 35, 100]
    assert (report["rounds"], report["seconds"]) == (3, 0.5)
    assert report["tasks"]["rows"]["speeds"] == {"a": 1}


# the contestants


def test_the_wider_gru_has_as_many_parameters_as_the_lstm():
    sizes = bench.TEXT.input_size, bench.TEXT.hidden_size
    wanted = shapes.count(*sizes)
    counts = {h: shapes.count(sizes[0], h, kind="GRU") for h in range(256, 320)}
    assert min(counts, key=lambda h: abs(counts[h] - wanted)) == bench.WIDER


def test_the_three_of_the_text_compute_the_same_loss_from_the_same_weights():
    contestants = bench.text_contestants("cpu")
    (scratch, params), *others = contestants.values()
    with torch.no_grad():
        for p in params:
            p.mul_(20)  # so large that the steps matter
        layer, linear = to_torch(params)
        for _, parameters in others:
            weights = (*layer.values(), *linear.values())
            for p, value in zip(parameters, weights, strict=True):
                p.copy_(value)
    for loss, _ in others:
        assert_close(loss(), scratch())


TORCHS, OURS = {"LSTM": nn.LSTM, "GRU": nn.GRU}, {"LSTM": LSTM, "GRU": GRU}
RUN = {  # whose layer a contestant runs, and its kind
    "lstm.LSTM": (OURS, "LSTM"),
    "torch.nn.LSTM": (TORCHS, "LSTM"),
    "torch.nn.LSTM, 256 units": (TORCHS, "LSTM"),
    "torch.nn.LSTM, 256 units, oneDNN off": (TORCHS, "LSTM"),
    "torch.nn.GRU, 256 units": (TORCHS, "GRU"),
    "torch.nn.GRU, 298 units": (TORCHS, "GRU"),
    "lstm.GRU, 256 units": (OURS, "GRU"),
    "LSTM": (TORCHS, "LSTM"),
    "Hand-LSTM": (OURS, "LSTM"),
    "BI-LSTM": (TORCHS, "LSTM"),
    "Hand-BI-LSTM": (OURS, "LSTM"),
}


@pytest.mark.parametrize("task", MODELS)
def test_a_contestant_runs_the_layer_that_its_name_says(task, monkeypatch):
    ran = []
    for layer in (*TORCHS.values(), *OURS.values()):

        def forward(self, *args, layer=layer, plain=layer.forward):
            ran.append((layer, self.hidden_size, self.bidirectional))
            return plain(self, *args)

        monkeypatch.setattr(layer, "forward", forward)
    contestants = getattr(bench, f"{task}_contestants")("cpu")
    assert set(contestants) == MODELS[task]
    contestants.pop("scratch (the notes)", None)
    for name, (loss, _) in contestants.items():
        whose, kind = RUN[name]
        units = 298 if "298" in name else 128 if task == "rows" else 256
        ran.clear()
        loss()
        assert ran == [(whose[kind], units, "BI-" in name)]


def test_onednn_is_off_for_one_contestant_alone_and_on_again_after_an_error(
    monkeypatch,
):
    states = []

    def score(scores, targets):
        states.append(torch.backends.mkldnn.enabled)
        raise RuntimeError("broken off")

    contestants = bench.gru_contestants("cpu")
    monkeypatch.setattr(bench, "score", score)
    for loss, _ in contestants.values():
        with pytest.raises(RuntimeError, match="broken off"):
            loss()
    off = [name for name, on in zip(contestants, states, strict=True) if not on]
    assert off == ["torch.nn.LSTM, 256 units, oneDNN off"]
    assert torch.backends.mkldnn.enabled


# what is refused


def test_no_rounds_are_refused():
    with pytest.raises(ValueError, match="rounds must be at least 1, got 0"):
        bench.run("cpu", rounds=0)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_round_of_no_length_is_refused(seconds):
    with pytest.raises(ValueError, match="seconds must be more than 0, got"):
        bench.run("cpu", seconds=seconds)
