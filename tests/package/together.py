"""What several processes compare with one: torchrun starts this file.

The first process writes what it found, as JSON, to the path that is its argument.
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, TensorDataset

from lstm import LanguageModel, SequenceClassifier, TrainConfig, evaluate, fit
from lstm.training import World, joined, score

V, L = 7, 5
STEEP = {"optimizer": "sgd", "lr": 2.0, "clip": None}  # or rounding hides a difference


def letters(count, *, hidden=slice(0)):
    """Symbols and targets, (count, L) each; the targets at `hidden` do not count."""
    draws = torch.Generator().manual_seed(count)
    x, y = (torch.randint(V, (count, L), generator=draws) for _ in range(2))
    y[hidden] = -100
    return x, y


def packed(count):
    """A packed batch of sequences of different lengths, and a class for each."""
    draws = torch.Generator().manual_seed(count)
    lengths = [(n * 4) % 7 + 1 for n in range(count)]
    rows = [torch.randn(n, V, generator=draws).double() for n in lengths]
    classes = torch.randint(2, (count,), generator=draws)
    return pack_sequence(rows, enforce_sorted=False), classes


# of two processes the second has the last four of eight sequences: 12 targets, or none
TWELVE, NONE = (slice(4, 8), slice(3, 5)), (slice(4, 8), slice(0, 5))
CASES = {
    "equal shards": ([letters(32)], {}),
    "a ragged batch, and one of a single item": ([letters(33), letters(1)], {}),
    "20 and 12 targets": ([letters(8, hidden=TWELVE)], {}),
    "20 targets and none": ([letters(8, hidden=NONE)], {}),
    "packed sequences": ([packed(5), packed(1)], {}),
    "a carried state": ([letters(5), letters(5)], {"state": "carry"}),
    "a carried state of one stream": ([letters(1)] * 2, {"state": "carry"}),
    "clipped gradients": ([letters(8, hidden=TWELVE)], {"clip": 0.01}),
}


def fresh(case):
    """A model for a case, the same each time."""
    torch.manual_seed(0)
    if case == "packed sequences":
        return SequenceClassifier(nn.LSTM(V, 9, batch_first=True), 2).double()
    return LanguageModel(nn.LSTM(V, 9)).double()


def trained(case, world):
    """Weights, gradients and losses after four steps, and the measures."""
    (batches, options), model = CASES[case], fresh(case)
    config = TrainConfig(steps=4, **STEEP | options)
    losses = fit(model, batches, config, world=world).losses
    measures = evaluate(model, batches, options.get("state", "reset"), world)
    numbers = [*losses, measures.loss, measures.accuracy, measures.count]
    gradients = [p.grad for p in model.parameters()]
    return [*model.parameters(), *gradients, torch.tensor(numbers).double()]


def apart(some, others):
    """The largest difference of two lists of tensors, number by number."""
    pairs = zip(some, others, strict=True)
    largest = [(a.detach() - b.detach()).abs().max() for a, b in pairs]
    return torch.stack(largest).max().item()


def moved(case):
    """By how much one process alone moves the weights."""
    first = list(fresh(case).parameters())
    return apart(trained(case, World())[: len(first)], first)


def plain_error(world):
    """How far DistributedDataParallel's own gradient is off, of the gradient's norm."""
    x, y = letters(8, hidden=TWELVE)
    whole, shared = fresh(""), fresh("")
    score(whole(x), y).backward()
    own_x, own_y, _ = world.shard(x, y)
    score(DistributedDataParallel(shared)(own_x), own_y).backward()
    due, got = (
        torch.cat([p.grad.flatten() for p in model.parameters()])
        for model in (whole, shared)
    )
    return ((got - due).norm() / due.norm()).item()


def orders(world):
    """What each process sees of a loader that shuffles by torch's own random state.

    The last minibatch goes into unequal shares, whose dropout draws differently often.
    """
    seen = []

    class Loader(DataLoader):
        def __iter__(self):
            for x, y in super().__iter__():
                seen.append(x[:, 0].tolist())
                yield x, y

    torch.manual_seed(0)
    x = torch.arange(9)[:, None].expand(9, L)
    model = LanguageModel(nn.LSTM(9, 4), dropout=0.5)
    loader = Loader(TensorDataset(x, x.contiguous()), 3, shuffle=True)
    fit(model, loader, TrainConfig(steps=9), world=world)
    return world.gather(seen)


def writers(world, folder):
    """Which files each process has written, and how many rows it has told of."""
    own, told = folder / f"of-{world.rank}", []
    fit(
        fresh(""),
        CASES["equal shards"][0],
        TrainConfig(steps=3, save_every=0.0),
        folder=own,
        watch=told.append,
        world=world,
    )
    files = sorted(path.name for path in own.iterdir()) if own.exists() else []
    return world.gather([files, len(told)])


def main(path):
    torch.set_num_threads(1)
    with joined() as (world, _):
        found = {
            "apart": {c: apart(trained(c, world), trained(c, World())) for c in CASES},
            "moved": {c: moved(c) for c in CASES},
            "plain": plain_error(world),
            "orders": orders(world),
            "writers": writers(world, path.parent),
        }
        if world.first:
            path.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
