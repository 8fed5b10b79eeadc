"""Train any module on any iterable of batches; measure it; keep it.

The trainer knows nothing of the model: a batch is (inputs, targets), the model maps
inputs to scores, and the loss compares the two.

N number of things scored   C number of classes
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lstm.atomic import replacing

OPTIMIZERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


@dataclass(frozen=True)
class TrainConfig:
    """How long and how fast to train."""

    # parameter updates; the batches are gone through again until they are done
    steps: int = 600
    lr: float = 2e-3
    clip: float = 1.0  # global gradient norm
    optimizer: str = "adam"  # or "sgd"

    def __post_init__(self):
        if self.optimizer not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise ValueError(
                f"unknown optimizer {self.optimizer!r}: expected one of {known}"
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


def score(scores, targets):
    """Mean cross entropy of scores (..., C) and targets (...), but those of -100."""
    return cross_entropy(scores.flatten(0, -2), targets.flatten())


def fit(model, batches, config=None, loss=score, label="training"):
    """Train in place, on the device the model is on, and return the loss of every step.

    batches: an iterable of (inputs, targets) that can be gone through again and again
    A progress bar is shown where tqdm is installed and the environment variable
    TQDM_DISABLE is not set. Raises ValueError if there are no batches (any more);
    FloatingPointError if the loss is no longer finite.
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
                f"the loss became {value.item()} at step {step}: "
                f"try a lower lr than {config.lr}"
            )
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        losses.append(value.item())
    return losses


def _again_and_again(batches):
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise ValueError(
                "there are no batches to train on: is the data smaller than one batch, "
                "or a generator, which can be gone through only once?"
            )


@torch.no_grad()
def evaluate(model, batches):
    """Return an `Evaluation` of the model over all batches, in eval mode.

    The mode is restored. Targets of -100 do not count. Raises ValueError if there is
    nothing to count.
    """
    device, was_training = next(model.parameters()).device, model.training
    total, right, count = 0.0, 0, 0
    model.eval()
    try:
        for inputs, targets in batches:
            scores = model(inputs.to(device)).flatten(0, -2)
            targets = targets.to(device).flatten()
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

    Raises TypeError for a fact that could not be loaded: one that is not a plain
    number, text, truth value or None.
    """
    for name, value in facts.items():
        if type(value) not in (int, float, str, bool, type(None)):
            raise TypeError(
                f"{name} must be a plain number, text, bool or None, "
                f"got {type(value).__name__}"
            )
    with replacing(path) as partial:
        torch.save({"state_dict": model.state_dict(), "facts": facts}, partial)


def load_checkpoint(path, model):
    """Load a checkpoint into the model and return its facts.

    Raises OSError if the file cannot be read; ValueError if it is not a checkpoint, or
    of another model. The model is unchanged then.
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


def progress(steps, label, total=None):
    """Go through steps with a progress bar, where tqdm is and TQDM_DISABLE is not."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return steps
    return tqdm(steps, desc=label, total=total, leave=False)
