"""Handwritten digits, read row by row: one direction and two, by torch and by hand.

MNIST's 28 rows of 28 pixels, batches of 100, Adam, gradients clipped to norm 1. Every
run is one pass over the 60,000 training images, 600 updates; the study notes that the
book grew from make two. A seed draws the first weights and the order of the images, so
that two models with one seed begin alike and see the same batches. A fifth model makes
the mistake of chapter 4: it reads `output[:, -1]` of both directions.
"""

from functools import cache

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lstm.data import load_images
from lstm.layers import LSTM
from lstm.models import SequenceClassifier, run
from lstm.training import TrainConfig, evaluate, fit

MODELS = {  # the layer, and whether it reads in both directions
    "LSTM": (nn.LSTM, False),
    "Hand-LSTM": (LSTM, False),
    "BI-LSTM": (nn.LSTM, True),
    "Hand-BI-LSTM": (LSTM, True),
}
MISREAD = "BI-LSTM, output[:, -1]"
UNITS = 128  # in each direction, as in the notes
MATCHED = 187  # units of one direction with as many parameters as two of 128
RATES = 1e-3, 2e-3, 5e-3, 1e-2  # the last is the notes' own
RATE = 5e-3  # at which all four models run
SEEDS = 0, 1, 2
UPDATES, BATCH = 600, 100


class LastStep(SequenceClassifier):
    """A classifier that reads the output of the last step, right or not."""

    def forward(self, inputs):
        """inputs: (N, L, D)   ->   scores: (N, C)"""
        output, _ = run(self.layer, inputs)
        return self.linear(output[:, -1])


def points():
    """A sweep of the rate for three layers of torch; five models at one rate."""
    swept = ("LSTM", UNITS), ("LSTM", MATCHED), ("BI-LSTM", UNITS)
    keys = [(*layer, lr, seed) for seed in SEEDS for lr in RATES for layer in swept]
    keys += [
        (model, UNITS, RATE, seed) for seed in SEEDS for model in (*MODELS, MISREAD)
    ]
    names = "model", "units", "lr", "seed"
    return [dict(zip(names, key, strict=True)) for key in dict.fromkeys(keys)]


def make(model, units, seed, pixels=28):
    """One of the models, drawn from a seed."""
    kind, two = MODELS["BI-LSTM" if model == MISREAD else model]
    reader = LastStep if model == MISREAD else SequenceClassifier
    torch.manual_seed(seed)
    layer = kind(pixels, units, batch_first=True, bidirectional=two)
    return reader(layer, 10)


def batches(x, y, seed=None):
    """Images and their digits, a hundred at a time; shuffled, if there is a seed."""
    order = None if seed is None else torch.Generator().manual_seed(seed)
    shuffle = seed is not None
    return DataLoader(TensorDataset(x, y), BATCH, shuffle=shuffle, generator=order)


def measure(model, units, lr, seed, images=None, updates=UPDATES):
    """Train at one point.

    ->   {"accuracy": the share of test images named, "loss": in training, the mean of
    the last 50 updates}
    """
    images = images or mnist()
    network = make(model, units, seed, images.train_x.shape[-1])
    train = batches(images.train_x, images.train_y, seed)
    config = TrainConfig(steps=updates, lr=lr)
    losses = fit(network, train, config, label=model).losses
    accuracy = evaluate(network, batches(images.test_x, images.test_y)).accuracy
    last = losses[-50:]
    return {"accuracy": round(accuracy, 4), "loss": round(sum(last) / len(last), 4)}


@cache
def mnist():
    """MNIST, read once."""
    return load_images("mnist")
