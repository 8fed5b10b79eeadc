"""torch.nn.LSTM from scratch: the same parameter names, shapes and order, the same numbers.

N batch   L sequence length   D input size   H hidden size   K num_layers x directions
"""

import math

import torch
from torch import nn
from torch.nn.functional import dropout

from lstm.cells import lstm_step, scan


class LSTM(nn.Module):
    """An LSTM of one or more layers and one or two directions, equal to torch.nn.LSTM.

    Parameters, for layer k: weight_ih_l{k} (4H, D, or H times directions for k > 0), weight_hh_l{k} (4H, H),
    bias_ih_l{k} and bias_hh_l{k} (4H); the reverse direction's end in `_reverse`. They are drawn from
    uniform(-1/sqrt(H), 1/sqrt(H)), in torch's order: the same seed gives the same numbers.
    Raises ValueError for sizes below 1 or a dropout outside [0, 1].
    """

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, device=None, dtype=None):  # fmt: skip
        super().__init__()
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout must be a probability in [0, 1], got {dropout}")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        directions = 2 if bidirectional else 1
        for layer in range(num_layers):
            columns = input_size if layer == 0 else hidden_size * directions
            for suffix in ("", "_reverse")[:directions]:
                shapes = {"weight_ih": (4 * hidden_size, columns), "weight_hh": (4 * hidden_size, hidden_size)}
                if bias:
                    shapes |= {"bias_ih": (4 * hidden_size,), "bias_hh": (4 * hidden_size,)}
                for name, shape in shapes.items():
                    empty = torch.empty(shape, device=device, dtype=dtype)
                    self.register_parameter(f"{name}_l{layer}{suffix}", nn.Parameter(empty))
        self.reset_parameters()

    def reset_parameters(self):
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
        Raises ValueError, naming both shapes, for an input or a state that does not fit.
        """
        if inputs.dim() not in (2, 3) or inputs.shape[-1] != self.input_size:
            raise ValueError(
                f"expected an input of 2 or 3 axes, the last of size {self.input_size}, got {tuple(inputs.shape)}"
            )
        batched = inputs.dim() == 3
        if not batched:
            inputs = inputs.unsqueeze(1)
            state = state and tuple(s.unsqueeze(1) for s in state)
        elif self.batch_first:
            inputs = inputs.transpose(0, 1)
        output, state = self._layers(inputs, self._check_state(inputs, state))
        if not batched:
            return output.squeeze(1), tuple(s.squeeze(1) for s in state)
        return (output.transpose(0, 1) if self.batch_first else output), state

    def _check_state(self, inputs, state):
        expected = len(self.all_weights), inputs.shape[1], self.hidden_size
        if state is None:
            return inputs.new_zeros(expected), inputs.new_zeros(expected)
        for name, tensor in zip(("h_0", "c_0"), state, strict=True):
            if tuple(tensor.shape) != expected:
                raise ValueError(f"expected {name} of shape {expected}, got {tuple(tensor.shape)}")
        return state

    def _layers(self, inputs, state):
        """inputs: (L, N, D)   ->   output: (L, N, directions * H), (h_n, c_n)"""
        directions = 2 if self.bidirectional else 1
        ends = []
        for layer in range(self.num_layers):
            if layer > 0:
                inputs = dropout(inputs, self.dropout, self.training)
            outputs = []
            for k in range(layer * directions, (layer + 1) * directions):
                backward = k % directions == 1
                start = state[0][k], state[1][k]
                output, end = scan(lstm_step, inputs.flip(0) if backward else inputs, start, self.all_weights[k])
                outputs.append(output.flip(0) if backward else output)
                ends.append(end)
            inputs = torch.cat(outputs, dim=-1)  # (L, N, directions * H)
        h_n, c_n = (torch.stack(tensors) for tensors in zip(*ends, strict=True))
        return inputs, (h_n, c_n)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        for name, default in {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
                              "bidirectional": False}.items():  # fmt: skip
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text
