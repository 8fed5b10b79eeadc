"""The race to lstm.fast: who takes part is equal, what is timed is what is said."""

import json

import pytest
import torch

from lstm import bench
from lstm.bench import apart, contestants, fast, limits, opponents, steps
from lstm.bench.steps import Task
from lstm.command import main
from lstm.fast import RUNGS, eager

SMALL = Task(batch=2, length=3, input_size=3, hidden_size=5, unit="")
compiles = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def one_thread():
    with fast.threads(1):
        yield


# who takes part


@compiles
@pytest.mark.parametrize("kinds", ["layer", "tokens", "GRU", "ways"])
def test_all_who_race_give_the_same_outputs_and_gradients(kinds):
    passes = {
        "layer": contestants.layer_passes,
        "tokens": contestants.token_passes,
        "GRU": contestants.gru_passes,
        "ways": limits.ways,
    }[kinds](SMALL)
    assert len(passes) > 1
    assert contestants.agreeing(passes) is passes
    first, *others = ([t.clone() for t in run()] for run in passes.values())
    for found in others:
        torch.testing.assert_close(found, first, rtol=1e-4, atol=1e-6)


def test_a_pass_leaves_no_gradient_for_the_next():
    run, *_ = contestants.layer_passes(SMALL, ladder=False).values()
    once, again = ([t.clone() for t in run()] for _ in range(2))
    assert all(map(torch.equal, once, again))


def test_one_who_differs_is_not_measured():
    good, bad = (lambda n=n: [torch.ones(3) + n] for n in (0.0, 1e-3))
    with pytest.raises(AssertionError, match="bad is 1.0e-03 from the first"):
        contestants.agreeing({"good": good, "bad": bad})


def test_a_training_by_the_fast_layer_has_the_losses_of_torchs():
    torchs, ours = contestants.curves(5).values()
    assert torchs == pytest.approx(ours, abs=1e-12)
    assert torchs[-1] < torchs[0]


def test_trainings_with_other_losses_are_not_measured():
    fast.same_losses({"a": [1.0, 2.0], "b": [1.0, 2.0 + 1e-12]})
    with pytest.raises(AssertionError, match="1.0e-03 apart"):
        fast.same_losses({"a": [1.0, 2.0], "b": [1.0, 2.001]})


def test_losses_are_compared_before_a_step_is_timed(monkeypatch):
    monkeypatch.setattr(contestants, "curves", lambda: {"a": [1.0], "b": [2.0]})
    with pytest.raises(AssertionError, match="apart"):
        fast.run(1, 0.001, ("step",))


def test_without_onednn_nothing_asks_it_and_it_is_back_after():
    passes = limits.ways(SMALL)
    torch.backends.mkldnn.enabled = True
    asked = []
    passes["by hand"] = steps.without_onednn(
        lambda: asked.append(eager.has_linear(torch.ones(2)))
    )
    passes["by hand"]()
    assert asked == [False]
    assert torch.backends.mkldnn.enabled


@pytest.mark.skipif(not opponents.has("onnxruntime", "onnxscript"), reason="no ONNX")
def test_onnx_runtime_computes_what_the_layer_does():
    layer, x = torch.nn.LSTM(3, 5), torch.randn(4, 2, 3)
    h, c = torch.randn(1, 2, 5), torch.randn(1, 2, 5)
    output, (h_n, c_n) = layer(x, (h, c))
    run = opponents.by_onnx_runtime(layer, x, (h, c))
    torch.testing.assert_close(run(), [output, h_n, c_n])
    torch.testing.assert_close(opponents.by_onnx_runtime(layer, x)()[0], layer(x)[0])


@pytest.mark.skipif(not opponents.has("jax"), reason="JAX is an extra")
def test_jax_computes_outputs_and_gradients():
    weights = [*torch.nn.LSTM(3, 5).parameters()]
    x, slope = torch.randn(4, 2, 3), torch.randn(4, 2, 5)
    rung = contestants.of_rung(RUNGS["stacked"], weights, SMALL)
    want = contestants.one_pass(rung, x, weights, slope)()
    torch.testing.assert_close(opponents.by_jax(x, weights, slope)(), want)


# what is told


def test_times_are_the_median_of_the_rounds_that_are_counted_in_turns(monkeypatch):
    turns, now = [], [0.0]

    def took(name, seconds):
        turns.append(name)
        now[0] += seconds.pop(0)

    monkeypatch.setattr(fast.time, "perf_counter", lambda: now[0])
    lengths = {"a": [9.0, 1.0, 2.0, 6.0], "b": [9.0, 4.0, 4.0, 4.0]}
    runs = {n: (lambda n=n, s=s: took(n, s)) for n, s in lengths.items()}
    found = fast.measure(runs, rounds=3, seconds=0.5)
    assert turns == ["a", "b"] * 4
    assert [found[n]["median"] for n in "ab"] == [2000, 4000]
    assert found["a"]["low"] < 2000 < found["a"]["high"]


