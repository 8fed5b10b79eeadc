"""The verbs that train, measure and write: folders, numbers, and every mistake."""

import json
import os
import signal
import subprocess
import sys
import types

import pytest
import torch

from lstm import History, runs
from lstm.command import main
from lstm.training import load, locked
from writers import another_writer

STORY = "It was a dark night; the clock struck one. 'Who is there?' she said.\n" * 12
SMALL = "--hidden-size 8 --batch 4 --length 16 --steps 6"


@pytest.fixture
def run(capsys):
    """Run a verb in this process; gives the exit code, and what was said and moaned."""

    def run(line, *words):
        code = 0
        try:
            main([*line.split(), *words])
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def story(tmp_path):
    path = tmp_path / "story.txt"
    path.write_text(STORY, encoding="utf-8")
    return path


@pytest.fixture
def trained(run, story, tmp_path):
    """The folder of a small language model."""
    folder = tmp_path / "run"
    code, _, moaned = run(f"train text --data {story} {SMALL} --out {folder}")
    assert code == 0, moaned
    return folder


# training


def test_training_a_text_leaves_weights_history_and_settings(run, trained, story):
    weights = torch.load(trained / "model.pt", weights_only=True)
    assert weights["layer.weight_hh_l0"].shape == (32, 8)
    history = History.load(trained / "history.jsonl")
    assert history.steps("loss") == [1, 2, 3, 4, 5, 6]
    assert history.column("validation_loss")
    settings = json.loads((trained / "settings.json").read_text(encoding="utf-8"))
    assert settings["settings"]["data"] == str(story)
    assert set(settings["data"]["symbols"]) == set(STORY)


def test_what_is_said_goes_to_stderr_and_what_came_out_to_stdout(run, story, tmp_path):
    _, said, moaned = run(f"train text --data {story} {SMALL} --out {tmp_path / 'a'}")
    assert "6 steps" in moaned
    assert moaned.count("\n") == 1
    words = {line.rsplit(maxsplit=1)[0].strip() for line in said.splitlines()}
    names = {"perplexity", "bits per character", "loss", "accuracy", "count", "weights"}
    assert words == names


CHOICES = [
    ("torch", "LSTM", ""),
    ("torch", "GRU", "--num-layers 2 --dropout 0.5"),
    ("torch", "RNN", "--clip 0.5"),
    ("ours", "LSTM", "--forget-bias 2 --state carry"),
    ("ours", "GRU", "--schedule constant --optimizer sgd --lr 0.1 --clip 0"),
    ("scratch", "LSTM", "--forget-bias 2"),
    ("scratch", "GRU", "--optimizer adamw --weight-decay 0.1 --patience 3"),
]


@pytest.mark.parametrize(("layer", "cell", "options"), CHOICES)
def test_every_layer_trains_is_measured_and_writes(
    run, story, tmp_path, layer, cell, options
):
    line = f"train text --data {story} {SMALL} --layer {layer} --cell {cell} {options}"
    code, _, moaned = run(f"{line} --out {tmp_path / 'a'}")
    assert code == 0, moaned
    code, said, _ = run(f"evaluate {tmp_path / 'a'} --json")
    assert (code, json.loads(said)["count"]) == (0, 82)
    code, said, _ = run(f"generate {tmp_path / 'a'} --prefix dark --length 5")
    assert (code, len(said)) == (0, 4 + 5 + 1)


def test_ours_and_torchs_layer_give_the_same_run(run, story, tmp_path):
    losses = []
    for layer in ("ours", "torch"):
        folder = tmp_path / layer
        run(f"train text --data {story} {SMALL} --layer {layer} --out {folder}")
        losses.append(History.load(folder / "history.jsonl").losses)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_seed_decides_all(run, story, tmp_path):
    def losses(name, seed):
        line = f"train text --data {story} {SMALL} --seed {seed}"
        run(f"{line} --out {tmp_path / name}")
        return History.load(tmp_path / name / "history.jsonl").losses

    assert losses("a", 1) == losses("b", 1) != losses("c", 2)


