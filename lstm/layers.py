"""torch.nn.LSTM from scratch: the same parameter names, shapes and order, the same numbers.

N batch   L sequence length   D input size   H hidden size   K num_layers x directions
"""

import math

import torch
from torch import nn
from torch.nn.functional import dropout

from lstm import shapes
from lstm.cells import lstm_step, scan


class LSTM(nn.Module):
    """An LSTM of one or more layers and one or two directions, equal to torch.nn.LSTM.

    Parameters, for layer k: weight_ih_l{k} (4H, D, or H times directions for k > 0), weight_hh_l{k} (4H, H),
    bias_ih_l{k} and bias_hh_l{k} (4H); the reverse direction's end in `_reverse`. They are drawn from
    uniform(-1/sqrt(H), 1/sqrt(H)), in torch's order: the same seed gives the same numbers.
    Projection (proj_size) and packed sequences are torch's alone.
    Raises ValueError for sizes below 1 or a dropout outside [0, 1].
    """

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = (
            input_size,
            hidden_size,
            num_layers,
        )
        self.bias, self.batch_first, self.dropout, self.bidirectional = (
            bias,
            batch_first,
            dropout,
            bidirectional,
        )
        self.directions = 2 if bidirectional else 1
        for shape in shapes.parameters(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
        ):
            empty = torch.empty(shape.sizes, device=device, dtype=dtype)
            self.register_parameter(shape.name, nn.Parameter(empty))
        self.reset_parameters()

    def reset_parameters(self):
        """Draw all parameters anew, from uniform(-1/sqrt(H), 1/sqrt(H))."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    @property
    def all_weights(self):
        """The parameters as a list of lists: one of [w_ih, w_hh(, b_ih, b_hh)] for each layer and direction."""
        parameters, each = list(self.parameters()), 4 if self.bias else 2
        return [parameters[n : n + each] for n in range(0, len(parameters), each)]

    def forward(self, inputs, state=None):
        """inputs: (L, N, D), or (N, L, D) if batch_first, or (L, D)   state: (h_0, c_0), each (K, N, H), or zeros

        ->   output: (L, N, directions * H), or as the input has its axes; (h_n, c_n), each (K, N, H)
        Raises TypeError for what is not a tensor; ValueError, naming both shapes, for what does not fit.
        """
        self._check_input(inputs)
        batched = inputs.dim() == 3
        batch = inputs.shape[0 if self.batch_first else 1] if batched else None
        state = self._check_state(inputs, state, batch)
        if not batched:
            inputs, state = inputs.unsqueeze(1), tuple(s.unsqueeze(1) for s in state)
        elif self.batch_first:
            inputs = inputs.transpose(0, 1)
        output, state = self._layers(inputs, state)
        if not batched:
            return output.squeeze(1), tuple(s.squeeze(1) for s in state)
        return (output.transpose(0, 1) if self.batch_first else output), state

    def _check_input(self, inputs):
        if not isinstance(inputs, torch.Tensor):
            raise TypeError(
                f"expected a tensor, got {type(inputs).__name__} (packed sequences are torch.nn.LSTM's)"
            )
        if inputs.dim() not in (2, 3) or inputs.shape[-1] != self.input_size:
            raise ValueError(
                f"expected an input of 2 or 3 axes, the last of size {self.input_size}, got {tuple(inputs.shape)}"
            )
        if inputs.shape[1 if self.batch_first and inputs.dim() == 3 else 0] == 0:
            raise ValueError(
                f"expected a sequence of at least one step, got {tuple(inputs.shape)}"
            )

    def _check_state(self, inputs, state, batch):
        layers = self.num_layers * self.directions
        expected = (
            (layers, self.hidden_size)
            if batch is None
            else (layers, batch, self.hidden_size)
        )
        if state is None:
            return inputs.new_zeros(expected), inputs.new_zeros(expected)
        if not isinstance(state, (tuple, list)) or len(state) != 2:
            raise TypeError(
                f"expected the state as a pair (h_0, c_0), got {type(state).__name__}"
            )
        for name, tensor in zip(("h_0", "c_0"), state, strict=True):
            if tuple(tensor.shape) != expected:
                raise ValueError(
                    f"expected {name} of shape {expected}, got {tuple(tensor.shape)}"
                )
        return state

    def _layers(self, inputs, state):
        """inputs: (L, N, D)   ->   output: (L, N, directions * H), (h_n, c_n)"""
        weights, ends = self.all_weights, []
        for layer in range(self.num_layers):
            if layer > 0:
                inputs = dropout(inputs, self.dropout, self.training)
            outputs = []
            for direction in range(self.directions):
                k = layer * self.directions + direction
                sequence = inputs.flip(0) if direction else inputs
                output, end = scan(
                    lstm_step, sequence, (state[0][k], state[1][k]), weights[k]
                )
                outputs.append(output.flip(0) if direction else output)
                ends.append(end)
            inputs = torch.cat(outputs, dim=-1)  # (L, N, directions * H)
        h_n, c_n = (torch.stack(tensors) for tensors in zip(*ends, strict=True))
        return inputs, (h_n, c_n)

    def extra_repr(self):
        """The arguments that are not at their defaults, as torch.nn.LSTM shows them."""
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
        }
        for name, default in defaults.items():
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text
