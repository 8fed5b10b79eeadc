"""Perplexity of LSTMs and GRUs on letters: two sizes, two depths, rates and seeds.

The text is The Time Machine, letter by letter, its last tenth held out, cut into
windows of 50; 600 updates by Adam, minibatches of 32, gradients clipped to norm 1.
"""

import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lstm.data import Vocab, load_text, windows
from lstm.models import LanguageModel, open_forget_gate
from lstm.training import TrainConfig, evaluate, fit

# units for 1 and for 2 layers; the larger GRU has as many parameters as the LSTM
UNITS = {
    "LSTM": {1: 128, 2: 128},
    "LSTM, forget bias 1": {1: 128, 2: 128},
    "GRU": {1: 128, 2: 128},
    "GRU, larger": {1: 150, 2: 149},
}
RATES = 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2, 6.4e-2
SEEDS = 0, 1, 2
STEPS, BATCH, LENGTH = 600, 32, 50
CORPUS = "time-machine"


def points():
    """Four models of one and of two layers, at every rate, from every seed.

    With two layers the outermost rates, which show that the best lies within, are
    measured from the first seed only.
    """
    edges = RATES[0], RATES[-1]
    return [
        {"model": model, "layers": layers, "lr": lr, "seed": seed}
        for layers in (1, 2)
        for lr in RATES
        for seed in (SEEDS[:1] if layers == 2 and lr in edges else SEEDS)
        for model in UNITS
    ]


def make(model, size, layers=1):
    """A layer by its name in UNITS, drawn from torch's present random state.

    size: how many symbols the vocabulary has
    """
    kind = nn.GRU if model.startswith("GRU") else nn.LSTM
    layer = kind(size, UNITS[model][layers], num_layers=layers)
    if model.endswith("forget bias 1"):
        open_forget_gate(layer, 1.0)
    return layer


def measure(model, layers, lr, seed):
    """Train at one point, from the seed's weights, on the seed's order of windows.

    ->   {"early": mean loss of updates 51 to 100; "training": perplexity, from the mean
    loss of the last 50 updates; "held_out": perplexity after the last update}
    """
    text = load_text(CORPUS)
    vocab = Vocab(text)
    symbols = vocab.encode(text)
    cut = int(0.9 * len(symbols))
    training, held_out = (
        TensorDataset(*windows(part, LENGTH)) for part in (symbols[:cut], symbols[cut:])
    )
    order = torch.Generator().manual_seed(seed)
    batches = DataLoader(training, BATCH, shuffle=True, generator=order)

    torch.manual_seed(seed)
    network = LanguageModel(make(model, len(vocab), layers))
    losses = fit(network, batches, TrainConfig(steps=STEPS, lr=lr)).losses
    last = losses[-50:]
    return {
        "early": round(sum(losses[50:100]) / 50, 4),
        "training": round(math.exp(sum(last) / len(last)), 3),
        "held_out": round(evaluate(network, DataLoader(held_out, BATCH)).perplexity, 3),
    }