def test_a_forget_bias_is_where_the_weights_begin(story):
    options = {"hidden_size": 8, "forget_bias": 2.5, "batch": 4, "length": 16}
    for layer in ("torch", "ours", "scratch"):
        settings = runs.Settings("text", str(story), layer=layer, **options)
        model = runs.Text(settings).model()
        bias = model.params[5] if layer == "scratch" else model.layer.bias_ih_l0[8:16]
        assert bias.tolist() == [2.5] * 8


def test_the_end_is_in_passes_or_in_steps(story):
    settings = {"data": str(story), "batch": 4, "length": 16}
    task = runs.Text(runs.Settings("text", **settings, epochs=3))
    batches = task.batches()
    assert task.settings.config(batches).steps == 3 * len(batches)
    task = runs.Text(runs.Settings("text", **settings, epochs=3, steps=7))
    assert task.settings.config(batches).steps == 7


def test_digits_are_trained_measured_and_not_written(run, offline, tmp_path):
    line = f"train digits --hidden-size 8 --steps 5 --patience 9 --out {tmp_path / 'a'}"
    code, said, moaned = run(line + " --bidirectional")
    assert (code, "accuracy" in said) == (0, True)
    assert "scikit-learn's small digits" in moaned  # not on standard output
    code, said, _ = run(f"evaluate {tmp_path / 'a'} --json")
    measured = json.loads(said)
    assert set(measured) == {"accuracy", "loss", "count"}
    assert 0 <= measured["accuracy"] <= 1
    assert measured["count"] == 297
    code, _, moaned = run(f"generate {tmp_path / 'a'} --prefix a")
    assert (code, "a classifier of digits" in moaned) == (2, True)


def test_without_patience_all_digits_are_trained_on(offline):
    images = runs.Digits(runs.DEFAULTS["digits"]).parts
    assert len(images["training"][0]) == 1500
    assert len(images["validation"][0]) == 0


# going on


