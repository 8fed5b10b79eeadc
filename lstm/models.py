"""Three models, each handed its recurrent layer: torch's and ours swap in one line.

N batch   L sequence length   D input size   H hidden size   V vocabulary size   C number of classes

All take batches first, (N, L, ...), whatever the layer's own `batch_first` says.
"""

import torch
from torch import nn
from torch.nn.functional import one_hot


def run(layer, inputs, state=None):
    """Run a recurrent layer on inputs (N, L, D), whichever axis order it wants   ->   output (N, L, .), state"""
    if layer.batch_first:
        return layer(inputs, state)
    output, state = layer(inputs.transpose(0, 1), state)
    return output.transpose(0, 1), state


def features(layer):
    """How many features the layer's output has at each step."""
    return layer.hidden_size * (2 if layer.bidirectional else 1)


class LanguageModel(nn.Module):
    """Scores the next symbol at every step, from one-hot symbols through a recurrent layer and a linear one."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.linear = layer, nn.Linear(features(layer), layer.input_size)

    def forward(self, symbols, state=None):
        """symbols: (N, L), indices   ->   scores: (N, L, V), the layer's last state"""
        vectors = one_hot(symbols, self.layer.input_size).to(self.linear.weight.dtype)
        output, state = run(self.layer, vectors, state)
        return self.linear(output), state


class SequenceTagger(nn.Module):
    """Gives every step of a sequence of symbols a class: what was hidden there, for one."""

    def __init__(self, layer, num_classes):
        super().__init__()
        self.layer, self.linear = layer, nn.Linear(features(layer), num_classes)

    def forward(self, symbols):
        """symbols: (N, L), indices   ->   scores: (N, L, C)"""
        vectors = one_hot(symbols, self.layer.input_size).to(self.linear.weight.dtype)
        return self.linear(run(self.layer, vectors)[0])


class SequenceClassifier(nn.Module):
    """Gives a whole sequence of vectors one class, from the final state of each direction of the last layer."""

    def __init__(self, layer, num_classes):
        super().__init__()
        self.layer, self.linear = layer, nn.Linear(features(layer), num_classes)

    def forward(self, inputs):
        """inputs: (N, L, D)   ->   scores: (N, C)"""
        _, state = run(self.layer, inputs)
        h_n = state[0] if isinstance(state, tuple) else state  # a GRU's state is h_n alone
        directions = 2 if self.layer.bidirectional else 1
        return self.linear(torch.cat(tuple(h_n[-directions:]), dim=-1))


@torch.no_grad()
def generate(model, vocab, prefix, length):
    """Continue a text by the likeliest next symbol, `length` times, and return prefix and continuation.

    Raises ValueError for an empty prefix, or one with a symbol outside the vocabulary.
    """
    if not prefix:
        raise ValueError("the prefix is empty: give at least one symbol to continue from")
    device = model.linear.weight.device
    symbols, state, text = vocab.encode(prefix).to(device)[None], None, prefix
    for _ in range(length):
        scores, state = model(symbols, state)
        symbols = scores[:, -1].argmax(dim=-1, keepdim=True)
        text += vocab.decode(symbols[0].tolist())
    return text
