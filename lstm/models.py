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
    size = getattr(layer, "proj_size", 0) or layer.hidden_size
    return size * (2 if layer.bidirectional else 1)


class SequenceTagger(nn.Module):
    """Gives every step of a sequence of symbols a class: what was hidden there, for one."""

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
    """A tagger whose classes are the symbols: it scores, at every step, the symbol that comes next."""

    def __init__(self, layer):
        super().__init__(layer, layer.input_size)


class SequenceClassifier(nn.Module):
    """Gives a whole sequence of vectors one class, from the final state of each direction of the last layer."""

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
    """Continue a text by the likeliest next symbol, `length` times, and return prefix and continuation.

    The model is put in eval mode meanwhile.
    Raises ValueError for an empty prefix, or one with a symbol outside the vocabulary.
    """
    if not prefix:
        raise ValueError(
            "the prefix is empty: give at least one symbol to continue from"
        )
    was_training = model.training
    symbols, state, text = (
        vocab.encode(prefix).to(model.linear.weight.device)[None],
        None,
        prefix,
    )
    model.eval()
    for _ in range(length):
        scores, state = model.step(symbols, state)
        symbols = scores[:, -1].argmax(dim=-1, keepdim=True)
        text += vocab.decode(symbols[0].tolist())
    model.train(was_training)
    return text
