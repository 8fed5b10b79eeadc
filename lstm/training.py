"""Train any module on any iterable of batches; measure it; keep it.

The trainer knows nothing of the model: a batch is (inputs, targets), the model maps inputs to scores, and
the loss compares the two. N is the number of things scored, C the number of classes.
"""

import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

OPTIMIZERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


@dataclass(frozen=True)
class TrainConfig:
    """How long and how fast to train."""

    steps: int = (
        600  # parameter updates; the batches are gone through again until they are done
    )
    lr: float = 2e-3
    clip: float = 1.0  # global gradient norm
    optimizer: str = "adam"  # or "sgd"

    def __post_init__(self):
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(
                f"unknown optimizer {self.optimizer!r}: expected one of {', '.join(OPTIMIZERS)}"
            )
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")


@dataclass(frozen=True)
class Evaluation:
    """What a model is worth on some data."""

    loss: float  # mean cross entropy, in nats
    accuracy: float  # share of targets that got the highest score
    count: int  # number of targets

    @property
    def perplexity(self):
        return math.exp(self.loss)


def pick_device(name="auto"):
    """Return the torch.device of a name; 'auto' is the first GPU, or else the CPU.

    Raises ValueError, naming what there is, for a name that torch does not know or a device that is absent.
    """
    there = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        there.append("mps")
    if name == "auto":
        return torch.device("cuda:0" if "cuda:0" in there else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(
            f"unknown device {name!r}: this machine has {', '.join(there)}"
        ) from error
    plain = {"cuda": "cuda:0", "cpu:0": "cpu", "mps:0": "mps"}.get(
        str(device), str(device)
    )
    if plain not in there:
        raise ValueError(
            f"device {name!r} is not available: this machine has {', '.join(there)}"
        )
    return device


def full_precision():
    """Keep a GPU's cuDNN from rounding the factors of its float32 products to 10 bits (TF32).

    torch.nn.LSTM would do so by default, a plain matrix product would not: comparisons want both alike.
    """
    # some versions of torch announce another name for this setting
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Please use the new API settings")
        torch.backends.cudnn.allow_tf32 = False


def score(scores, targets):
    """Mean cross entropy of scores (..., C) against targets (...); targets of -100 do not count."""
    return cross_entropy(scores.flatten(0, -2), targets.flatten())


def fit(model, batches, config=None, loss=score, label="training"):
    """Train in place, on the device the model is on, and return the loss of every step.

    batches: an iterable of (inputs, targets) that can be gone through again and again. A progress bar is
    shown where tqdm is installed and the environment variable TQDM_DISABLE is not set.
    Raises ValueError if there are no batches (any more); FloatingPointError if the loss is no longer finite.
    """
    config = config or TrainConfig()
    device = next(model.parameters()).device
    optimizer = OPTIMIZERS[config.optimizer](model.parameters(), lr=config.lr)
    endless, losses = _again_and_again(batches), []
    model.train()
    for step in progress(range(config.steps), label):
        inputs, targets = (tensor.to(device) for tensor in next(endless))
        value = loss(model(inputs), targets)
        if not torch.isfinite(value):
            raise FloatingPointError(
                f"the loss became {value.item()} at step {step}: try a lower lr than {config.lr}"
            )
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        losses.append(value.item())
    return losses


def _again_and_again(batches):
    while True:
        count = 0
        for count, batch in enumerate(batches, start=1):  # noqa: B007  counted to see an empty pass
            yield batch
        if count == 0:
            raise ValueError(
                "there are no batches to train on: is the data smaller than one batch, "
                "or a generator, which can be gone through only once?"
            )


@torch.no_grad()
def evaluate(model, batches):
    """Return an `Evaluation` of the model over all batches, in eval mode; the mode is restored.

    Targets of -100 do not count. Raises ValueError if there is nothing to count.
    """
    device, was_training = next(model.parameters()).device, model.training
    total, right, count = 0.0, 0, 0
    model.eval()
    try:
        for inputs, targets in batches:
            scores, targets = (
                model(inputs.to(device)).flatten(0, -2),
                targets.to(device).flatten(),
            )
            counted = targets != -100
            total += cross_entropy(scores, targets, reduction="sum").item()
            right += (scores.argmax(-1) == targets)[counted].sum().item()
            count += counted.sum().item()
    finally:
        model.train(was_training)
    if count == 0:
        raise ValueError("there is nothing to evaluate: no batch holds a target")
    return Evaluation(total / count, right / count, count)


def save_checkpoint(path, model, **facts):
    """Write the model's state_dict and some facts to a file, whole or not at all.

    Raises TypeError for a fact that is not a plain number, text, truth value or None: it could not be loaded.
    """
    for name, value in facts.items():
        if type(value) not in (int, float, str, bool, type(None)):
            raise TypeError(
                f"{name} must be a plain number, text, bool or None, got {type(value).__name__}"
            )
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        torch.save({"state_dict": model.state_dict(), "facts": facts}, partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(path, model):
    """Load a checkpoint into the model and return its facts; the model is unchanged if that fails.

    Raises OSError if the file cannot be read; ValueError if it is not a checkpoint, or of another model.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        state_dict, facts = saved["state_dict"], saved["facts"]
    except OSError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path} is not a checkpoint, or not a whole one: {error}"
        ) from error
    expected = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    got = {name: tuple(t.shape) for name, t in state_dict.items()}
    if got != expected:
        raise ValueError(
            f"{path} holds another model: it has {got}, expected {expected}"
        )
    model.load_state_dict(state_dict)
    return facts


def progress(steps, label):
    """Go through steps with a progress bar, where tqdm is installed and TQDM_DISABLE is not set."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return steps
    return tqdm(steps, desc=label, leave=False)
