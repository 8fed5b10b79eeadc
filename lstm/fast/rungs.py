"""From the notes' loop to the operator in C++, one idea after another.

N batch   L sequence length   D input size   H hidden size

Each rung is a function (inputs, state, weights) -> (outputs, state) of one LSTM layer:
inputs (L, N, D), or tokens (L, N); state (h, c), each (N, H); weights w_ih (4H, D),
w_hh (4H, H), b_ih and b_hh (4H). All compute the same.
"""

from functools import cache, partial

import torch
from torch.nn.functional import embedding, linear, one_hot

from lstm import steps
from lstm.fast import operator
from lstm.fast.eager import EAGER, Engine
from lstm.fast.through_time import through_time


def gate_by_gate(inputs, state, weights):
    """The notes' loop: eight small products a step."""
    gates = [[part.T for part in w.chunk(4)] for w in weights[:2]]
    biases = [a + b for a, b in zip(*(b.chunk(4) for b in weights[2:]), strict=True)]
    (h, c), outputs = state, []
    for x in inputs:
        i, f, g, o = (
            x @ w_x + h @ w_h + b for w_x, w_h, b in zip(*gates, biases, strict=True)
        )
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs), (h, c)


def stacked(inputs, state, weights):
    """Four gates in one product: two products a step."""
    return steps.scan(steps.lstm_step, inputs, state, weights)


def hoisted(inputs, state, weights):
    """The input's products of all steps as one: one product a step."""
    w_ih, w_hh, b_ih, b_hh = weights
    return from_sums(linear(inputs, w_ih, b_ih + b_hh), state, w_hh)


def looked_up(tokens, state, weights):
    """For tokens no product at all: one-hot times the weights is a row of them."""
    w_ih, w_hh, b_ih, b_hh = weights
    return from_sums(embedding(tokens, w_ih.T + (b_ih + b_hh)), state, w_hh)


def from_sums(sums, state, w_hh):
    """The loop that is left.   sums: (L, N, 4H)"""
    (h, c), outputs = state, []
    for own in sums:
        i, f, g, o = torch.addmm(own, h, w_hh.T).chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs), (h, c)


def by_hand(inputs, state, weights, engine=EAGER):
    """The way back by hand as well: one node for autograd, buffers filled in place."""
    tokens = inputs.dtype == torch.int64
    L, N = inputs.shape[:2]
    rows = inputs.flatten() if tokens else inputs.flatten(0, 1)
    outputs, state = through_time(engine, "LSTM", rows, state, weights, (N,) * L)
    return outputs.view(L, N, -1), state


def by_compiler(inputs, state, weights):
    """The same, what is done to a step's sums compiled by `torch.compile`."""
    return by_hand(inputs, state, weights, compiled())


def by_operator(inputs, state, weights):
    """The whole loop in C++; without a compiler, by hand."""
    return by_hand(inputs, state, weights, operator.load() or EAGER)


@cache
def compiled():
    """The engine in Python whose pointwise work is compiled; so is nothing else."""
    return Engine(partial(torch.compile, dynamic=False))


def of_tokens(rung):
    """A rung that wants vectors, for tokens: their one-hot vectors are made first."""

    def run(tokens, state, weights):
        vectors = one_hot(tokens, weights[0].shape[1]).to(weights[0].dtype)
        return rung(vectors, state, weights)

    return run


RUNGS = {
    "gate by gate": gate_by_gate,
    "stacked": stacked,
    "hoisted": hoisted,
    "by hand": by_hand,
    "by compiler": by_compiler,
    "by operator": by_operator,
}
