"""Three models, each handed its recurrent layer: torch's and ours swap in one line.

N batch   L sequence length   D input size   H hidden size   V vocabulary size
C number of classes

All take batches first, (N, L, ...), whatever the layer's own `batch_first` says.
"""

import torch
from torch import nn
from torch.nn.functional import one_hot


def run(layer, inputs, state=None):
    """Run a recurrent layer on a batch, whichever order of axes it wants.

    inputs: (N, L, D)   ->   output: (N, L, features); the layer's last state
    """
    if layer.batch_first:
        return layer(inputs, state)
    output, state = layer(inputs.transpose(0, 1), state)
    return output.transpose(0, 1), state


def features(layer):
    """How many features the layer's output has at each step."""
    size = getattr(layer, "proj_size", 0) or layer.hidden_size
    return size * (2 if layer.bidirectional else 1)


class SequenceTagger(nn.Module):
    """Gives every symbol of a sequence a class: what was hidden there, for one."""

    def __init__(self, layer, num_classes):
        super().__init__()
        self.layer, self.linear = layer, nn.Linear(features(layer), num_classes)

    def forward(self, symbols):
        """symbols: (N, L), indices   ->   scores: (N, L, C)"""
        return self.step(symbols)[0]

    def step(self, symbols, state=None):
        """symbols: (N, L), indices   ->   scores: (N, L, C), the layer's last state"""
        vectors = one_hot(symbols, self.layer.input_size).to(self.linear.weight.dtype)
        output, state = run(self.layer, vectors, state)
        return self.linear(output), state


class LanguageModel(SequenceTagger):
    """A tagger whose classes are the symbols: at every step it scores the next."""

    def __init__(self, layer):
        super().__init__(layer, layer.input_size)


class SequenceClassifier(nn.Module):
    """Gives a sequence of vectors one class, from the last layer's final states."""

    def __init__(self, layer, num_classes):
        super().__init__()
        self.layer, self.linear = layer, nn.Linear(features(layer), num_classes)

    def forward(self, inputs):
        """inputs: (N, L, D)   ->   scores: (N, C)"""
        _, state = run(self.layer, inputs)
        # a GRU's state is h_n alone
        h_n = state[0] if isinstance(state, tuple) else state
        directions = 2 if self.layer.bidirectional else 1
        return self.linear(torch.cat(tuple(h_n[-directions:]), dim=-1))


@torch.no_grad()
def generate(model, vocab, prefix, length):
    """Continue a text by the likeliest next symbol, `length` times; return the whole.

    The model is put in eval mode meanwhile.
    Raises ValueError for an empty prefix, or one with a symbol outside the vocabulary.
    """
    if not prefix:
        raise ValueError(
            "the prefix is empty: give at least one symbol to continue from"
        )
    was_training, device = model.training, model.linear.weight.device
    symbols = vocab.encode(prefix).to(device)[None]
    state, text = None, prefix
    model.eval()
    try:
        for _ in range(length):
            scores, state = model.step(symbols, state)
            symbols = scores[:, -1].argmax(dim=-1, keepdim=True)
            text += vocab.decode(symbols[0].tolist())
    finally:
        model.train(was_training)
    return text
