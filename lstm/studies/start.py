"""Perplexity while the notes' network trains, from weights drawn wide or narrow.

The network is d2l's model around nn.LSTM with 256 units, the text The Time Machine, the
training that of the notes: `d2l.train_epoch_ch8`, plain gradient descent at rate 1,
gradients clipped to norm 1. The notes draw all weights from a normal distribution of
standard deviation 0.01; PyTorch's own start is U(-1/16, 1/16), biases too, whose
standard deviation is 0.036. Each start widens some of the notes' weights to that, and
leaves the rest as it is.
"""

import math
import random

import torch
from torch import nn

from lstm.convert import LSTM_NAMES, to_torch
from lstm.d2l import d2l
from lstm.data import find_text
from lstm.scratch import get_lstm_params

UNITS, BATCH, LENGTH = 256, 32, 35
NARROW, WIDE = 0.01, 1 / math.sqrt(3 * UNITS)  # standard deviations
NOTES, PYTORCH, SECOND = "0.01 everywhere", "PyTorch's own", ", second bias"
WIDER = {  # which of the notes' weights are drawn wide
    NOTES: (),
    "0.036 in the input weights": ("W_x",),
    "0.036 in the recurrent weights": ("W_h",),
    "0.036 in the LSTM": ("W_x", "W_h"),
    "0.036 in the output layer": ("W_hq",),
    "0.036 everywhere": ("W_x", "W_h", "W_hq"),
}
STARTS = (*WIDER, PYTORCH, NOTES + SECOND, PYTORCH + SECOND)
SEEDS = 0, 1, 2, 3, 4
EPOCHS, EVERY = 100, 2
CORPUS = "time-machine"


def points():
    """Nine starts, each from five seeds."""
    return [{"start": start, "seed": seed} for seed in SEEDS for start in STARTS]


def measure(start, seed):
    """Train from one start; ->   {"perplexity": of every second epoch}

    Raises DataNotFoundError without The Time Machine: its stand-in is another text.
    """
    find_text(CORPUS)
    batches, vocab = d2l.load_data_time_machine(BATCH, LENGTH)
    curve = train(make(start, len(vocab), seed, UNITS), batches, EPOCHS, seed)
    return {"perplexity": [round(p, 3) for p in curve[EVERY - 1 :: EVERY]]}


def make(start, symbols, seed, units=UNITS):
    """d2l's model around nn.LSTM, its weights drawn from a seed, as STARTS names them.

    Without ", second bias" only one of the two biases is trained; the other stays zero.
    """
    torch.manual_seed(seed)
    if start.startswith(PYTORCH):
        model = d2l.RNNModel(nn.LSTM(symbols, units), symbols)
    else:
        params = get_lstm_params(symbols, units)
        model = around(*to_torch(widen(params, WIDER[start.removesuffix(SECOND)])))
    if not start.endswith(SECOND):
        merge_biases(model.rnn)
    return model


def widen(params, wider):
    """The notes' fourteen tensors, those of the kinds named drawn WIDE, not NARROW."""
    wide = []
    for name, tensor in zip(LSTM_NAMES, params, strict=True):
        kind = name if name == "W_hq" else name[:-1]  # W_hi is of the kind W_h
        wide.append(tensor.detach() * (WIDE / NARROW if kind in wider else 1))
    return wide


def around(layer, linear):
    """d2l's model around an nn.LSTM, from the state_dicts of both."""
    rows, symbols = layer["weight_ih_l0"].shape
    model = d2l.RNNModel(nn.LSTM(symbols, rows // 4), symbols)
    model.rnn.load_state_dict(layer)
    model.linear.load_state_dict(linear)
    return model


@torch.no_grad()
def merge_biases(layer):
    """Put the sum of an nn.LSTM's two biases into one; train only that."""
    layer.bias_ih_l0 += layer.bias_hh_l0
    layer.bias_hh_l0.zero_()
    layer.bias_hh_l0.requires_grad_(False)


def train(net, batches, epochs, seed, lr=1, device="cpu"):
    """Train as train_ch8 does, without its drawing; the perplexity of each epoch."""
    random.seed(seed)  # of which d2l draws where an epoch begins
    if isinstance(net, nn.Module):
        trained = [p for p in net.parameters() if p.requires_grad]
        update = torch.optim.SGD(trained, lr)
    else:

        def update(batch_size):
            d2l.sgd(net.params, lr, batch_size)

    loss = nn.CrossEntropyLoss()
    return [
        d2l.train_epoch_ch8(net, batches, loss, update, device, False)[0]
        for _ in range(epochs)
    ]