def test_operations_of_small_sizes_are_those_counted_by_hand():
    # 20 rows of 3 and 5: forward 160, their gradients 160, of the state before 100
    assert limits.operations(Task(1, 1, 3, 5, "")) == 2 * (160 + 160 + 100)
    assert limits.operations(Task(4, 7, 3, 5, "")) == 28 * 840


def test_a_weight_comes_more_slowly_than_it_is_multiplied():
    found = limits.roofline(lambda c: fast.measure(c, 1, 0.001), (1, 2), SMALL)
    assert found["rate"] > 1e9
    assert found["bytes"] > 1e6
    for curve in found["points"].values():
        assert [batch for batch, _ in curve] == [1, 2]
        assert all(rate > 0 for _, rate in curve)


def test_the_time_of_a_product_is_told_as_a_products():
    a, x = torch.randn(400, 400), torch.randn(1)
    runs = {"product": lambda: a @ a, "others": lambda: [x.sin() for _ in range(99)]}
    found = limits.shares(runs, repeats=3)
    for name, parts in found.items():
        assert [*parts] == ["products", "other operations", "between them"], name
    assert found["product"]["products"] > 10 * found["product"]["other operations"]
    assert found["others"]["products"] == 0 < found["others"]["other operations"]


def test_the_processor_is_named_by_its_vectors(monkeypatch, tmp_path):
    vectors = torch.backends.cpu.get_cpu_capability()
    monkeypatch.setattr(steps, "CPUINFO", tmp_path / "cpuinfo")
    assert steps.processor() == vectors
    steps.CPUINFO.write_text("x: y\nmodel name\t: Quick 9\nmodel name\t: Quick 9\n")
    assert steps.processor() == f"Quick 9, {vectors}"


def test_a_report_is_shown_part_by_part(monkeypatch):
    sized = {"length": (2, 4)}
    monkeypatch.setattr(fast, "SIZES", sized)
    monkeypatch.setattr(
        fast, "apart", lambda what, *rest: 1.0 if what == "memory" else None
    )
    monkeypatch.setattr(limits, "BATCHES", (1, 3))
    monkeypatch.setattr(fast, "profiled", lambda: {"a pass": lambda: torch.ones(2)})
    some = "GRU", "one step", "sequence", "growth", "profile", "roofline", "machine"
    report = fast.run(1, 0.001, some)
    assert [row["value"] for row in report["parts"]["growth"]] == [2, 4]
    text = "\n".join(map(str, fast.tables(report)))
    for said in (
        "lstm.fast.GRU",
        "torch.nn.LSTMCell",
        "length 4",
        "a pass",
        "not in the time",
    ):
        assert said in text
    assert json.loads(json.dumps(report)) == report


def test_who_takes_too_long_is_ended():
    assert fast.apart("memory", "torch.nn.LSTM", limit=0.01) is None


@pytest.mark.skipif(not apart.STATUS.exists(), reason="only Linux tells")
def test_more_steps_take_more_memory():
    assert apart.memory("torch.nn.LSTM", 256) > 10


@pytest.mark.parametrize(("rounds", "seconds"), [(0, 1), (1, 0)])
def test_no_rounds_and_rounds_of_no_length_are_refused(rounds, seconds):
    with pytest.raises(ValueError, match="got 0"):
        fast.run(rounds, seconds)


def test_the_command_prints_the_tables_and_keeps_the_report(
    monkeypatch, capsys, tmp_path
):
    monkeypatch.setattr(fast, "run", lambda rounds, seconds: fast.committed())
    path = tmp_path / "report.json"
    main(["bench", "fast", "--output", str(path)])
    assert "lstm.fast.LSTM" in capsys.readouterr().out
    assert json.loads(path.read_text()) == fast.committed()


# what chapter 11 says of the committed report


def ratio(part, name, to):
    times = fast.committed()["parts"][part]
    return times[to]["median"] / times[name]["median"]


def test_chapter_11_each_rung_is_faster_than_the_notes_and_the_last_than_torchs():
    layer = fast.committed()["parts"]["layer"]
    for name in ("stacked", "hoisted", "by hand", "by compiler", "by operator"):
        assert layer[name]["median"] < layer["gate by gate"]["median"]
    assert ratio("layer", "lstm.fast.LSTM", "torch.nn.LSTM") > 1
    assert ratio("tokens", "lstm.fast.LSTM", "torch.nn.LSTM") > 1


def test_chapter_11_by_hand_takes_half_the_notes_time_and_compiling_does_not_pay():
    layer = {k: t["median"] for k, t in fast.committed()["parts"]["layer"].items()}
    assert layer["by hand"] < 0.6 * layer["gate by gate"]
    assert layer["by compiler"] > layer["by hand"]
    assert 0.9 < layer["TorchScript"] / layer["stacked"] < 1.15
    assert layer["by hand"] < layer["JAX, jit and scan"] < layer["hoisted"]


