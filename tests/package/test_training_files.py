"""What a training keeps: whole or not at all, harmless to read, one run to a folder."""

import json
import os
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lstm import History, TrainConfig, fit
from lstm.training import load, load_weights, locked, save
from writers import another_writer

DATA = [
    (torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 2)
]


def model(sizes=(3, 2)):
    torch.manual_seed(0)
    return nn.Linear(*sizes)


def keep(folder, steps=3, **options):
    made = model(options.pop("sizes", (3, 2)))
    config = TrainConfig(**{"steps": steps} | options.pop("config", {}))
    fit(made, DATA, config, folder=folder, **options)
    return made


def test_the_folder_holds_checkpoint_history_and_weights(tmp_path):
    made = keep(tmp_path / "deep/run")
    names = {path.name for path in (tmp_path / "deep/run").iterdir()}
    assert names - {".lock"} == {"checkpoint.pt", "history.jsonl", "model.pt"}
    weights = torch.load(tmp_path / "deep/run/model.pt", weights_only=True)
    assert_close(weights, dict(made.state_dict()), rtol=0, atol=0)


def test_saved_parts_come_back(tmp_path):
    parts = {"a": torch.arange(3), "b": [1, (2.5, None, "x")], "c": {"d": True}}
    save(tmp_path / "a.pt", parts)
    back = load(tmp_path / "a.pt")
    assert_close(back.pop("a"), parts.pop("a"))
    assert back == parts
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


# what is no checkpoint


class Hostile:
    """Runs a program when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def damaged(path, damage):
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "a text":
        path.write_text("not a checkpoint")
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        torch.save({"model": Hostile()}, path)


@pytest.mark.parametrize("damage", ["truncated", "a text", "empty", "a program"])
def test_a_file_that_is_no_checkpoint_is_refused_and_runs_nothing(
    tmp_path, monkeypatch, damage
):
    monkeypatch.chdir(tmp_path)
    keep(tmp_path)
    damaged(tmp_path / "checkpoint.pt", damage)
    before = (tmp_path / "history.jsonl").read_bytes()
    with pytest.raises(ValueError, match=r"checkpoint\.pt is not a checkpoint"):
        keep(tmp_path, resume=True)
    assert not (tmp_path / "executed").exists()
    assert (tmp_path / "history.jsonl").read_bytes() == before


def test_the_hostile_file_would_run_if_it_were_read_as_pickles_are(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    damaged(tmp_path / "a.pt", "a program")
    torch.load(tmp_path / "a.pt", weights_only=False)
    assert (tmp_path / "executed").exists()


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.pt")


def test_another_format_is_named(tmp_path):
    keep(tmp_path)
    saved = load(tmp_path / "checkpoint.pt")
    save(tmp_path / "checkpoint.pt", saved | {"format": 99})
    wrong = "is of format 99, written by another version; this one reads format 1"
    with pytest.raises(ValueError, match=wrong):
        keep(tmp_path, resume=True)


def test_another_models_checkpoint_is_refused_and_changes_nothing(tmp_path):
    keep(tmp_path)
    wrong = r"holds another model: it has .*'weight': \(2, 3\).*, not .*\(2, 4\)"
    with pytest.raises(ValueError, match=wrong):
        keep(tmp_path, sizes=(4, 2), resume=True)
    other = model((4, 2))
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(ValueError, match="holds another model"):
        load_weights(tmp_path / "model.pt", other)
    assert_close(dict(other.state_dict()), before, rtol=0, atol=0)


def test_other_settings_are_named_one_by_one(tmp_path):
    keep(tmp_path)
    wrong = r"other settings: lr is 0\.5, was 0\.002; optimizer is sgd, was adam"
    with pytest.raises(ValueError, match=wrong):
        keep(tmp_path, resume=True, config={"lr": 0.5, "optimizer": "sgd"})


def test_a_changed_number_of_steps_is_another_setting_under_a_schedule(tmp_path):
    keep(tmp_path, config={"schedule": "cosine"})
    with pytest.raises(ValueError, match="steps is 9, was 3"):
        keep(tmp_path, resume=True, config={"schedule": "cosine", "steps": 9})


def test_a_history_that_is_too_short_for_its_checkpoint_is_named(tmp_path):
    keep(tmp_path)
    (tmp_path / "history.jsonl").write_text("")
    with pytest.raises(ValueError, match="holds 0 rows, expected 3"):
        keep(tmp_path, resume=True)


class Keepsake:
    """A schedule whose state cannot be read without running code."""

    def step(self):
        """Do nothing."""

    def state_dict(self):
        """Hand out an object."""
        return {"object": Hostile()}


def test_a_schedule_that_could_not_be_loaded_is_refused_at_the_start(tmp_path):
    with pytest.raises(ValueError, match="keeps more than tensors and plain values"):
        keep(tmp_path, schedule=Keepsake())


# folders


def test_a_folder_with_a_run_is_not_written_over(tmp_path):
    keep(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match="holds a run: resume it, or choose"):
        keep(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_second_run_in_a_folder_is_refused_until_the_first_is_gone(tmp_path):
    with another_writer(tmp_path):
        with pytest.raises(
            BlockingIOError, match=f"another run is writing to {tmp_path}"
        ):
            keep(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {".lock"}
    keep(tmp_path)  # it was killed, and the lock went with it


def test_a_folder_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="no batches"):
        fit(model(), [], folder=tmp_path)
    with locked(tmp_path):
        pass


# a full disk

LIMITED = """
import resource, sys, torch
from torch import nn
from lstm import TrainConfig, fit
from lstm.training import load
model = nn.Linear(300, 100)
data = [(torch.randn(8, 300), torch.arange(8))]
folder = sys.argv[1]
fit(model, data, TrainConfig(steps=2), folder=folder)
before = load(folder + "/checkpoint.pt")["position"]
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    fit(model, data, TrainConfig(steps=9, save_every=0.0), folder=folder, resume=True)
except OSError as error:
    print(error)
print(before == load(folder + "/checkpoint.pt")["position"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
def test_a_disk_that_is_full_leaves_the_old_checkpoint(tmp_path):
    """No file may grow beyond 100 kB, which is what a full disk comes to."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said, same = done.stdout.splitlines()
    assert said.startswith(f"could not write {tmp_path / 'checkpoint.pt'}: ")
    assert said.endswith("; the old file is as it was")
    assert same == "True"
    assert not list(tmp_path.glob("*.partial"))


# the history


def test_a_history_comes_back_from_its_file(tmp_path):
    keep(tmp_path)
    history = History.load(tmp_path / "history.jsonl")
    assert history.column("step") == [1, 2, 3]
    assert len(history.losses) == 3


def test_a_line_that_is_no_json_is_named(tmp_path):
    (tmp_path / "h.jsonl").write_text('{"step": 1}\n{"ste')
    with pytest.raises(ValueError, match=r"h\.jsonl, line 2, is not JSON"):
        History.load(tmp_path / "h.jsonl")


def test_rows_say_what_happened_at_each_step(tmp_path):
    keep(tmp_path, validation=DATA, config={"schedule": "cosine"})
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    steps = [row for row in rows if "loss" in row]
    assert [set(row) for row in steps] == [
        {"step", "epoch", "loss", "lr", "norm", "seconds"}
    ] * 3
    assert [row["epoch"] for row in steps] == [0, 1, 2]
    assert [round(row["lr"], 6) for row in steps] == [0.002, 0.0015, 0.0005]
    assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)
    held_out = [row for row in rows if "validation_loss" in row]
    assert [row["step"] for row in held_out] == [1, 2, 3]