def test_a_killed_training_goes_on_to_the_same_weights(run, story, tmp_path):
    line = f"train text --data {story} --hidden-size 8 --batch 4 --length 16 --steps 90"
    run(f"{line} --out {tmp_path / 'whole'}")
    command = [sys.executable, "-m", "lstm", *line.split()]
    with subprocess.Popen([*command, "--out", tmp_path / "broken"]) as process:
        while not (tmp_path / "broken/checkpoint.pt").exists():
            assert process.poll() is None
        process.kill()
    code, _, moaned = run(f"{line} --resume {tmp_path / 'broken'}")
    assert code == 0, moaned
    one, other = (load(tmp_path / f / "model.pt") for f in ("whole", "broken"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_going_on_needs_no_settings_and_a_finished_run_stays(run, trained):
    before = (trained / "model.pt").read_bytes()
    assert run(f"train text --resume {trained}")[0] == 0
    one = load(trained / "model.pt")
    (trained / "other.pt").write_bytes(before)
    other = load(trained / "other.pt")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_where_nothing_was_saved_it_begins_and_says_so(run, story, tmp_path):
    folder = tmp_path / "new"
    code, _, moaned = run(f"train text --data {story} {SMALL} --resume {folder}")
    assert code == 0
    assert f"nothing was saved in {folder} yet: beginning anew" in moaned
    assert (folder / "model.pt").exists()


def test_the_notes_code_may_begin_by_resume_too(run, story, tmp_path):
    options = f"{SMALL} --layer scratch --resume {tmp_path / 'a'}"
    for _ in range(2):  # begun, and gone on with
        assert run(f"train text --data {story} {options}")[0] == 0


def test_at_a_constant_rate_there_may_be_more_steps(run, story, tmp_path):
    line = f"train text --data {story} {SMALL} --schedule constant"
    run(f"{line} --out {tmp_path / 'a'}")
    assert run(f"train text --resume {tmp_path / 'a'} --steps 9")[0] == 0
    history = History.load(tmp_path / "a/history.jsonl")
    assert history.steps("loss")[-1] == 9


def test_ctrl_c_says_how_to_go_on_and_exits_with_130(run, story, tmp_path, monkeypatch):
    def press(folder):
        pressed = lambda row: row["step"] == 3 and os.kill(os.getpid(), signal.SIGINT)
        return lambda row: pressed(row)

    monkeypatch.setattr("lstm.command.train.tensorboard", press)
    folder = tmp_path / "a"
    line = f"train text --data {story} {SMALL} --out {folder} --tensorboard"
    code, said, moaned = run(line)
    assert (code, said) == (130, "")
    assert f"saved in {folder}; go on with: lstm train text --resume {folder}" in moaned
    assert run(f"train text --resume {folder}")[0] == 0


# measuring and writing


def test_evaluate_json_is_one_object_of_names_and_numbers(run, trained):
    code, said, _ = run(f"evaluate {trained} --json")
    measured = json.loads(said)
    assert (code, said.count("\n")) == (0, 1)
    assert measured["bits_per_character"] == pytest.approx(measured["loss"] * 1.442695)
    assert 0 <= measured["accuracy"] <= 1


def test_evaluate_without_json_is_a_table_that_ends_with_the_weights(run, trained):
    code, said, _ = run(f"evaluate {trained}")
    assert code == 0
    assert said.startswith("perplexity ")
    assert said.endswith(f"{trained / 'model.pt'}\n")


def test_evaluate_measures_the_part_that_is_asked_for(run, trained):
    counts = {
        part: json.loads(run(f"evaluate {trained} --json --part {part}")[1])["count"]
        for part in ("training", "validation", "test")
    }
    assert counts == {"training": 661, "validation": 82, "test": 82}


def test_a_seed_makes_generate_write_the_same_again(run, trained):
    line = f"generate {trained} --prefix dark --length 40 --temperature 1.5"
    one, same, other = (run(f"{line} --seed {seed}")[1] for seed in (1, 1, 2))
    assert one == same != other
    assert one.startswith("dark")
    assert len(one) == 4 + 40 + 1


def test_temperature_0_and_top_1_are_the_likeliest(run, trained):
    line = f"generate {trained} --prefix dark --length 20"
    greedy = run(f"{line} --temperature 0")[1]
    assert greedy == run(f"{line} --temperature 9 --top-k 1")[1]


def test_generate_writes_each_symbol_at_once(run, trained, monkeypatch):
    heard = []
    monkeypatch.setattr("builtins.print", lambda *w, **k: heard.append((w, k)))
    main(["generate", str(trained), "--prefix", "dark", "--length", "3"])
    assert len(heard) == 4  # the prefix with the first, two more, the end
    assert all(how.get("flush") for _, how in heard[:-1])


def test_generate_needs_the_folder_and_not_the_text(run, trained, story):
    story.unlink()
    assert run(f"generate {trained} --prefix dark --length 3")[0] == 0
    code, _, moaned = run(f"evaluate {trained}")
    assert (code, f"cannot read {story}" in moaned) == (2, True)


def test_an_unfinished_run_writes_by_its_checkpoint(run, trained):
    line = f"generate {trained} --prefix dark --length 9 --seed 1"
    finished = run(line)[1]
    (trained / "model.pt").unlink()
    assert run(line)[1] == finished


# mistakes

MISTAKES = [
    ("train text", "say where to keep it: --out DIR"),
    ("train text --data none.txt --out a", "none.txt: No such file"),
    ("train text --data empty.txt --out a", "empty.txt is empty"),
    ("train text --data binary.txt --out a", "binary.txt is not a text in UTF-8"),
    ("train text --data short.txt --out a", "short.txt holds 40 characters, 32 of"),
    ("train text --data story.txt --out a --device gpu", "unknown device 'gpu'"),
    ("train text --data story.txt --out a --device cuda:99", "is not available"),
    ("train text --data story.txt --out a --lr 0", "lr must be more than 0, got 0.0"),
    ("train text --data story.txt --out a --batch 0", "batch must be at least 1"),
    ("train text --data story.txt --out a --cell RNN --layer ours", "there is no RNN"),
    ("train text --data story.txt --out a --cell GRU --forget-bias 1", "an LSTM's"),
    ("train text --data story.txt --out a --layer scratch --num-layers 2", "one layer"),
    ("train text --data story.txt --out run", "holds a run: go on with --resume"),
    ("train text --out a --resume run", "--out a is not the folder of --resume run"),
    ("train text --resume run --lr 0.5", "lr is 0.5, was 0.01"),
    ("train text --resume run --hidden-size 9", "hidden_size is 9, was 8"),
    ("train digits --resume run", "task is digits, was text"),
    ("train digits --data none --out a", "unknown images 'none'"),
    ("train text --data story.txt --out story.txt", "story.txt"),
    ("evaluate nowhere", "nowhere holds no run"),
    ("generate nowhere --prefix a", "nowhere holds no run"),
    ("generate run --prefix 5", "'5' at position 0 of '5' is not in the vocabulary"),
    ("generate run --prefix a --temperature -1", "temperature must be at least 0"),
    ("generate run --prefix a --top-k 0", "top_k must be at least 1, got 0"),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_one_line_exit_2_and_loses_nothing(
    run, trained, tmp_path, monkeypatch, line, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "short.txt").write_text("x" * 40)
    line = line.replace("story.txt", f"story.txt {SMALL}", 1)
    line = line.replace("short.txt", f"short.txt {SMALL}", 1)
    before = {path: path.read_bytes() for path in trained.iterdir()}
    code, said, moaned = run(line)
    assert (code, said) == (2, "")
    assert moaned.startswith("error: ")
    assert message in moaned
    assert moaned.count("\n") == 1
    assert {path: path.read_bytes() for path in trained.iterdir()} == before


def test_a_text_that_has_changed_is_noticed(run, trained, story):
    story.write_text(STORY.replace("dark", "blue"), encoding="utf-8")
    for verb in (f"train text --resume {trained}", f"evaluate {trained}"):
        code, _, moaned = run(verb)
        assert (code, "is not what" in moaned) == (2, True)


@pytest.mark.parametrize("content", ["{", "{}", '{"settings": {"x": 1}, "data": {}}'])
def test_damaged_settings_are_named(run, trained, content):
    (trained / "settings.json").write_text(content)
    code, _, moaned = run(f"evaluate {trained}")
    assert (code, "settings.json is damaged" in moaned) == (2, True)


def test_a_run_that_another_writes_to_is_left_alone(run, story, tmp_path):
    with another_writer(tmp_path):
        code, _, moaned = run(f"train text --data {story} {SMALL} --out {tmp_path}")
    assert (code, "another run is writing to" in moaned) == (2, True)
    with locked(tmp_path):
        assert not (tmp_path / "settings.json").exists()


def test_a_loss_that_is_not_finite_is_exit_1(run, story, tmp_path):
    line = f"train text --data {story} {SMALL} --lr 1e38 --optimizer sgd --clip 0"
    code, said, moaned = run(f"{line} --schedule constant --out {tmp_path / 'a'}")
    assert (code, said) == (1, "")
    assert "failed: the loss became" in moaned
    assert "learning rate 1e+38" in moaned


def test_tensorboard_is_asked_for_in_one_line_where_it_is_missing(
    run, story, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    line = f"train text --data {story} {SMALL} --out {tmp_path / 'a'} --tensorboard"
    code, _, moaned = run(line)
    assert (code, "pip install tensorboard" in moaned) == (2, True)


def test_tensorboard_is_written_into_the_folder(run, story, tmp_path, monkeypatch):
    folders = []
    writer = types.SimpleNamespace(add_scalar=lambda *row: None)
    fake = types.SimpleNamespace(SummaryWriter=lambda f: folders.append(f) or writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    line = f"train text --data {story} {SMALL} --out {tmp_path / 'a'} --tensorboard"
    assert run(line)[0] == 0
    assert folders == [tmp_path / "a/tensorboard"]


# help


@pytest.mark.parametrize(
    "verb", ["train text", "train digits", "generate", "evaluate", "export"]
)
def test_help_teaches_by_examples_that_the_parser_understands(run, verb):
    from lstm.command import parser

    code, said, _ = run(f"{verb} --help")
    assert code == 0
    examples = [line for line in said.splitlines() if line.startswith("  lstm ")]
    assert len(examples) >= 2
    for example in examples:
        words = example.split("   ")[0] if "|" not in example else example.split("|")[0]
        import shlex

        parser().parse_args(shlex.split(words.strip().split("       ")[0])[1:])