def test_chapter_11_products_take_most_of_the_notes_time_and_shrink_to_a_third():
    shares = fast.committed()["parts"]["profile"]
    notes, last = shares["gate by gate"], shares["by operator"]
    assert notes["products"] > 0.5 * sum(notes.values())
    assert sum(last.values()) < 0.4 * notes["products"]
    assert last["products"] > 0.8 * sum(last.values())


def test_chapter_11_what_each_idea_is_worth():
    ways = {k: t["median"] for k, t in fast.committed()["parts"]["ways"].items()}
    own = ways["by operator"]
    assert 0.7 < own / ways["without its own product for the gradients"] < 0.8
    assert 0.95 < ways["without the input's product in the loop"] / own < 1.07
    assert 0.95 < ways["without room behind the rows"] / own < 1.05
    assert 0.7 < ways["by hand"] / ways["by hand, without oneDNN"] < 0.8


def test_chapter_11_long_sequences_gain_a_half():
    rows = fast.committed()["parts"]["growth"]
    (times,) = (
        r["times"] for r in rows if r["value"] == 1024 and r["size"] == "length"
    )
    gain = times["torch.nn.LSTM"]["median"] / times["lstm.fast.LSTM"]["median"]
    assert 1.4 < gain < 1.6


def test_chapter_11_one_step_is_faster_than_the_layer_and_the_cell():
    one = fast.committed()["parts"]["one step"]
    ours = one["lstm.fast.LSTM"]["median"]
    assert ours < one["torch.nn.LSTMCell"]["median"] < one["torch.nn.LSTM"]["median"]
    assert one["torch.nn.LSTM"]["median"] > 5 * one["the product alone"]["median"]
    assert ours < one["ONNX Runtime"]["median"]


def test_chapter_11_a_minibatch_without_gradients_is_torchs_by_a_tenth():
    assert 0.8 < ratio("sequence", "lstm.fast.LSTM", "torch.nn.LSTM") < 0.97


def test_chapter_11_cost_stays_near_to_proportion():
    rows = fast.committed()["parts"]["growth"]
    for size in ("length", "batch"):
        (a, early), (b, late) = [
            (r["value"], r["times"]) for r in rows if r["size"] == size
        ][-2:]
        grown = {k: late[k]["median"] / early[k]["median"] / (b / a) for k in late}
        assert grown["lstm.fast.LSTM"] < 1.5
        assert grown["torch.nn.LSTM"] > grown["lstm.fast.LSTM"]


def test_chapter_11_fit_is_as_fast_as_the_notes_loop_and_faster_with_the_fast_layer():
    step = {k: t["median"] for k, t in fast.committed()["parts"]["step"].items()}
    assert step["lstm.fit, nn.LSTM"] < 1.05 * step["d2l, nn.LSTM"]
    assert step["lstm.fit, lstm.fast.LSTM"] < 0.95 * step["d2l, nn.LSTM"]
    assert step["lstm.fit, lstm.fast.LSTM"] < step["d2l, scratch"] / 2.5
    layer = fast.committed()["parts"]["tokens"]["lstm.fast.LSTM"]["median"]
    assert 0.15 < 1 - layer / (step["lstm.fit, lstm.fast.LSTM"] / 16) < 0.35


def test_chapter_11_four_aims_are_missed():
    reached = {
        "by hand": ratio("layer", "by hand", "torch.nn.LSTM") / 0.7,
        "by compiler": ratio("layer", "by compiler", "torch.nn.LSTM") / 0.85,
        "vectors": ratio("layer", "lstm.fast.LSTM", "torch.nn.LSTM") / 1.05,
        "letters": ratio("tokens", "lstm.fast.LSTM", "torch.nn.LSTM") / 1.15,
        "GRU": ratio("GRU", "lstm.fast.GRU", "torch.nn.GRU") / 1.5,
        "step": ratio("step", "lstm.fit, lstm.fast.LSTM", "d2l, nn.LSTM") / 1.3,
        "one": ratio("one step", "lstm.fast.LSTM", "torch.nn.LSTM") / 4,
    }
    missed = {name for name, share in reached.items() if share < 1}
    assert missed == {"by hand", "by compiler", "letters", "step"}


def test_chapter_11_torchs_layer_runs_at_more_than_half_of_the_best_rate():
    parts = fast.committed()["parts"]
    torchs = parts["layer"]["torch.nn.LSTM"]["median"]
    assert parts["machine"]["floor"] > 0.5 * torchs
    whole = parts["machine"]["compiled"]["lstm.LSTM"]["times"]
    (_, theirs), (_, own) = whole.items()
    assert theirs["median"] / own["median"] < 0.5


def test_chapter_11_the_gru_is_three_times_as_fast_as_torchs():
    assert ratio("GRU", "lstm.fast.GRU", "torch.nn.GRU") > 3


def test_chapter_11_no_pass_is_below_the_floor_of_its_arithmetic():
    parts = fast.committed()["parts"]
    assert all(t["low"] > parts["machine"]["floor"] for t in parts["layer"].values())


def test_what_is_committed_names_its_machine():
    machine = fast.committed()["machine"]
    assert set(machine) == {*bench.machine(torch.device("cpu")), "processor"}
