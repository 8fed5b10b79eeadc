"""torch.nn.LSTM and torch.nn.GRU from scratch: same names, shapes, order and numbers.

N batch   L sequence length   D input size   H hidden size
P projection size, or H without one   K num_layers * directions

The public interface is torch's. What torch keeps for itself (`_flat_weights`,
`check_forward_args`, TorchScript) is not here. Under autocast our outputs keep the
input's number type; torch's depend on the library that it calls.
"""

import math
import warnings

import torch
from torch import nn
from torch.nn.functional import dropout
from torch.nn.utils.rnn import PackedSequence

from lstm import checks, shapes
from lstm.steps import (
    gru_step,
    lstm_step,
    projected_lstm_step,
    scan,
    scan_packed,
    scan_reset,
)


class RNNBase(nn.Module):
    """What LSTM and GRU share: layers, directions, dropout, all of torch's inputs.

    Their own: `mode`, `state_sizes`, and `step`, the equations.
    """

    mode: str

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        proj_size=0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        sizes = input_size, hidden_size, num_layers
        others = bias, batch_first, dropout, bidirectional, proj_size
        parameters = shapes.parameters(*sizes, *others, kind=self.mode)
        self.input_size, self.hidden_size, self.num_layers = sizes
        self.bias, self.batch_first, _, self.bidirectional, self.proj_size = others
        self.dropout = float(dropout)
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so "
                "non-zero dropout expects num_layers greater than 1, but got "
                f"dropout={dropout} and num_layers={num_layers}",
                stacklevel=2 if self.mode == "LSTM" else 3,  # a GRU passes it on
            )
        for shape in parameters:
            empty = torch.empty(shape.sizes, device=device, dtype=dtype)
            self.register_parameter(shape.name, nn.Parameter(empty))
        names = [shape.name for shape in parameters]
        each = len(names) // (num_layers * self.directions)
        self.weight_names = [names[n : n + each] for n in range(0, len(names), each)]
        self.reset_parameters()

    def reset_parameters(self):
        """Draw all parameters anew from uniform(-1/sqrt(H), 1/sqrt(H)), like torch."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self):
        """Do nothing: torch joins the weights on a GPU; ours are used as they lie."""

    @property
    def all_weights(self):
        """A list [w_ih, w_hh(, b_ih, b_hh)(, w_hr)] for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self.weight_names]

    @property
    def directions(self):
        """2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    def forward(self, input, hx=None, reset=None):
        """input: (L, N, D), or (N, L, D) if batch_first, or (L, D), or a PackedSequence
        hx: the state before the first step, as the class says; zeros if it is not given
        reset: bool, with the input's axes but the last; true where a sequence begins,
        which it does with zeros: before that step the state is forgotten (chapter 15)

        ->   output: (L, N, directions * P), or with the input's axes; the last state
        Raises what torch raises, naming what was given and expected: see `lstm.checks`.
        """
        checks.layer_call(self, input, hx)
        return self.along(input, hx, self.begins(input, reset))

    def begins(self, input, reset):
        """Check a reset and bring it into the order (L, N); None if nothing is true."""
        if reset is not None:
            checks.layer_reset(self, input, reset)
        if reset is None or not reset.any():
            return None
        turned = self.batch_first and reset.dim() == 2
        return reset.T if turned else reset.view(len(reset), -1)

    def along(self, input, hx, begins):
        """Bring every form of input into one, run the layers, and bring it back."""
        if isinstance(input, PackedSequence):
            data, batch_sizes, order, back = input
            batch_sizes = batch_sizes.tolist()
            state = permute(self.first_state(hx, data, batch_sizes[0]), order)
            output, state = self.run_layers(data, state, batch_sizes)
            output, state = PackedSequence(output, *input[1:]), permute(state, back)
        elif input.dim() == 2:
            state = tuple(s.unsqueeze(1) for s in self.first_state(hx, input))
            output, state = self.run_layers(input.unsqueeze(1), state, None, begins)
            output, state = output.squeeze(1), tuple(s.squeeze(1) for s in state)
        else:
            inputs = input.transpose(0, 1) if self.batch_first else input
            state = self.first_state(hx, inputs, inputs.shape[1])
            output, state = self.run_layers(inputs, state, None, begins)
            output = output.transpose(0, 1) if self.batch_first else output
        return output, state if len(state) == 2 else state[0]

    def first_state(self, hx, inputs, *batch):
        """The state before the first step, as a tuple: what is given, or zeros."""
        if hx is None:
            return tuple(inputs.new_zeros(size) for size in self.state_sizes(*batch))
        return tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)

    def run_layers(self, inputs, state, batch_sizes=None, begins=None):
        """inputs: (L, N, D), or packed, with batch_sizes   ->   output; last state"""
        all_weights, ends = self.all_weights, []
        for layer in range(self.num_layers):
            if layer > 0:
                inputs = dropout(inputs, self.dropout, self.training)
            outputs = []
            for reverse in (False, True)[: self.directions]:
                k = len(ends)
                start = tuple(s[k] for s in state)
                w_ih, w_hh, *others = all_weights[k]
                biases = [] if self.bias else [None, None]
                weights = [w_ih, w_hh, *biases, *others]
                how = batch_sizes, reverse, begins
                output, end = self.run(inputs, start, weights, *how)
                outputs.append(output)
                ends.append(end)
            # (L, N, directions * P)
            inputs = torch.cat(outputs, dim=-1) if len(outputs) > 1 else outputs[0]
        return inputs, tuple(torch.stack(s) for s in zip(*ends, strict=True))

    def run(self, inputs, state, weights, batch_sizes, reverse, begins):
        """One layer in one direction: `lstm.scan`, or packed, or begun anew."""
        if batch_sizes is not None:
            return scan_packed(self.step, inputs, state, weights, batch_sizes, reverse)
        if begins is not None:
            return scan_reset(self.step, inputs, state, weights, begins)
        return scan(self.step, inputs, state, weights, reverse)

    def extra_repr(self):
        """The arguments that are not at their defaults, as torch shows them."""
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False}
        defaults |= {"dropout": 0.0, "bidirectional": False}
        for name, default in defaults.items():
            value = getattr(self, name)
            if value is not default if isinstance(default, bool) else value != default:
                text += f", {name}={value}"
        return text


class LSTM(RNNBase):
    """An LSTM of one or more layers and one or two directions, equal to torch.nn.LSTM.

    Parameters of layer k: weight_ih_l{k} (4H, D, or directions * P for k > 0),
    weight_hh_l{k} (4H, P), bias_ih_l{k} and bias_hh_l{k} (4H), and with proj_size
    weight_hr_l{k} (P, H); the reverse direction's names end in `_reverse`.
    The state is a pair (h_0, c_0), (K, N, P) and (K, N, H), without N for an input
    without batch.
    Source: Hochreiter & Schmidhuber (1997), Gers et al. (2000), and for the projection
    Sak et al. (2014).
    """

    mode = "LSTM"

    @property
    def step(self):
        """The equations of one step."""
        return projected_lstm_step if self.proj_size else lstm_step

    def state_sizes(self, *batch):
        """The sizes of h_0 and c_0, for a batch (N), or none."""
        layers = self.num_layers * self.directions
        h = (layers, *batch, self.proj_size or self.hidden_size)
        return h, (layers, *batch, self.hidden_size)


class GRU(RNNBase):
    """A GRU of one or more layers and one or two directions, equal to torch.nn.GRU.

    Arguments and parameters as the LSTM's, with 3H for 4H and without projection.
    The state is one tensor h_0, (K, N, H), without N for an input without batch.
    Source: Cho et al. (2014), with the reset gate applied after the product.
    """

    mode = "GRU"
    step = staticmethod(gru_step)

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError(f"{checks.LSTM_ONLY}, got {kwargs['proj_size']!r}")
        super().__init__(*args, **kwargs)

    def state_sizes(self, *batch):
        """The size of h_0, for a batch (N), or none; in a tuple."""
        return ((self.num_layers * self.directions, *batch, self.hidden_size),)


def permute(state, order):
    """Put the batch axis of a state into another order; None leaves it."""
    if order is None:
        return state
    return tuple(tensor.index_select(1, order) for tensor in state)
