"""A trained language model as a script: what stands in it, and every mistake."""

import base64
import json

import numpy as np
import pytest
import torch

from lstm import export, inside, runs
from lstm.command import main
from lstm.data import recited
from lstm.data.text import PIECE
from lstm.runs import Settings

STORY = "It was a dark night; the clock struck one. 'Who is there?' she said.\n" * 12
SMALL = "--hidden-size 8 --batch 4 --length 16 --steps 6"


@pytest.fixture
def run(capsys):
    """Run a verb in this process; gives the exit code, and what was said and moaned."""

    def run(line):
        code = 0
        try:
            main(line.split())
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def trained(run, tmp_path):
    """Train a small model on a text in a folder, with more options."""

    def train(options="", text=STORY):
        (tmp_path / "story.txt").write_text(text, encoding="utf-8")
        line = f"train text --data {tmp_path / 'story.txt'} {SMALL} {options}"
        code, _, moaned = run(f"{line} --out {tmp_path / 'run'}")
        assert code == 0, moaned
        return tmp_path / "run"

    return train


def written(path):
    """The head of a script, and what it holds."""
    head, content = path.read_text("utf-8").split("this.WRITES = ")
    return head, json.loads(content.removesuffix(";\n"))


def test_the_weights_are_the_models_in_16_bits_and_the_rest_is_its_runs(
    run, trained, tmp_path
):
    folder, path = trained("--dropout 0.5"), tmp_path / "writes.js"
    code, said, moaned = run(f"export {folder} --output {path}")
    assert (code, moaned) == (0, "")
    _, found = written(path)
    model, vocab = runs.writer(folder)
    for name, kept in export.TENSORS.items():
        numbers = np.frombuffer(base64.b64decode(found["weights"][name]), "<f2")
        wanted = model.state_dict()[kept].half().flatten()
        assert torch.equal(torch.tensor(numbers), wanted)
    assert found["symbols"] == vocab.symbols[1:]
    assert found["text"] == STORY[: len(STORY) * 8 // 10]
    assert found["settings"]["hidden_size"] == 8
    assert (found["cleaned"], found["piece"]) == (False, PIECE)
    for line in ("perplexity", f"{path.stat().st_size:,}", str(path)):
        assert line in said


def test_what_it_is_worth_is_measured_on_the_weights_that_are_written(trained):
    task, model = runs.trained(trained())
    with torch.no_grad():
        model.linear.weight += 1000  # there 16-bit floats are half a unit apart
    plain = inside.losses(model, task.parts["test"]).mean().exp().item()
    found = export.contents(task, model)["held_out"]
    assert abs(found["perplexity"] - plain) > 0.1
    rounded = runs.TASKS["text"](task.settings).model()
    rounded.load_state_dict({n: w.half() for n, w in model.state_dict().items()})
    losses = inside.losses(rounded.eval(), task.parts["test"])
    assert found["perplexity"] == pytest.approx(losses.mean().exp().item(), abs=1e-3)
    marks = recited(STORY[len(STORY) * 9 // 10 :], STORY[: len(STORY) * 8 // 10])
    assert found["recited"] == pytest.approx(sum(marks) / len(marks), abs=1e-4)


def test_the_units_are_those_that_a_search_finds_on_the_first_half(trained):
    task, model = runs.trained(trained())
    found = export.contents(task, model)["units"]
    text = STORY[len(STORY) * 9 // 10 :]
    cells = inside.record(model.half().float(), task.parts["test"]).c[0]
    feature = inside.features(text)["vowel"]
    unit, _, r = inside.find_unit(cells, feature, len(text) // 2)
    assert found["vowel"] == {"unit": unit, "r": pytest.approx(r, abs=0.006)}


def test_a_letter_that_only_the_held_out_part_has_keeps_its_place(trained):
    task, model = runs.trained(trained(text=STORY + 60 * "Ω"))
    assert (task.parts["test"] == 0).sum() > 50
    assert export.contents(task, model)["units"]


COMMANDS = [
    ({}, ""),
    ({"data": "time-machine"}, " --data time-machine"),
    ({"data": "/some/where/novel.txt"}, " --data novel.txt"),
    ({"hidden_size": 200, "lr": 0.05}, " --hidden-size 200 --lr 0.05"),
    ({"epochs": 40.0}, " --epochs 40"),
    ({"optimizer": "adamw", "clip": None}, " --optimizer adamw --clip 0"),
    ({"dropout": 0.3}, ""),
]


@pytest.mark.parametrize(("options", "words"), COMMANDS)
def test_the_head_says_the_command_that_trains_by_what_is_not_usual(options, words):
    settings = vars(Settings("text", **{"dropout": 0.3} | options))
    assert export.training_command(settings) == f"lstm train text{words}"


def test_a_script_says_first_how_it_is_made(run, trained, tmp_path):
    path = tmp_path / "writes.js"
    run(f"export {trained('--seed 3')} --output {path}")
    assert written(path)[0].splitlines() == [
        "// Made by",
        "//   lstm train text --data story.txt --hidden-size 8 --batch 4 --length 16 "
        "--steps 6 --seed 3 --out RUN",
        "//   lstm export RUN --output writes.js",
    ]


REFUSED = [
    ("--num-layers 2", "expected a language model on one LSTM layer, num_layers 1, got "
     "num_layers 2"),
    ("--cell GRU", "one LSTM layer, cell LSTM, got cell GRU"),
    ("--layer scratch", "layer torch or ours or fast, got layer scratch"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[r[0] for r in REFUSED])
def test_another_model_is_refused_and_nothing_written(
    run, trained, tmp_path, options, message
):
    path = tmp_path / "writes.js"
    path.write_text("as it was")
    code, said, moaned = run(f"export {trained(options)} --output {path}")
    assert (code, said) == (2, "")
    assert message in moaned
    assert moaned.count("\n") == 1
    assert path.read_text() == "as it was"
    assert not [*tmp_path.glob("*.partial")]


@pytest.mark.parametrize(
    ("name", "given"), [("task", "digits"), ("bidirectional", True)]
)
def test_digits_and_two_directions_are_refused(name, given):
    settings = Settings(**{"task": "text"} | {name: given})
    with pytest.raises(
        ValueError, match=f"run cannot be exported: .*got {name} {given}"
    ):
        export.refuse("run", settings)


def test_a_folder_without_a_run_and_one_that_is_not_there_are_named(
    run, trained, tmp_path
):
    code, _, moaned = run(f"export {tmp_path} --output {tmp_path / 'a.js'}")
    assert (code, "holds no run" in moaned) == (2, True)
    gone = tmp_path / "gone"
    code, _, moaned = run(f"export {trained()} --output {gone / 'a.js'}")
    assert (code, f"there is no folder {gone} to write into" in moaned) == (2, True)
