"""Perplexity on pages that were not trained on: order, state, depth and restraint.

The whole Time Machine, letter by letter: eight tenths are trained on, one tenth
decides when to stop, the last tenth is the test. Minibatches of 32 windows of 64
letters, Adam, gradients clipped to norm 1, torch's one-cycle schedule over 20 passes at
most; training ends when four passes in a row were no better on the validation pages,
and the best weights are tested. The test is read on from the first letter to the last
by a state that is carried; and once more from nothing in each window of 64.
"""

import torch
from torch import nn

from lstm.data import RandomWindows, Streams, Vocab, load_text, windows
from lstm.models import LanguageModel
from lstm.training import TrainConfig, evaluate, fit

# units, layers, dropout, weight decay, order of the windows, state
MODELS = {
    "random windows": (128, 1, 0.0, 0.0, "random", "reset"),
    "in order, state reset": (128, 1, 0.0, 0.0, "sequential", "reset"),
    "in order, state carried": (128, 1, 0.0, 0.0, "sequential", "carry"),
    "weight decay": (128, 1, 0.0, 0.1, "random", "reset"),
    "two layers": (128, 2, 0.3, 0.0, "random", "reset"),
    "256 units, dropout": (256, 1, 0.5, 0.0, "random", "reset"),
}
RATES = 8e-3, 1.6e-2, 3.2e-2, 6.4e-2
SEEDS = 0, 1, 2
BATCH, LENGTH, PASSES, PATIENCE = 32, 64, 20, 4
CORPUS = "time-machine"


def points():
    """Every model at the inner rates from every seed, at the outer ones from the first.

    The outer rates show what lies beyond.
    """
    return [
        {"model": model, "lr": lr, "seed": seed}
        for seed in SEEDS
        for lr in (RATES if seed == SEEDS[0] else RATES[1:-1])
        for model in MODELS
    ]


def split(symbols):
    """The first eight tenths of a text, the next, and the last."""
    return symbols.tensor_split((len(symbols) * 8 // 10, len(symbols) * 9 // 10))


def make(model, size, seed):
    """A language model by its name in MODELS, drawn from a seed; size: of the text."""
    units, layers, dropout, *_ = MODELS[model]
    torch.manual_seed(seed)
    between = dropout if layers > 1 else 0.0
    layer = nn.LSTM(size, units, layers, dropout=between)
    return LanguageModel(layer, dropout)


def train(network, model, parts, lr, seed=0, passes=PASSES, **options):
    """Train on the first part as MODELS says, stop by the second; the `History`.

    options: of `lstm.fit`
    """
    *_, decay, order, state = MODELS[model]
    kind = RandomWindows if order == "random" else Streams
    batches = kind(parts[0], BATCH, LENGTH, seed=seed)
    config = TrainConfig(
        steps=passes * len(batches),
        lr=lr,
        optimizer="adamw" if decay else "adam",
        weight_decay=decay,
        schedule="one-cycle",
        state=state,
        patience=PATIENCE,
    )
    on = held_out(parts[1], state)
    return fit(network, batches, config, validation=on, **options)


def held_out(symbols, state):
    """A text as one stream, for a state that is carried, or in windows."""
    if state == "carry":
        return Streams(symbols, 1, 512)
    return [windows(symbols, LENGTH)]


def measure(model, lr, seed, text=None, passes=PASSES):
    """Train at one point.

    ->   {"training": perplexity, from the mean loss of the last pass, "validation":
    the best, "best": the pass of it, "carried" and "reset": on the test pages, "bits":
    a letter there, carried, "seconds": of training}
    """
    text = text or load_text(CORPUS)
    vocab = Vocab(text)
    parts = split(vocab.encode(text))
    network = make(model, len(vocab), seed)
    history = train(network, model, parts, lr, seed, passes)
    on_validation = history.column("validation_loss")
    best = min(on_validation)
    last = [row for row in history.rows if "loss" in row][-len(parts[0]) // 2048 :]
    losses = torch.tensor([row["loss"] for row in last])
    test = {
        state: evaluate(network, held_out(parts[2], state), state)
        for state in ("carry", "reset")
    }
    perplexities = {
        "training": losses.mean().exp().item(),
        "validation": torch.tensor(best).exp().item(),
        "carried": test["carry"].perplexity,
        "reset": test["reset"].perplexity,
        "bits": test["carry"].bits,
    }
    rounded = {name: round(value, 3) for name, value in perplexities.items()}
    more = {
        "best": on_validation.index(best) + 1,
        "seconds": round(history.rows[-1]["seconds"]),
    }
    return rounded | more
