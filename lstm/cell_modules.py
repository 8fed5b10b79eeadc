"""torch.nn.LSTMCell and torch.nn.GRUCell from scratch: the equations of one step as modules.

N batch   D input size   H hidden size
"""

import math

import torch
from torch import nn

from lstm import checks
from lstm.cells import gru_step, lstm_step


class RNNCellBase(nn.Module):
    """What LSTMCell and GRUCell share."""

    _gates: int
    _states: int

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__()
        checks.cell_sizes(input_size, hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = self._gates * hidden_size
        sizes = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size),
                 "bias_ih": (rows,), "bias_hh": (rows,)}  # fmt: skip
        for name, size in sizes.items():
            kept = bias or name.startswith("weight")
            empty = torch.empty(size, device=device, dtype=dtype) if kept else None
            self.register_parameter(name, nn.Parameter(empty) if kept else None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw all parameters anew, from uniform(-1/sqrt(H), 1/sqrt(H)), in torch's order."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, input, hx=None):
        """input: (N, D) or (D)   hx: the state, as the class says; zeros if it is not given   ->   the state, as hx

        Raises what torch raises, naming what was given and what was expected: see `lstm.checks`.
        """
        checks.cell_input(self, input)
        size = (*input.shape[:-1], self.hidden_size)
        if hx is None:
            state = (input.new_zeros(size),) * self._states
        else:
            state = self._take(hx)
            checks.cell_state(self, state, size)
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        return self._hand_back(self._step(input, state, *weights))

    def extra_repr(self):
        """The arguments that are not at their defaults, as torch shows them."""
        text = f"{self.input_size}, {self.hidden_size}"
        return text if self.bias is True else f"{text}, bias={self.bias}"


class LSTMCell(RNNCellBase):
    """One step of an LSTM, equal to torch.nn.LSTMCell; the state is a pair (h, c), each (N, H) or (H)."""

    _gates, _states = 4, 2
    _step = staticmethod(lstm_step)
    _take = staticmethod(checks.cell_pair)
    _hand_back = staticmethod(tuple)


class GRUCell(RNNCellBase):
    """One step of a GRU, equal to torch.nn.GRUCell; the state is one tensor h, (N, H) or (H)."""

    _gates, _states = 3, 1
    _step = staticmethod(gru_step)
    _take = staticmethod(checks.one)

    @staticmethod
    def _hand_back(state):
        """The state as torch gives it: one tensor."""
        return state[0]
