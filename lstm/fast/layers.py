"""`lstm.LSTM` and `lstm.GRU` with another way through time: the same, faster.

N batch   L sequence length   D input size   H hidden size

The fast way is taken on a CPU, in float32 and float64, by layers without projection.
Anywhere else the plain layer computes, by itself: under `torch.func`, forward-mode
differentiation, autocast, tracing and compiling, too. A gradient that is differentiated
again is computed by the plain equations.
"""

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import PackedSequence

from lstm import checks, layers
from lstm.fast import operator
from lstm.fast.eager import EAGER
from lstm.fast.through_time import through_time


class Fast(layers.RNNBase):
    """What the fast layers add: the way through time, and tokens for vectors."""

    def forward(self, input, hx=None, reset=None):
        """As the plain layer's; a lone step without gradients is one call."""
        alone = type(input) is Tensor and input.shape[:2] == (1, 1) and reset is None
        if alone and hx is not None and (found := self.one_step(input, hx)):
            return found
        return super().forward(input, hx, reset)

    def one_step(self, input, hx):
        """One step of one sequence, (1, 1, D); None where the operator has no way."""
        state = [*hx] if type(hx) in (tuple, list) else [hx]
        goes = not (
            torch.is_grad_enabled()
            or self.bidirectional
            or self.proj_size
            or (self.dropout and self.training)
            or any(type(s) is not Tensor for s in state)
        )
        engine = operator.load() if goes and undisturbed() else None
        if engine is None:
            return None
        step = engine.lstm_step if self.mode == "LSTM" else engine.gru_step
        found = step(input, state, [*self._parameters.values()], self.bias)
        if not found:
            return None
        output, *state = found
        return output, tuple(state) if self.mode == "LSTM" else state[0]

    def look_up(self, tokens, hx=None, reset=None):
        """As `forward` on the one-hot vectors of tokens, which are not made.

        tokens: int64, (L, N), or (N, L) if batch_first, or (L), or a PackedSequence
        A one-hot vector times the weights is a row of them, and the gradient is a sum
        of rows. Raises TypeError for what is not int64, IndexError for a token outside
        [0, D), else what `forward` raises.
        """
        packed = isinstance(tokens, PackedSequence)
        data = tokens.data if packed else tokens
        check_tokens(data, self.input_size)
        # what is checked is a vector for each token; this one takes no memory
        seen = self.weight_ih_l0.detach()[:1, :1].expand(*data.shape, self.input_size)
        checks.layer_call(
            self, PackedSequence(seen, *tokens[1:]) if packed else seen, hx
        )
        if hx is None:
            batch = [int(tokens.batch_sizes[0])] if packed else []
            if data.dim() == 2:
                batch = [data.shape[0 if self.batch_first else 1]]
            hx = tuple(seen.new_zeros(size) for size in self.state_sizes(*batch))
        column = data.unsqueeze(-1)
        inputs = PackedSequence(column, *tokens[1:]) if packed else column
        return self.along(inputs, hx, self.begins(inputs, reset))

    def run(self, inputs, state, weights, batch_sizes, reverse, begins):
        """One layer in one direction: the fast way where it leads, else the plain."""
        tokens = inputs.dtype == torch.int64
        goes = not self.proj_size and can_go(inputs, state, weights)
        engine = operator.load() if goes else None
        if goes and engine is None and batch_sizes is None:
            engine = EAGER
        if engine is None:
            if tokens:
                inputs = one_hot(inputs[..., 0], self.input_size).to(weights[0].dtype)
            return super().run(inputs, state, weights, batch_sizes, reverse, begins)
        sizes = tuple(batch_sizes or [inputs.shape[1]] * len(inputs))
        rows = inputs.flatten() if tokens else inputs.reshape(-1, inputs.shape[-1])
        outputs, state = through_time(
            engine, self.mode, rows, state, weights, sizes, reverse, begins
        )
        if batch_sizes is None:
            outputs = outputs.view(*inputs.shape[:2], -1)
        return outputs, state


class LSTM(Fast, layers.LSTM):
    """`lstm.LSTM`, faster on a CPU; see `lstm.fast.layers` for where."""


class GRU(Fast, layers.GRU):
    """`lstm.GRU`, faster on a CPU; see `lstm.fast.layers` for where."""


def check_tokens(tokens, size):
    """Check that tokens are numbers of rows."""
    found = getattr(tokens, "dtype", type(tokens).__name__)
    if found != torch.int64:
        raise TypeError(f"tokens should be a Tensor of int64, got: {found}")
    if tokens.numel() and not 0 <= tokens.min() <= tokens.max() < size:
        least, most = tokens.min().item(), tokens.max().item()
        raise IndexError(f"tokens should be in [0, {size}), got {least} to {most}")


def can_go(inputs, state, weights):
    """Whether the fast way computes what is asked for, of tensors as they are."""
    tensors = [t for t in (inputs, *state, *weights) if t is not None]
    return (
        undisturbed()
        and inputs.numel() > 0
        and weights[0].dtype in (torch.float32, torch.float64)
        and all(t.device.type == "cpu" and t.layout == torch.strided for t in tensors)
        and all(type(t) in (Tensor, torch.nn.Parameter) for t in tensors)
    )


def undisturbed():
    """Whether nobody traces, compiles, transforms or casts what is computed."""
    return (
        not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and not torch._C._are_functorch_transforms_active()  # as torch.autograd asks
        and forward_ad._current_level < 0
        and not torch.jit.is_tracing()
    )
