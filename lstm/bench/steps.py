"""The training steps of the chapters, side by side; results lie in lstm/results/.

Machines are noisy, so a speed is the median of several rounds; in each round every
contestant runs once, in turn, at the same precision and with the same number of
threads.
"""

import datetime
import json
import platform
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import one_hot

from lstm.atomic import replacing
from lstm.devices import full_precision, pick_device
from lstm.layers import GRU, LSTM
from lstm.models import LanguageModel, SequenceClassifier
from lstm.scratch import get_lstm_params, init_lstm_state, scratch_lstm
from lstm.training import score

CPUINFO = Path("/proc/cpuinfo")
RESULTS = Path(__file__).parents[1] / "results"
COMMITTED = "cpu-2-threads.json"
ROUNDS = 7
SECONDS = 0.5  # at least this long in each round, for each contestant


@dataclass(frozen=True)
class Task:
    """The shape of one training step of the chapters, and what its speed counts."""

    batch: int
    length: int
    input_size: int
    hidden_size: int
    unit: str


TEXT = Task(32, 35, 28, 256, "tokens/s")  # chapters 2, 3 and 6
WIDER = 298  # units of a GRU with as many parameters as TEXT's LSTM
ROWS = Task(100, 28, 28, 128, "images/s")  # chapter 4, MNIST's shape


def text_contestants(device):
    """One training step each of the notes' scratch code, our layer, torch.nn.LSTM."""
    x, y = _text(device)
    params = get_lstm_params(TEXT.input_size, TEXT.hidden_size, device)

    def scratch():
        inputs = one_hot(x.T, TEXT.input_size).float()
        state = init_lstm_state(TEXT.batch, TEXT.hidden_size, device)
        scores, _ = scratch_lstm(inputs, state, params)
        return score(scores, y.T.flatten())

    contestants = {"scratch (the notes)": (scratch, params)}
    for name, layer in {"lstm.LSTM": LSTM, "torch.nn.LSTM": nn.LSTM}.items():
        model = LanguageModel(layer(TEXT.input_size, TEXT.hidden_size))
        contestants[name] = contestant(model.to(device), x, y)
    return contestants


def gru_contestants(device):
    """One training step each of the LSTM and of GRUs as wide, or with as many weights.

    PyTorch has a oneDNN kernel for the LSTM on a CPU, not for the GRU: so the LSTM runs
    once more without it.
    """
    x, y = _text(device)
    layers = {
        "torch.nn.LSTM, 256 units": nn.LSTM(TEXT.input_size, TEXT.hidden_size),
        "torch.nn.GRU, 256 units": nn.GRU(TEXT.input_size, TEXT.hidden_size),
        "torch.nn.GRU, 298 units": nn.GRU(TEXT.input_size, WIDER),
        "lstm.GRU, 256 units": GRU(TEXT.input_size, TEXT.hidden_size),
    }
    contestants = {
        name: contestant(LanguageModel(layer).to(device), x, y)
        for name, layer in layers.items()
    }
    loss, parameters = contestants["torch.nn.LSTM, 256 units"]

    without = without_onednn(loss)
    contestants["torch.nn.LSTM, 256 units, oneDNN off"] = (without, parameters)
    return contestants


def without_onednn(function):
    """The function, computed by what else there is in torch."""

    def without():
        before = torch.backends.mkldnn.enabled
        torch.backends.mkldnn.enabled = False
        try:
            return function()
        finally:
            torch.backends.mkldnn.enabled = before

    return without


def rows_contestants(device):
    """One training step each of the four models of chapter 4."""
    torch.manual_seed(0)
    x = torch.randn(ROWS.batch, ROWS.length, ROWS.input_size, device=device)
    y = torch.randint(10, (ROWS.batch,), device=device)
    contestants = {}
    for prefix, two in {"": False, "BI-": True}.items():
        for name, kind in {
            f"{prefix}LSTM": nn.LSTM,
            f"Hand-{prefix}LSTM": LSTM,
        }.items():
            options = {"batch_first": True, "bidirectional": two}
            layer = kind(ROWS.input_size, ROWS.hidden_size, **options)
            model = SequenceClassifier(layer, 10).to(device)
            contestants[name] = contestant(model, x, y)
    return contestants


def contestant(model, x, y):
    """What computes a model's loss, and the parameters that a step updates."""
    return lambda: score(model(x), y), list(model.parameters())


def _text(device):
    torch.manual_seed(0)
    size = TEXT.batch, TEXT.length
    return (torch.randint(TEXT.input_size, size, device=device) for _ in range(2))


def measure(contestants, per_step, rounds=ROUNDS, seconds=SECONDS):
    """Return the median speed of each contestant, things a second.

    contestants: {name: (loss, parameters)}   per_step: things in one training step
    """
    speeds = {name: [] for name in contestants}
    for n in range(rounds + 1):
        for name, (loss, parameters) in contestants.items():
            # the first round warms up and is not counted
            length = seconds if n else seconds / 4
            speed = per_step * steps_per_second(loss, parameters, length)
            if n:
                speeds[name].append(speed)
    return {name: statistics.median(values) for name, values in speeds.items()}


def run(device="auto", rounds=ROUNDS, seconds=SECONDS):
    """Measure all tasks on a device; return machine, versions, date and speeds.

    Raises ValueError for less than one round, or rounds of no length.
    """
    check(rounds, seconds)
    device = pick_device(device)
    full_precision()
    tasks = {}
    tokens = TEXT.batch * TEXT.length
    for name, task, contestants, per_step in (
        ("text", TEXT, text_contestants, tokens),
        ("gru", TEXT, gru_contestants, tokens),
        ("rows", ROWS, rows_contestants, ROWS.batch),
    ):
        speeds = measure(contestants(device), per_step, rounds, seconds)
        speeds = {key: round(value) for key, value in speeds.items()}
        tasks[name] = {"unit": task.unit, "speeds": speeds}
    return {
        "machine": machine(device),
        "rounds": rounds,
        "seconds": seconds,
        "tasks": tasks,
    }


def check(rounds, seconds):
    """Raise ValueError for less than one round, or rounds of no length."""
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}")
    if not seconds > 0:
        raise ValueError(f"seconds must be more than 0, got {seconds}")


def save(report, path):
    """Write a report to a file, whole or not at all, and return its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return path


def results():
    """Return all reports that lie beside the package, by the names of their files."""
    return [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(RESULTS.glob("*.json"))
    ]


def committed():
    """Return the report that the chapters' claims about speed are checked against."""
    return json.loads((RESULTS / COMMITTED).read_text(encoding="utf-8"))


def steps_per_second(loss, parameters, seconds):
    """Whole training steps: forward, backward, clipping, update."""
    optimizer = torch.optim.SGD(parameters, lr=1e-3)
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        value.item()  # waits for a GPU to finish
        steps += 1
    return steps / (time.perf_counter() - start)


def processor():
    """The maker's name for the processor, where Linux tells, and its vectors."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    vectors = torch.backends.cpu.get_cpu_capability()
    return ", ".join([*names[:1], vectors])


def machine(device):
    """What a measurement was made on: device, versions, date."""
    names = {
        "cuda": lambda: torch.cuda.get_device_name(device),
        "cpu": lambda: f"cpu, {torch.get_num_threads()} threads",
    }
    return {
        "device": names.get(device.type, lambda: device.type)(),
        "architecture": platform.machine(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "precision": "ieee fp32",
        "date": datetime.date.today().isoformat(),
    }
