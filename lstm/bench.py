"""Speeds, measured side by side in one run and kept as files beside the package: lstm/results/*.json.

Machines are noisy, so a speed is the median of several rounds; in each round every contestant runs once, in
turn, at the same precision and with the same number of threads.
"""

import datetime
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import one_hot

from lstm.layers import LSTM
from lstm.models import LanguageModel, SequenceClassifier
from lstm.scratch import get_lstm_params, init_lstm_state, lstm
from lstm.training import pick_device, score

RESULTS = Path(__file__).with_name("results")
ROUNDS = 7
SECONDS = 1.0  # at least this long in each round, for each contestant


@dataclass(frozen=True)
class Task:
    """One training step's shape: what the chapters train."""

    name: str
    batch: int
    length: int
    input_size: int
    hidden_size: int
    unit: str


TEXT = Task("text, chapters 2 and 3", 32, 35, 28, 256, "tokens/s")
ROWS = Task("rows of digits, chapter 4", 100, 28, 28, 128, "images/s")


def text_contestants(device):
    """One training step each of the notes' scratch code, of our layer and of torch.nn.LSTM."""
    torch.manual_seed(0)
    x = torch.randint(TEXT.input_size, (TEXT.batch, TEXT.length), device=device)
    y = torch.randint(TEXT.input_size, (TEXT.batch, TEXT.length), device=device)
    params = get_lstm_params(TEXT.input_size, TEXT.hidden_size, device)

    def scratch():
        inputs = one_hot(x.T, TEXT.input_size).float()
        scores, _ = lstm(inputs, init_lstm_state(TEXT.batch, TEXT.hidden_size, device), params)
        return score(scores, y.T.flatten())

    contestants = {"scratch (the notes)": (scratch, params)}
    for name, layer in {"lstm.LSTM": LSTM, "torch.nn.LSTM": nn.LSTM}.items():
        model = LanguageModel(layer(TEXT.input_size, TEXT.hidden_size)).to(device)
        contestants[name] = (lambda model=model: score(model(x)[0], y), list(model.parameters()))
    return contestants


def rows_contestants(device):
    """One training step each of the four models of chapter 4."""
    torch.manual_seed(0)
    x = torch.randn(ROWS.batch, ROWS.length, ROWS.input_size, device=device)
    y = torch.randint(10, (ROWS.batch,), device=device)
    contestants = {}
    for name, kind, two in (("LSTM", nn.LSTM, False), ("Hand-LSTM", LSTM, False),
                            ("BI-LSTM", nn.LSTM, True), ("Hand-BI-LSTM", LSTM, True)):  # fmt: skip
        layer = kind(ROWS.input_size, ROWS.hidden_size, batch_first=True, bidirectional=two)
        model = SequenceClassifier(layer, 10).to(device)
        contestants[name] = (lambda model=model: score(model(x), y), list(model.parameters()))
    return contestants


def measure(contestants, per_step, rounds=ROUNDS, seconds=SECONDS):
    """Return the median speed of each contestant, things a second.   contestants: {name: (loss, parameters)}"""
    speeds = {name: [] for name in contestants}
    for n in range(rounds + 1):  # the first round warms up and is not counted
        for name, (loss, parameters) in contestants.items():
            speed = per_step * _steps_per_second(loss, parameters, seconds if n else seconds / 4)
            if n:
                speeds[name].append(speed)
    return {name: statistics.median(values) for name, values in speeds.items()}


def run(device="auto", rounds=ROUNDS, seconds=SECONDS):
    """Measure all tasks on a device and return the report: machine, versions, date and speeds."""
    device = pick_device(device)
    torch.backends.cudnn.allow_tf32 = False  # cuDNN's LSTM would use TF32, a plain product would not
    tasks = []
    for task, contestants, per_step in (
        (TEXT, text_contestants(device), TEXT.batch * TEXT.length),
        (ROWS, rows_contestants(device), ROWS.batch),
    ):
        speeds = measure(contestants, per_step, rounds, seconds)
        tasks.append({"task": task.name, "unit": task.unit, "speeds": {k: round(v) for k, v in speeds.items()}})
    return {"machine": _machine(device), "rounds": rounds, "seconds": seconds, "tasks": tasks}


def save(report, path=None):
    """Write a report, whole or not at all, and return its path; by default lstm/results/<cpu or gpu name>.json."""
    slug = "".join(c if c.isalnum() else "-" for c in report["machine"]["device"].lower()).strip("-")
    path = Path(path) if path else RESULTS / f"{slug}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)
    return path


def results():
    """Return all committed reports, in the order of their files' names."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]


def _steps_per_second(loss, parameters, seconds):
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        gradients = torch.autograd.grad(loss(), parameters)
        float(gradients[0].flatten()[0])  # waits for a GPU to finish
        steps += 1
    return steps / (time.perf_counter() - start)


def _machine(device):
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu {torch.get_num_threads()} threads"
    return {
        "device": name,
        "architecture": platform.machine(),
        "torch": torch.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "precision": "ieee fp32",
        "date": datetime.date.today().isoformat(),
    }
