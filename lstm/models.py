"""Models, each handed its recurrent layer: torch's and ours swap in one line.

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

    def __init__(self, layer, num_classes, dropout=0.0):
        super().__init__()
        self.layer, self.linear = layer, nn.Linear(features(layer), num_classes)
        self.dropout = nn.Dropout(dropout)  # of the layer's output

    def forward(self, symbols):
        """symbols: (N, L), indices   ->   scores: (N, L, C)"""
        return self.step(symbols)[0]

    def step(self, symbols, state=None):
        """symbols: (N, L), indices   ->   scores: (N, L, C), the layer's last state"""
        # in the layer's own order of axes: the linear layer copies any other
        swap = not self.layer.batch_first
        symbols = symbols.T if swap else symbols
        if hasattr(self.layer, "look_up"):  # one-hot vectors need not be made
            output, state = self.layer.look_up(symbols, state)
        else:
            vectors = one_hot(symbols, self.layer.input_size)
            vectors = vectors.to(self.linear.weight.dtype)
            output, state = self.layer(vectors, state)
        scores = self.linear(self.dropout(output))
        return scores.transpose(0, 1) if swap else scores, state


class LanguageModel(SequenceTagger):
    """A tagger whose classes are the symbols: at every step it scores the next."""

    def __init__(self, layer, dropout=0.0):
        super().__init__(layer, layer.input_size, dropout)


class ScratchModel(nn.Module):
    """The study notes' functions as a language model: bare tensors, one layer.

    params, state and function: `get_lstm_params`, `init_lstm_state`, `scratch_lstm`, or
    those of the GRU
    """

    def __init__(self, vocab_size, num_hiddens, params, state, function):
        super().__init__()
        self.sizes, self.state, self.function = (
            (vocab_size, num_hiddens),
            state,
            function,
        )
        tensors = params(vocab_size, num_hiddens)
        self.params = nn.ParameterList(tensor.detach() for tensor in tensors)

    def forward(self, symbols):
        """symbols: (N, L), indices   ->   scores: (N, L, V)"""
        return self.step(symbols)[0]

    def step(self, symbols, state=None):
        """symbols: (N, L), indices   ->   scores: (N, L, V), the last state"""
        N, L = symbols.shape
        vocab_size, num_hiddens = self.sizes
        dtype = self.params[0].dtype
        if state is None:
            zeros = self.state(N, num_hiddens, symbols.device)
            state = tuple(zero.to(dtype) for zero in zeros)
        inputs = one_hot(symbols.T, vocab_size).to(dtype)
        scores, state = self.function(inputs, state, list(self.params))
        return scores.view(L, N, vocab_size).transpose(0, 1), state


class SequenceClassifier(nn.Module):
    """Gives a sequence of vectors one class, from the last layer's final states."""

    def __init__(self, layer, num_classes, dropout=0.0):
        super().__init__()
        self.layer, self.linear = layer, nn.Linear(features(layer), num_classes)
        self.dropout = nn.Dropout(dropout)  # of the final states

    def forward(self, inputs):
        """inputs: (N, L, D)   ->   scores: (N, C)"""
        _, state = run(self.layer, inputs)
        # a GRU's state is h_n alone
        h_n = state[0] if isinstance(state, tuple) else state
        directions = 2 if self.layer.bidirectional else 1
        return self.linear(self.dropout(torch.cat(tuple(h_n[-directions:]), dim=-1)))


def open_forget_gate(layer, bias):
    """Set an LSTM's forget bias: `bias` in bias_ih, 0 in bias_hh, in every layer."""
    H = layer.hidden_size
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if name.startswith("bias_"):
                parameter[H : 2 * H] = bias if name.startswith("bias_ih") else 0.0


def generate(model, vocab, prefix, length, **sampling):
    """Continue a text by `length` symbols; return the whole.

    sampling: temperature, top_k, generator, as `stream` has them; by default the
    likeliest symbol is taken
    Raises what `stream` raises.
    """
    return prefix + "".join(stream(model, vocab, prefix, length, **sampling))


def stream(model, vocab, prefix, length, temperature=0.0, top_k=None, generator=None):
    """Yield `length` symbols that go on from a prefix, one by one.

    temperature: the scores are divided by it before a symbol is drawn; 0: the likeliest
    top_k: only so many of the likeliest symbols may be drawn
    generator: a torch.Generator of the CPU that draws; default: torch's own
    What is unknown, index 0, is never written. The model is in eval mode while a symbol
    is computed.
    Raises ValueError for an empty prefix, one with a symbol outside the vocabulary, or
    numbers that make no sense.
    """
    if not prefix:
        raise ValueError(
            "the prefix is empty: give at least one symbol to continue from"
        )
    if not temperature >= 0:
        raise ValueError(f"temperature must be at least 0, got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}")
    symbols = vocab.encode(prefix).to(next(model.parameters()).device)[None]
    state = None
    for _ in range(length):
        scores, state = _last_scores(model, symbols, state)
        drawn = 1 + draw(scores[1:], temperature, top_k, generator)
        symbols = symbols.new_tensor([[drawn]])
        yield vocab.decode([drawn])


@torch.no_grad()
def _last_scores(model, symbols, state):
    """symbols: (1, L)   ->   the scores (V) of the next one, and the state"""
    was_training = model.training
    model.eval()
    try:
        scores, state = model.step(symbols, state)
    finally:
        model.train(was_training)
    return scores[0, -1], state


def draw(scores, temperature=1.0, top_k=None, generator=None):
    """Draw a symbol by its scores (V); the likeliest, if the temperature is 0."""
    scores = scores.double().cpu()
    if temperature == 0:
        return int(scores.argmax())
    if top_k is not None and top_k < len(scores):
        least = scores.topk(top_k).values[-1]
        scores = scores.masked_fill(scores < least, -torch.inf)
    chances = (scores / temperature).softmax(dim=-1)
    return int(torch.multinomial(chances, 1, generator=generator))
