"""The command line: what it prints, and how it ends."""

import json
import os
import subprocess
import sys

import pytest
from torch import nn

from lstm import bench, parity, shapes
from lstm.command import main

SMALL = "--input-size 4 --hidden-size 5"


@pytest.fixture
def run(capsys):
    """Run a verb in this process; gives the exit code, and what was said and moaned."""

    def ends(line):
        try:
            main(line.split())
        except SystemExit as end:
            if isinstance(end.code, str):  # Python itself prints it and exits with 1
                return 1, end.code
            return end.code, ""
        return 0, ""

    def run(line):
        code, last_words = ends(line)
        said = capsys.readouterr()
        return code, said.out, said.err + last_words

    return run


def test_as_a_program_it_helps():
    command = [sys.executable, "-m", "lstm", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: lstm")
    verbs = "train", "generate", "evaluate", "export", "data", "bench", "parity"
    for verb in (*verbs, "shapes", "study"):
        assert f"\n    {verb} " in done.stdout
    assert "Find, fetch and verify the data" in done.stdout


@pytest.mark.parametrize("line", ["", "dta", "data --loud"])
def test_what_is_no_verb_or_no_option_of_it_is_answered_with_the_usage(run, line):
    code, said, moaned = run(line)
    assert (code, said) == (2, "")
    assert moaned.startswith("usage: lstm")


# mistakes

REASONS = [ValueError, RuntimeError, OSError, OverflowError]


@pytest.mark.parametrize("reason", REASONS)
def test_a_mistake_of_the_callers_is_one_line_and_exit_2(run, monkeypatch, reason):
    def call(*args, **kwargs):
        raise reason("so it goes")

    monkeypatch.setattr(parity, "measure", call)
    assert run("parity") == (2, "", "error: so it goes\n")


@pytest.mark.parametrize("line", ["bench --device cuda:99", "parity --device cuda:99"])
def test_a_device_that_is_not_there_is_such_a_mistake(run, line):
    code, _, moaned = run(line)
    assert code == 2
    assert moaned.startswith("error: device 'cuda:99' is not available: this machine")
    assert moaned.count("\n") == 1


def test_debug_before_the_verb_hands_on_the_error_for_its_traceback(run):
    with pytest.raises(ValueError, match="input_size .* got 0"):
        run("--debug shapes LSTM --input-size 0 --hidden-size 5")


def test_an_error_of_our_own_is_not_taken_for_the_callers(run, monkeypatch):
    monkeypatch.setattr(parity, "measure", lambda device: {}["no such key"])
    with pytest.raises(KeyError):
        run("parity")


def test_a_reader_that_has_gone_is_no_mistake(monkeypatch, capfd):
    def gone(*args, **kwargs):
        raise BrokenPipeError

    turned = []
    monkeypatch.setattr(parity, "measure", gone)
    monkeypatch.setattr(os, "dup2", lambda source, target: turned.append(target))
    main(["parity"])
    assert turned == [sys.stdout.fileno()]
    assert capfd.readouterr().err == ""


# data


def test_data_says_what_is_used(run, offline):
    code, said, moaned = run("data")
    assert (code, moaned) == (0, "")
    assert "embedded.txt\n" in said
    assert "images  digits: 1,500 to train, 297 to test\n" in said


# bench


def test_bench_prints_tables_of_speeds_and_ratios_and_writes_where_it_is_told(
    run, monkeypatch, tmp_path
):
    given, report = [], bench.committed()
    monkeypatch.setattr(bench, "run", lambda *args: given.append(args) or report)
    path = tmp_path / "r.json"
    line = f"bench --device cpu --rounds 3 --seconds 0.5 --output {path}"
    code, said, _ = run(line)
    assert code == 0
    assert given == [("cpu", 3, 0.5)]
    for task in report["tasks"].values():
        slowest = min(task["speeds"].values())
        for who, speed in task["speeds"].items():
            row = next(
                line for line in said.splitlines() if line.startswith(who + "  ")
            )
            if (who, task["unit"]) != ("torch.nn.LSTM", "tokens/s"):
                assert row.split()[-2:] == [f"{speed:,}", f"{speed / slowest:.1f}"]
    assert said.endswith(f"written: {path}\n")
    assert json.loads(path.read_text(encoding="utf-8")) == report


def test_bench_writes_nothing_where_it_is_not_told_to(run, monkeypatch):
    monkeypatch.setattr(bench, "run", lambda *args: bench.committed())
    monkeypatch.setattr(bench, "save", lambda *args: pytest.fail("written"))
    assert run("bench")[0] == 0


# parity

MEASURED = {("LSTM", "num_layers=3"): dict.fromkeys(parity.FORMS, 1e-16)}


def test_parity_prints_the_table_and_its_largest_entry(run, monkeypatch):
    monkeypatch.setattr(parity, "measure", lambda device: MEASURED)
    code, said, _ = run("parity --device cpu")
    assert code == 0
    assert said.startswith(str(parity.table(MEASURED)))
    assert said.endswith("outputs, states and gradients: 1.0e-16\n")


@pytest.mark.parametrize("value", [1e-9, float("inf"), float("nan")])
def test_parity_fails_when_a_difference_is_more_than_rounding(run, monkeypatch, value):
    measured = {("LSTM", "num_layers=3"): {"batched": value}}
    monkeypatch.setattr(parity, "measure", lambda device: measured)
    code, _, moaned = run("parity")
    assert code == 1
    assert moaned.startswith("failed: expected less than 1e-12")


# shapes


def test_shapes_prints_every_tensor_the_count_and_that_torch_agrees(run):
    sizes = "--input-size 10 --hidden-size 20 --num-layers 2"
    code, said, _ = run(f"shapes LSTM {sizes} --bidirectional")
    assert code == 0
    rows = {
        line.split()[0]: " ".join(line.split()) for line in said.splitlines() if line
    }
    layer = nn.LSTM(10, 20, 2, bidirectional=True)
    for name, parameter in layer.named_parameters():
        size = ", ".join(map(str, parameter.shape))
        assert rows[name].endswith(f" ({size}) {parameter.numel():,}")
    assert rows["output"] == "output (L, N, 2H) (5, 8, 40) 1,600"
    total = sum(p.numel() for p in layer.parameters())
    assert rows["all"] == f"all parameters {total:,}"
    assert "checked against torch.nn.LSTM" in said


OPTIONS = [
    ("--batch-first --batch 3 --length 7", "input  (N, L, D)  (3, 7, 4)  84"),
    ("--unbatched", "input  (L, D)  (5, 4)  20"),
    ("--num-layers 3", "h_n  (K, N, H)  (3, 8, 5)  120"),
    ("--proj-size 2", "h_n  (K, N, P)  (1, 8, 2)  16"),
    ("--no-bias", "all parameters  180"),
]


@pytest.mark.parametrize(("options", "row"), OPTIONS)
def test_an_option_of_shapes_is_the_argument_of_the_same_name(run, options, row):
    _, said, _ = run(f"shapes LSTM {SMALL} {options}")
    rows = {" ".join(line.split()) for line in said.splitlines()}
    assert " ".join(row.split()) in rows


def test_shapes_answers_for_long_sequences_without_running_them(run):
    code, said, _ = run(f"shapes LSTM {SMALL} --length 1000000000000")
    assert code == 0
    assert "(1000000000000, 8, 5)" in said


def test_shapes_fails_when_torch_has_others(run, monkeypatch):
    monkeypatch.setitem(shapes.GATES, "GRU", 4)
    code, _, moaned = run(f"shapes GRU {SMALL} --no-bias")
    assert code == 1
    wrong = "['weight_hh_l0', 'weight_ih_l0']"
    assert moaned == f"failed: torch.nn.GRU has other shapes: {wrong}"


HUGE = 10**15
REFUSED = [
    (f"GRU {SMALL} --proj-size 2", "proj_size"),
    ("LSTM --input-size 0 --hidden-size 5", "error: input_size "),
    (f"LSTM {SMALL} --length 0", "error: length must be at least 1"),
    (f"LSTM {SMALL} --batch -1", "error: batch must be at least 0"),
    (f"LSTM --input-size {HUGE} --hidden-size {HUGE}", "error: "),
    (f"LSTMM {SMALL}", "invalid choice: 'LSTMM'"),
    ("LSTM --input-size 4", "required: --hidden-size"),
    (f"LSTM {SMALL} --batch 2 --unbatched", "not allowed with argument"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_shapes_refuses_what_makes_no_layer(run, words, message):
    code, _, moaned = run(f"shapes {words}")
    assert code == 2
    assert message in moaned
