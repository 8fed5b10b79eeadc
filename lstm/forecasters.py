"""Networks that forecast several steps, each handed its recurrent layer.

N windows   L past steps   M steps ahead   D values measured   E values known beforehand
G values that never change   Q outputs at each step   H hidden size

All read (past, future, static), as `lstm.data.Windows.inputs` gives them, and answer
(N, M, Q), or (N, M) where Q is 1.
"""

import torch
from torch import nn

from lstm.models import features, run


def with_static(vectors, static):
    """Put what never changes beside every step: (N, L, D)   ->   (N, L, D + G)"""
    wide = static[:, None].expand(-1, vectors.shape[1], -1)
    return torch.cat([vectors, wide], dim=-1)


def fits(layer, size):
    """Raise ValueError if a layer reads vectors of another size."""
    if layer.input_size != size:
        raise ValueError(f"expected a layer of input size {size}, got {layer!r}")


class DirectForecaster(nn.Module):
    """All steps ahead at once, from the state at the last past step.

    layer: reads D + G   ahead: M   known: E   static: G   outputs: Q
    The linear layer sees all that is known of the steps ahead, M * E numbers.
    """

    def __init__(self, layer, ahead, known, static=0, outputs=1):
        super().__init__()
        self.layer, self.shape = layer, (ahead, outputs)
        self.linear = nn.Linear(
            features(layer) + ahead * known + static, ahead * outputs
        )

    def forward(self, inputs):
        past, future, static = inputs
        output, _ = run(self.layer, with_static(past, static))
        seen = torch.cat([output[:, -1], future.flatten(1), static], dim=1)
        return self.linear(seen).view(-1, *self.shape).squeeze(-1)


class SequenceForecaster(nn.Module):
    """One layer reads the past; another goes on from its state, a step at a time.

    encoder: reads D + G   decoder: reads E + G, starts from the encoder's last state
    Sutskever et al. (2014), but the decoder is not handed its own last answer.
    """

    def __init__(self, encoder, decoder, outputs=1):
        super().__init__()
        sizes = [(x.num_layers, x.hidden_size) for x in (encoder, decoder)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"encoder and decoder hand over a state: expected equal layers and "
                f"units, got {sizes[0]} and {sizes[1]}"
            )
        self.encoder, self.decoder = encoder, decoder
        self.linear = nn.Linear(features(decoder), outputs)

    def forward(self, inputs):
        past, future, static = inputs
        _, state = run(self.encoder, with_static(past, static))
        output, _ = run(self.decoder, with_static(future, static), state)
        return self.linear(output).squeeze(-1)


class RecursiveForecaster(nn.Module):
    """One step ahead, again and again: each answer is read as if it had been measured.

    layer: reads 1 + E + G, the series' value and what is known of the step to come
    It adds its answer to the last value: with weights of zero it is persistence.
    The past is (N, L, 1 + E): the value, and then what was known of its own step.
    """

    def __init__(self, layer):
        super().__init__()
        self.layer, self.linear = layer, nn.Linear(features(layer), 1)

    def forward(self, inputs):
        past, future, static = inputs
        fits(self.layer, 1 + future.shape[-1] + static.shape[-1])
        # at each step: the value there, and what is known of the next one
        known = torch.cat([past[:, 1:, 1:], future[:, :1]], dim=1)
        vectors = torch.cat([past[:, :, :1], known], dim=-1)
        output, state = run(self.layer, with_static(vectors, static))
        value = past[:, -1, :1] + self.linear(output[:, -1])
        answers = [value]
        for n in range(1, future.shape[1]):
            vector = torch.cat([value, future[:, n]], dim=-1)[:, None]
            output, state = run(self.layer, with_static(vector, static), state)
            value = value + self.linear(output[:, -1])
            answers.append(value)
        return torch.cat(answers, dim=1)
