"""torch.nn.LSTMCell and torch.nn.GRUCell from scratch: one step as a module.

N batch   D input size   H hidden size
"""

import math
from typing import SupportsIndex

import torch
from torch import Tensor, nn

from lstm import checks
from lstm.shapes import GATES
from lstm.steps import gru_step, lstm_step


class RNNCellBase(nn.Module):
    """What LSTMCell and GRUCell share. Their own: `kind`, and `step`, the equations."""

    kind: str

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__()
        check_sizes(input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = GATES[self.kind] * hidden_size
        sizes = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size)}
        for name, size in (sizes | {"bias_ih": (rows,), "bias_hh": (rows,)}).items():
            kept = bias or name in sizes
            empty = torch.empty(size, device=device, dtype=dtype) if kept else None
            self.register_parameter(name, nn.Parameter(empty) if kept else None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw all parameters anew from uniform(-1/sqrt(H), 1/sqrt(H)), like torch."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, input, hx=None):
        """input: (N, D) or (D)   hx: the state, as the class says; zeros if not given

        ->   the state after the step, in the form of hx
        Raises what torch raises, naming what was given and expected: see `check_call`.
        """
        check_call(self, input, hx)
        state = self.first_state(hx, input)
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        state = self.step(input, state, *weights)
        return state if len(state) == 2 else state[0]

    def first_state(self, hx, input):
        """The state before the step, as a tuple: what is given, or zeros."""
        if hx is not None:
            return tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
        zeros = input.new_zeros(*input.shape[:-1], self.hidden_size)
        return (zeros, zeros) if self.kind == "LSTM" else (zeros,)

    def extra_repr(self):
        """The arguments that are not at their defaults, as torch shows them."""
        text = f"{self.input_size}, {self.hidden_size}"
        return text if self.bias is True else f"{text}, bias={self.bias}"


class LSTMCell(RNNCellBase):
    """One step of an LSTM, equal to torch.nn.LSTMCell.

    The state is a pair (h, c), each (N, H) or (H).
    """

    kind = "LSTM"
    step = staticmethod(lstm_step)


class GRUCell(RNNCellBase):
    """One step of a GRU, equal to torch.nn.GRUCell; the state is h, (N, H) or (H)."""

    kind = "GRU"
    step = staticmethod(gru_step)


def check_sizes(**sizes):
    """Raise TypeError for a size that is no int, RuntimeError for one below 0."""
    for name, size in sizes.items():
        checks.of_type(name, size, SupportsIndex, "int")
        if size < 0:
            raise RuntimeError(f"{name} must not be below zero, got {size}")


def check_call(cell, given, hx):
    """Check the input and the state of a cell, in torch's order; see `lstm.checks`."""
    checks.of_type("input", given, Tensor, "Tensor")
    name, features, weight = f"{cell.kind}Cell", cell.input_size, cell.weight_ih
    checks.axes(name, "input", given, 1, f"(..., {features})")
    state = () if hx is None else checks.states(name, hx)
    size = (*given.shape[:-1], cell.hidden_size)
    for n, tensor in enumerate(state):
        called = f"hx[{n}]" if len(state) == 2 else "hidden"
        checks.axes(name, called, tensor, 1, size)
    found = given.shape[-1]
    if found != features:
        sentence = f"input has inconsistent input_size: got {found} expected {features}"
        raise checks.misfit(sentence, f"(..., {features})", given)
    for n, tensor in enumerate(state):
        check_state(f"hidden{n}", tensor, size)
    checks.same_device(given, state, weight)
    checks.same_dtype("input", given, weight)
    for tensor in state[:1]:  # torch takes a c of another type, and so do we
        checks.same_dtype("hidden", tensor, weight)


def check_state(name, tensor, size):
    """Check the shape of one tensor of a cell's state, (N, H) or (H)."""
    shape = tuple(tensor.shape)
    if shape != size:
        # torch compares the first two axes, and adds one where there is no batch
        (n, h), (batch, *rest) = ((1,) * (2 - len(size)) + s for s in (size, shape))
        sentence = f"Input batch size {n} doesn't match {name} batch size {batch}"
        if batch == n:
            found = [*rest, batch][0]
            sentence = f"{name} has inconsistent hidden_size: got {found}, expected {h}"
        raise checks.misfit(sentence, size, tensor)
