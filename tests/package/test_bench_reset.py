"""The price of a reset: what is timed is what is said, and what is told of it."""

import json

import pytest
import torch

from lstm.bench import reset
from lstm.bench.steps import Task
from lstm.command import main


def names():
    """The layers that are measured, in each size."""
    return {f"{name}, {size} units" for name in reset.LAYERS for size in reset.SIZES}


SMALL = Task(batch=4, length=12, input_size=3, hidden_size=5, unit="")


@pytest.mark.parametrize("name", reset.LAYERS)
def test_a_mask_that_is_false_everywhere_changes_nothing_and_resets_do(name):
    made = reset.passes(reset.LAYERS[name], SMALL)
    results = ([t.clone() for t in run()] for run in made.values())
    without, none_true, _, one_in_20 = results
    assert len(without) == 6  # outputs, the input's gradient and those of four weights
    torch.testing.assert_close(none_true, without, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(one_in_20[0], without[0])


@pytest.mark.parametrize("name", reset.LAYERS)
def test_the_layer_timed_is_the_one_that_is_named(name):
    kind = reset.LAYERS[name]
    assert kind.__module__.startswith(name.rpartition(".")[0])
    assert kind.__name__ == name.rpartition(".")[2]


def test_one_step_in_100_or_in_20_begins_anew():
    begins = []

    class Spy(torch.nn.LSTM):
        def forward(self, x, hx, mask):
            begins.append(mask)
            return super().forward(x, hx)

    for run in reset.passes(Spy).values():
        run()
    none, false, few, many = begins
    assert none is None
    assert false.shape == few.shape == many.shape == (35, 32)
    assert not false.any()
    assert 0.005 < few.float().mean() < 0.015
    assert 0.03 < many.float().mean() < 0.07


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_every_way_to_begin_anew_computes_the_same_and_not_what_is_without(kind):
    made = reset.ways(kind, SMALL)
    results = {name: [t.clone() for t in run()] for name, run in made.items()}
    without, by_calls = results.pop("without"), results.pop("a call for each step")
    torch.testing.assert_close(results.pop("without, oneDNN off"), without)
    assert len(results) == 3
    for other in results.values():
        torch.testing.assert_close(other, by_calls, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(by_calls[0], without[0])


def test_onednn_is_off_and_then_as_it_was():
    flags = torch.backends.mkldnn
    assert flags.enabled
    assert reset.without_onednn(lambda: flags.enabled)() is False
    with pytest.raises(ZeroDivisionError):
        reset.without_onednn(lambda: 1 / 0)()
    assert flags.enabled


def test_a_call_for_each_step_is_one_call_of_torchs_layer_for_each():
    steps = []

    class Spy(torch.nn.LSTM):
        def forward(self, x, state):
            steps.append(len(x))
            return super().forward(x, state)

    mask = torch.zeros(7, 2, dtype=torch.bool)
    reset.step_by_step(Spy(3, 5), torch.randn(7, 2, 3), mask)
    assert steps == [1] * 7


def test_passes_take_turns_and_the_first_round_warms_up(monkeypatch):
    ran, now = [], [0.0]
    monkeypatch.setattr(reset.time, "perf_counter", lambda: now[0])

    def one(name, takes):
        ran.append(name)
        now[0] += takes if len(ran) > 2 else 9  # slow at first

    passes = {"a": lambda: one("a", 0.25), "b": lambda: one("b", 0.5)}
    found = reset.measure(passes, rounds=1, seconds=0.375)
    assert [sorted(ran[n : n + 2]) for n in (0, 2)] == [["a", "b"]] * 2
    assert len(ran) == 4
    assert [found[k]["median"] for k in "ab"] == [250, 500]
    assert [found[k]["ratio"] for k in "ab"] == [1, 2]


def test_ratios_are_times_of_that_without_the_argument():
    times = {"without": 1.0, "none true": 1.05, "one in 20": 1.25}
    times = {k: {"ratio": v} for k, v in times.items()}
    report = {"layers": {"lstm.LSTM": times}, "ways": {"LSTM": times}}
    expected = {"without": 1, "none true": 1.05, "one in 20": 1.25}
    for part, name in (("layers", "lstm.LSTM"), ("ways", "LSTM")):
        assert reset.ratios(report, part)[name] == pytest.approx(expected)
    last = str(reset.table(report)).splitlines()[-1]
    assert last.split() == ["lstm.LSTM", "1.05", "1.25"]
    last = str(reset.table_of_ways(report)).splitlines()[-1]
    assert last == "one in 20               1.25"


def test_the_command_measures_every_layer_and_keeps_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(reset, "TEXT", SMALL)
    monkeypatch.setattr(reset, "SHAPES", (SMALL,))
    path = tmp_path / "found.json"
    main(["bench", "reset", "--rounds=1", "--seconds=0.001", f"--output={path}"])
    shown = capsys.readouterr().out
    assert "lstm.fast.GRU" in shown
    assert "GRU, 4 of 12" in shown
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["layers"].keys() == names()
    assert found["shape"]["input_size"] == found["shape"]["hidden_size"]


def test_less_than_one_round_is_refused():
    with pytest.raises(ValueError, match="rounds must be at least 1, got 0"):
        reset.run(rounds=0)


def test_the_committed_report_names_machine_and_shape():
    report = reset.committed()
    assert report["machine"]["processor"]
    assert report["machine"]["date"]
    assert report["layers"].keys() == names()
    assert len(report["ways"]) == 2 * len(reset.SHAPES)
    assert report["rounds"] >= 7
    assert report["shape"]["hidden_size"] == 256
