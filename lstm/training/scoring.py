"""What a model is worth: the loss it is trained by, and the measures on some data.

A batch is (inputs, targets), the model maps inputs to scores, and the loss compares the
two. Targets of -100 do not count.

N number of things scored   C number of classes
"""

import math
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from lstm.training.processes import World, mapped

IGNORED = -100


@dataclass(frozen=True)
class Evaluation:
    """What a model is worth on some data."""

    loss: float  # mean cross entropy, in nats
    accuracy: float  # share of targets that got the highest score
    count: int  # number of targets

    @property
    def perplexity(self):
        """e to the power of the loss."""
        return math.exp(self.loss)

    @property
    def bits(self):
        """The loss in bits: for a model of letters, bits per character."""
        return self.loss / math.log(2)


def score(scores, targets):
    """Mean cross entropy of scores (..., C) and targets (...), but those of -100."""
    return cross_entropy(scores.flatten(0, -2), targets.flatten())


def counted(targets):
    """How many targets a mean loss is the mean of."""
    if targets.is_floating_point():
        return targets.numel()
    return int((targets != IGNORED).sum())


def to(device, things):
    """Tensors and packed sequences, in tuples or alone, on a device."""
    return mapped(lambda thing: thing.to(device), things)


def detached(state):
    """A state, its tensors cut off from what computed them; None stays None."""
    return mapped(torch.Tensor.detach, state)


@torch.no_grad()
def evaluate(model, batches, state="reset", world=None):
    """Return an `Evaluation` of the model over all batches, in eval mode.

    state: 'reset' before each batch, or 'carry' from batch to batch by `model.step`
    world: with several processes, each takes its share, and all get the same
    The mode is restored. Raises ValueError if there is nothing to count.
    """
    world = world or World()
    device, was_training = next(model.parameters()).device, model.training
    total, right, count, carried = 0.0, 0, 0, None
    model.eval()
    try:
        for batch in batches:
            inputs, targets, own = world.shard(*batch)
            inputs, targets = to(device, (inputs, targets))
            if state == "carry":
                scores, carried = model.step(inputs, carried)
            else:
                scores = model(inputs)
            if not own:  # a process without a share looked at another's
                continue
            scores, targets = scores.flatten(0, -2), targets.flatten()
            some = targets != IGNORED
            total += cross_entropy(scores, targets, reduction="sum").item()
            right += (scores.argmax(-1) == targets)[some].sum().item()
            count += some.sum().item()
    finally:
        model.train(was_training)
    total, right, count = world.sum(total, right, count)
    if count == 0:
        raise ValueError("there is nothing to evaluate: no batch holds a target")
    return Evaluation(total / count, right / count, int(count))
