"""Updates until a network names the key: five layers, over lengths, rates and sizes.

The task is `lstm.data.Recall`: one of four keys, then distractors, then name the key.
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lstm.data import Recall
from lstm.models import SequenceClassifier, open_forget_gate

LAYERS = "RNN", "LSTM", "LSTM, forget bias 1", "LSTM, forget bias 3", "GRU"
RATES = 1e-3, 2e-3, 5e-3, 1e-2
SEEDS = 0, 1, 2
BUDGET = 3000  # updates
NAMED = 0.95  # share of keys that counts as learned
BATCH, EVERY, HELD_OUT = 64, 25, 1000


def points():
    """32 units at four lengths; 16 and 128 units at one."""
    sizes = [(length, 32) for length in (5, 10, 20, 40)] + [(20, 16), (20, 128)]
    return [
        {"layer": layer, "length": length, "units": units, "lr": lr, "seed": seed}
        for length, units in sizes
        for seed in SEEDS
        for lr in RATES
        for layer in LAYERS
    ]


def make(layer, input_size, units):
    """A layer by its name in LAYERS, drawn from torch's present random state."""
    kind, _, bias = layer.partition(", forget bias ")
    made = getattr(nn, kind)(input_size, units, batch_first=True)
    if bias:
        open_forget_gate(made, float(bias))
    return made


def measure(layer, length, units, lr, seed):
    """Train at one point; see `updates_until`."""
    task = Recall(length)
    torch.manual_seed(seed)
    model = SequenceClassifier(make(layer, task.input_size, units), task.classes)
    return updates_until(model, task, lr, seed)


def updates_until(
    model, task, lr, seed, budget=BUDGET, named=NAMED, optimizer=torch.optim.Adam
):
    """Train until a share of the keys is named; gradients are clipped to norm 1.

    Every 25 updates 1,000 sequences that were not trained on are asked.
    ->   {"updates": the number, or None if the budget did not suffice; "best": the
    largest share}
    """
    optimizer = optimizer(model.parameters(), lr=lr)
    inputs, keys = next(task.batches(HELD_OUT, seed=10_000 + seed))
    best = 0.0
    for update, (x, y) in enumerate(task.batches(BATCH, seed), start=1):
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if update % EVERY == 0:
            with torch.no_grad():
                share = (model(inputs).argmax(-1) == keys).float().mean().item()
            best = max(best, round(share, 3))
            if best >= named or update >= budget:
                return {"updates": update if best >= named else None, "best": best}
    raise AssertionError("batches never end")
