"""A training that was stopped goes on, bit for bit, as if it had not been."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lstm import LanguageModel, SequenceClassifier, TrainConfig, fit
from lstm.data import Minibatches, RandomWindows, Streams
from lstm.training import load

SYMBOLS = torch.randint(7, (200,), generator=torch.Generator().manual_seed(0))
X = torch.randn(21, 6, 5, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0, 0] > 0).long()


class StoppedError(Exception):
    """What stops a training here."""


def stop_at(step):
    """A watcher that stops a training once a step has its row."""

    def watch(row):
        if row["step"] == step and "loss" in row:
            raise StoppedError

    return watch


def language_model():
    torch.manual_seed(3)
    return LanguageModel(nn.LSTM(7, 8, num_layers=2, dropout=0.3), dropout=0.2)


def classifier():
    torch.manual_seed(3)
    return SequenceClassifier(nn.GRU(5, 8, batch_first=True), 2, dropout=0.2)


class Drawing:
    """Batches drawn anew in each pass, by torch, numpy and Python."""

    def __iter__(self):
        order = torch.randperm(21)
        turns = np.random.rand(3), [random.random() for _ in range(3)]
        for part, a, b in zip(order.split(7), *turns, strict=True):
            yield X[part] * float(a) + b, Y[part]


def shuffled():
    return DataLoader(TensorDataset(X, Y), 8, shuffle=True)


def with_a_generator():
    generator = torch.Generator().manual_seed(5)
    return DataLoader(TensorDataset(X, Y), 8, shuffle=True, generator=generator)


CASES = {  # model, batches, settings
    "windows": (language_model, lambda: RandomWindows(SYMBOLS, 6, 9), {}),
    "carried": (language_model, lambda: Streams(SYMBOLS, 6, 9, 1), {"state": "carry"}),
    "minibatches": (classifier, lambda: Minibatches(X, Y, size=8, seed=2), {}),
    "a loader": (classifier, shuffled, {"optimizer": "adamw", "weight_decay": 0.1}),
    "a generator": (classifier, with_a_generator, {"schedule": "cosine"}),
    "anything": (classifier, Drawing, {"optimizer": "sgd", "clip": None}),
    "one-cycle": (classifier, shuffled, {"schedule": "one-cycle"}),
    "patience": (classifier, shuffled, {"patience": 2, "lr": 0.05}),
}
STEPS = 12


def run(case, folder, resume=False, watch=None, **other):
    """One training of a case; the random states are what a new process would have."""
    make, batches, settings = CASES[case]
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(9)
    model, config = (
        make(),
        TrainConfig(**{"steps": STEPS, "lr": 0.02} | settings | other),
    )
    validation = [(X[:9], Y[:9])] if make is classifier else None
    history = fit(
        model,
        batches(),
        config,
        validation=validation,
        folder=folder,
        resume=resume,
        watch=watch,
    )
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]
    return model.state_dict(), rows


def same(one, other):
    weights = all(torch.equal(one[0][name], other[0][name]) for name in one[0])
    return weights and one[1] == other[1]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("places", [(2,), (3, 5, 10)], ids=str)
def test_stopped_anywhere_it_goes_on_bit_for_bit(tmp_path, case, places):
    """A checkpoint after every step, so that one is left wherever it stops."""
    unbroken = run(case, tmp_path / "unbroken")
    for n, place in enumerate(places):
        with pytest.raises(StoppedError):
            run(case, tmp_path / "broken", n > 0, stop_at(place), save_every=0.0)
    broken = run(case, tmp_path / "broken", resume=True)
    assert same(unbroken, broken)
    lines = (tmp_path / "broken/history.jsonl").read_text().splitlines()
    assert len(lines) == len(unbroken[1])
    assert [json.loads(line)["step"] for line in lines] == [
        row["step"] for row in unbroken[1]
    ]
    final = load(tmp_path / "broken/model.pt")
    assert all(torch.equal(final[name], unbroken[0][name]) for name in final)


@pytest.mark.parametrize("case", CASES)
def test_another_seed_gives_another_run_so_that_equality_says_something(tmp_path, case):
    one = run(case, tmp_path / "one")
    make, batches, settings = CASES[case]
    torch.manual_seed(10)
    config = TrainConfig(**{"steps": STEPS, "lr": 0.02} | settings)
    torch.manual_seed(10)
    model = make()
    torch.manual_seed(11)  # another order, other dropouts
    fit(model, batches(), config)
    assert not all(torch.equal(one[0][n], t) for n, t in model.state_dict().items())


@pytest.mark.parametrize("case", ["carried", "a loader", "a generator"])
def test_at_a_constant_rate_a_finished_run_may_go_on_to_more_steps(tmp_path, case):
    options = {"schedule": "constant"}
    long = run(case, tmp_path / "long", **options)
    run(case, tmp_path / "short", **options | {"steps": 5})
    weights, rows = run(case, tmp_path / "short", resume=True, **options)
    # the end of the short one was validated, too
    assert same(
        (weights, [r for r in rows if "validation_loss" not in r or r["step"] != 5]),
        long,
    )


def test_a_finished_run_is_not_trained_further(tmp_path):
    done = run("windows", tmp_path)
    before = (tmp_path / "history.jsonl").read_bytes()
    assert same(run("windows", tmp_path, resume=True), done)
    assert (tmp_path / "history.jsonl").read_bytes() == before


def test_resume_where_nothing_was_saved_begins(tmp_path):
    assert same(run("windows", tmp_path, resume=True), run("windows", None))


def test_rows_behind_the_checkpoint_are_cut_off(tmp_path):
    with pytest.raises(StoppedError):
        run("windows", tmp_path, watch=stop_at(9), save_every=0.0)
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"step": 10, "loss": 99.0}\n{"st')
    broken = run("windows", tmp_path, resume=True)
    assert same(broken, run("windows", None))
    assert "99.0" not in (tmp_path / "history.jsonl").read_text()


# Ctrl-C


def press_at(step):
    """A watcher that presses Ctrl-C."""

    def watch(row):
        if row["step"] == step and "loss" in row:
            os.kill(os.getpid(), signal.SIGINT)

    return watch


def test_ctrl_c_lets_the_step_end_saves_and_says_where(tmp_path):
    said = f"stopped after step [67] of 12, saved in {tmp_path}"
    with pytest.raises(KeyboardInterrupt, match=said):
        run("windows", tmp_path, watch=press_at(6))
    assert load(tmp_path / "checkpoint.pt")["position"][0] in (6, 7)
    assert same(run("windows", tmp_path, resume=True), run("windows", None))


def test_ctrl_c_is_the_readers_again_afterwards():
    before = signal.getsignal(signal.SIGINT)
    run("windows", None)
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_too_it_trains(tmp_path):
    thread = threading.Thread(target=run, args=("windows", tmp_path))
    thread.start()
    thread.join()
    assert load(tmp_path / "model.pt")


# SIGKILL, the process gone at once

PROGRAM = """
import sys, torch
from torch import nn
from lstm import LanguageModel, TrainConfig, fit
from lstm.data import RandomWindows
torch.set_num_threads(1)
torch.manual_seed(0)
symbols = torch.randint(7, (900,))
model = LanguageModel(nn.LSTM(7, 32), dropout=0.3)
config = TrainConfig(steps=400, lr=0.02, schedule="one-cycle", save_every=0.01)
fit(model, RandomWindows(symbols, 4, 20), config, folder=sys.argv[1], resume=True)
"""


def test_killed_at_random_moments_it_ends_with_the_very_weights(tmp_path):
    def start(folder):
        return subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder)])

    assert start(tmp_path / "unbroken").wait() == 0
    moments, seen = random.Random(0), set()
    for _ in range(3):
        process = start(tmp_path / "broken")
        position = wait_for_progress(tmp_path / "broken/checkpoint.pt", seen, process)
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        process.wait()
        seen.add(position)
    assert start(tmp_path / "broken").wait() == 0
    assert len(seen) == 3  # each time it had come farther
    one, other = (load(tmp_path / f / "model.pt") for f in ("unbroken", "broken"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def wait_for_progress(path, seen, process):
    """The step of a checkpoint that lies beyond the steps that were seen."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if path.exists():
            step = load(path)["position"][0]
            if step > max(seen, default=0):
                return step
        time.sleep(0.01)
    raise AssertionError(f"no progress in a minute, or ended with {process.returncode}")
