"""torch.nn.LSTM and torch.nn.GRU from scratch: the same names, shapes and order, the same numbers.

N batch   L sequence length   D input size   H hidden size   P projection size, or H without one
K num_layers x directions

The public interface is torch's. What torch keeps for itself (`_flat_weights`, `check_forward_args`, TorchScript) is not
here. Under autocast our outputs keep the input's number type; torch's depend on the library that it calls.
"""

import math
import warnings
from functools import partial

import torch
from torch import nn
from torch.nn.functional import dropout
from torch.nn.utils.rnn import PackedSequence

from lstm import checks, shapes
from lstm.cells import gru_step, lstm_step, projected_lstm_step, scan, scan_packed


class RNNBase(nn.Module):
    """What LSTM and GRU share: layers, directions, dropout, and every form of input that torch takes."""

    mode: str

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, proj_size=0, device=None, dtype=None):  # fmt: skip
        super().__init__()
        parameters = shapes.parameters(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
                                       proj_size, kind=self.mode)  # fmt: skip
        self.input_size, self.hidden_size = input_size, hidden_size
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional = float(dropout), bidirectional
        self.proj_size = proj_size
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"dropout={dropout} acts between layers, and there is one (num_layers=1)",
                stacklevel=2 if self.mode == "LSTM" else 3,
            )
        for shape in parameters:
            empty = torch.empty(shape.sizes, device=device, dtype=dtype)
            self.register_parameter(shape.name, nn.Parameter(empty))
        self._names = [shape.name for shape in parameters]
        self.reset_parameters()

    def reset_parameters(self):
        """Draw all parameters anew, from uniform(-1/sqrt(H), 1/sqrt(H)), in torch's order."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self):
        """Do nothing: on a GPU, torch.nn.LSTM joins its weights in memory here; ours are used as they lie."""

    @property
    def all_weights(self):
        """A list [w_ih, w_hh(, b_ih, b_hh)(, w_hr)] for each layer and direction."""
        return self._weights()

    def _weights(self):
        weights = [getattr(self, name) for name in self._names]
        each = len(weights) // (self.num_layers * self._directions)
        return [weights[n : n + each] for n in range(0, len(weights), each)]

    @property
    def _directions(self):
        """2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    def forward(self, input, hx=None):
        """input: (L, N, D), or (N, L, D) if batch_first, or (L, D), or a PackedSequence
        hx: the state before the first step, as the class says; zeros if it is not given

        ->   output: (L, N, directions * P), or as the input has its axes; the last state
        Raises what torch raises, naming what was given and expected: see `lstm.checks`.
        """
        checks.layer_input(self, input)
        if isinstance(input, PackedSequence):
            data, batch_sizes, order, back = input
            batch_sizes = batch_sizes.tolist()
            state = permute(self._state(hx, data, batch_sizes[0], packed=True), order)
            output, state = self._layers(data, state, batch_sizes)
            packed = PackedSequence(output, *input[1:])
            return packed, self._hand_back(permute(state, back))
        if input.dim() == 2:
            state = tuple(s.unsqueeze(1) for s in self._state(hx, input))
            output, state = self._layers(input.unsqueeze(1), state)
            state = tuple(s.squeeze(1) for s in state)
            return output.squeeze(1), self._hand_back(state)
        inputs = input.transpose(0, 1) if self.batch_first else input
        output, state = self._layers(inputs, self._state(hx, inputs, inputs.shape[1]))
        output = output.transpose(0, 1) if self.batch_first else output
        return output, self._hand_back(state)

    def _state(self, hx, inputs, *batch, packed=False):
        """The state before the first step as a tuple of tensors, (K, N, ...), or (K, ...) without a batch."""
        sizes = self._state_sizes(*batch)
        if hx is None:
            return tuple(inputs.new_zeros(size) for size in sizes)
        state = self._take(hx, packed)
        checks.layer_state(state, sizes, inputs)
        return state

    def _layers(self, inputs, state, batch_sizes=None):
        """inputs: (L, N, D), or packed, with batch_sizes   ->   output; the last state"""
        run = partial(scan_packed, batch_sizes=batch_sizes) if batch_sizes else scan
        all_weights, ends = self._weights(), []
        for layer in range(self.num_layers):
            if layer > 0:
                inputs = dropout(inputs, self.dropout, self.training)
            outputs = []
            for reverse in (False, True)[: self._directions]:
                k = len(ends)
                start = tuple(s[k] for s in state)
                w_ih, w_hh, *others = all_weights[k]
                biases = [] if self.bias else [None, None]
                weights = [w_ih, w_hh, *biases, *others]
                output, end = run(self._step, inputs, start, weights, reverse=reverse)
                outputs.append(output)
                ends.append(end)
            inputs = torch.cat(outputs, dim=-1)  # (L, N, directions * P)
        return inputs, tuple(torch.stack(s) for s in zip(*ends, strict=True))

    def extra_repr(self):
        """The arguments that are not at their defaults, as torch shows them."""
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False,
                    "dropout": 0.0, "bidirectional": False}  # fmt: skip
        for name, default in defaults.items():
            value = getattr(self, name)
            if value is not default if isinstance(default, bool) else value != default:
                text += f", {name}={value}"
        return text


class LSTM(RNNBase):
    """An LSTM of one or more layers and one or two directions, equal to torch.nn.LSTM.

    Parameters of layer k: weight_ih_l{k} (4H, D, or directions * P for k > 0), weight_hh_l{k} (4H, P), bias_ih_l{k} and
    bias_hh_l{k} (4H), with proj_size weight_hr_l{k} (P, H); the reverse direction's end in `_reverse`.
    The state is a pair (h_0, c_0), (K, N, P) and (K, N, H), without N for an input without batch.
    Source: Hochreiter & Schmidhuber (1997), Gers et al. (2000), Sak et al. (2014) for the projection.
    """

    mode = "LSTM"
    _take = staticmethod(checks.pair)
    _hand_back = staticmethod(tuple)

    @property
    def _step(self):
        """The equations of one step."""
        return projected_lstm_step if self.proj_size else lstm_step

    def _state_sizes(self, *batch):
        """The sizes of h_0 and c_0."""
        layers = self.num_layers * self._directions
        h = (layers, *batch, self.proj_size or self.hidden_size)
        return h, (layers, *batch, self.hidden_size)


class GRU(RNNBase):
    """A GRU of one or more layers and one or two directions, equal to torch.nn.GRU.

    Parameters as the LSTM's, with 3H for 4H and without projection. The state is one tensor h_0, (K, N, H).
    Source: Cho et al. (2014), with the reset gate applied after the product.
    """

    mode = "GRU"
    _step = staticmethod(gru_step)
    _take = staticmethod(checks.one)

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, device=None, dtype=None, *, proj_size=None):  # fmt: skip
        if proj_size is not None:
            raise ValueError("only an LSTM has a projection: proj_size is no GRU's")
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
                         device=device, dtype=dtype)  # fmt: skip

    def _state_sizes(self, *batch):
        """The size of h_0, in a tuple."""
        return ((self.num_layers * self._directions, *batch, self.hidden_size),)

    @staticmethod
    def _hand_back(state):
        """The state as torch gives it: one tensor."""
        return state[0]


def permute(state, order):
    """Put the batch axis of a state into another order; None leaves it."""
    if order is None:
        return state
    return tuple(tensor.index_select(1, order) for tensor in state)
