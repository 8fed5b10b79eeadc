"""The speed of two training loops: lstm.fit beside d2l's train_ch8, as in the notes.

The same model, nn.LSTM with 256 units on letters, the same minibatches of 32 windows of
35 in the text's order with the state carried, the same SGD at rate 1, gradients clipped
to norm 1. d2l's loop is what its train_ch8 runs for each epoch, without the drawing. In
each round both train for as long, one after the other, and every second round in the
other order.
"""

import random
import time
from functools import partial

import torch
from torch import nn

from lstm.data import find_text
from lstm.models import LanguageModel
from lstm.training import TrainConfig, fit

UNITS, BATCH, LENGTH, EPOCHS = 256, 32, 35, 10
ROUNDS = 7


def points():
    """The rounds."""
    return [{"round": n} for n in range(ROUNDS)]


def measure(round, units=UNITS, epochs=EPOCHS):
    """Train by both loops.

    ->   {"d2l": tokens a second, "fit": tokens a second, "apart": the largest
    difference of two weights in the end}
    """
    from lstm.d2l import d2l

    find_text()  # and whatever it says, before the clock runs
    batches, vocab = d2l.load_data_time_machine(BATCH, LENGTH)
    torch.manual_seed(0)
    theirs = d2l.RNNModel(nn.LSTM(len(vocab), units), len(vocab))
    ours = LanguageModel(nn.LSTM(len(vocab), units))
    ours.layer.load_state_dict(theirs.rnn.state_dict())
    ours.linear.load_state_dict(theirs.linear.state_dict())
    each = len(list(batches))  # minibatches of an epoch
    loops = {
        "d2l": partial(by_d2l, d2l, theirs, batches, epochs),
        "fit": partial(by_fit, ours, batches, epochs * each),
    }
    speeds = {}
    for name in ("fit", "d2l") if round % 2 else ("d2l", "fit"):
        random.seed(0)  # it draws where an epoch begins in the text
        begin = time.perf_counter()
        loops[name]()
        took = time.perf_counter() - begin
        speeds[name] = int(epochs * each * BATCH * LENGTH / took)
    weights = zip(ours.parameters(), theirs.parameters(), strict=True)
    apart = max((a - b).abs().max().item() for a, b in weights)
    return speeds | {"apart": apart}


def by_d2l(d2l, model, batches, epochs):
    """Train as d2l.train_ch8 does."""
    optimizer = torch.optim.SGD(model.parameters(), 1)
    device, loss = torch.device("cpu"), nn.CrossEntropyLoss()
    model.train()
    for _ in range(epochs):
        d2l.train_epoch_ch8(model, batches, loss, optimizer, device, False)


def by_fit(model, batches, steps):
    """Train by the package's own loop."""
    config = TrainConfig(steps=steps, lr=1.0, optimizer="sgd", state="carry")
    fit(model, batches, config)
