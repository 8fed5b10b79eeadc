"""Roads back through time: the cell's alone against all, before and after training.

The whole is how every unit of the last carried state moves with every unit of an
earlier one: an LSTM's cell, a GRU's hidden state. Its direct part is what arrives by
the carried state's own road. Both are measured on passages of 400 symbols, up to 200
steps back, so that no distance reaches the first steps, which start from zeros.

L sequence length   N batch   H hidden size   V vocabulary size
"""

import copy
import math

import torch
from torch import nn
from torch.nn.functional import linear, one_hot
from torch.utils.data import DataLoader, TensorDataset

from lstm import data
from lstm.models import LanguageModel, open_forget_gate
from lstm.steps import gru_step, lstm_step
from lstm.training import TrainConfig, fit

LAYERS = "LSTM, forget bias 0", "LSTM, forget bias 1", "LSTM, forget bias 2", "GRU"
SEEDS = 0, 1, 2
UPDATES = 0, 200, 1000
DISTANCES = 1, 2, 5, 10, 20, 35, 50, 75, 100, 125, 150, 175, 200
UNITS, LENGTH, PASSAGES, WINDOW, BATCH = 64, 400, 8, 140, 32
SYMBOLS = 28


def points():
    """Four layers, fresh and after 200 and 1,000 updates, three seeds."""
    return [
        {"layer": layer, "updates": updates, "seed": seed}
        for updates in UPDATES
        for layer in LAYERS
        for seed in SEEDS
    ]


def make(layer, seed, units=UNITS):
    """A layer by its name in LAYERS; an LSTM's two forget biases sum to the number."""
    torch.manual_seed(seed)
    kind, _, bias = layer.partition(", forget bias ")
    made = getattr(nn, kind)(SYMBOLS, units)
    if bias:
        open_forget_gate(made, float(bias))
    return made


def passages(symbols, count, length, seed=0):
    """Random passages: one-hot inputs (L, N, V), and targets (L, N), a symbol later."""
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(len(symbols) - length - 1, (count,), generator=generator)
    indices = torch.stack([symbols[s : s + length + 1] for s in starts], dim=1)
    return one_hot(indices[:-1], SYMBOLS).float(), indices[1:]


def train(layer, symbols, updates, seed, lr=5e-3):
    """A language model on the layer, trained on windows of 140; every step's loss."""
    torch.manual_seed(seed)
    model = LanguageModel(layer).to(layer.weight_ih_l0.device)
    windows = TensorDataset(*data.windows(symbols, WINDOW))
    order = torch.Generator().manual_seed(seed)
    batches = DataLoader(windows, BATCH, shuffle=True, generator=order, drop_last=True)
    return model, fit(model, batches, TrainConfig(steps=updates, lr=lr)).losses


def jacobians(layer, inputs, reach, cut=False):
    """How the last carried state moves with that of 0, 1, ..., `reach` steps before.

    inputs: (L, N, V)   ->   (reach + 1, N, H, H), in float64
    The carried state is an LSTM's cell, a GRU's hidden state. With `cut`, an LSTM's
    hidden state is detached at every step, which leaves the cell's own road alone.
    """
    layer, inputs = copy.deepcopy(layer).double(), inputs.double()
    lead, rest = inputs.split([len(inputs) - reach - 1, reach + 1])
    count, units = inputs.shape[1], layer.hidden_size
    with torch.no_grad():
        _, state = layer(lead)
    state = state if isinstance(state, tuple) else (state,)
    # each passage H times: copy j asks for the gradient of unit j alone
    state = tuple(s[0].repeat_interleave(units, dim=0) for s in state)
    step, carried = lstm_step if len(state) == 2 else gru_step, []
    for x in rest.repeat_interleave(units, dim=1):
        if cut:
            state = (state[0].detach(), *state[1:])
        state = step(x, state, *layer.all_weights[0])
        carried.append(state[-1])
    one_unit_each = torch.eye(units).to(inputs).repeat(count, 1)
    gradients = torch.autograd.grad(carried[-1], carried, one_unit_each)
    return torch.stack(gradients[::-1]).view(-1, count, units, units).cpu()


@torch.no_grad()
def keeping_gates(layer, inputs):
    """Forget gates of an LSTM, update gates of a GRU: (L, N, H), in float64."""
    layer, inputs = copy.deepcopy(layer).double(), inputs.double()
    outputs, _ = layer(inputs)
    before = torch.cat([torch.zeros_like(outputs[:1]), outputs[:-1]])
    w_ih, w_hh, b_ih, b_hh = layer.all_weights[0]
    sums = linear(inputs, w_ih, b_ih) + linear(before, w_hh, b_hh)
    # the second of the stack in both: i, f, g, o and r, z, n
    return sums.chunk(len(w_hh) // layer.hidden_size, dim=-1)[1].sigmoid().cpu()


def direct(layer, inputs, reach):
    """The product of the keeping gates over 0, 1, ..., `reach` steps, as a diagonal.

    ->   (reach + 1, N, H, H): of an LSTM, what `jacobians` gives when it is `cut`
    """
    gates = keeping_gates(layer, inputs)[len(inputs) - reach :].flip(0)
    products = torch.cat([torch.ones_like(gates[:1]), gates.cumprod(dim=0)])
    return torch.diag_embed(products)


def size(matrices):
    """(..., H, H)   ->   (...): the Frobenius norm by the root of H: 1 for identity"""
    return torch.linalg.matrix_norm(matrices) / math.sqrt(matrices.shape[-1])


def sizes(whole, part):
    """Sizes of the whole, of its direct part, and of the rest as a share of the whole.

    whole, part: (distances, N, H, H)   ->   three series, means over the passages
    """
    rest = size(whole - part) / size(whole)
    return tuple(s.mean(dim=1) for s in (size(whole), size(part), rest))


def measure(layer, updates, seed):
    """Train a layer on the text of `lstm.data` and measure its roads at DISTANCES.

    ->   "whole", "direct", "rest": see `sizes`; "rank_one": the share of the whole's
    squared size that its first singular direction holds, 100 steps back; "keeps": the
    most persistent unit's mean gate; "loss": of the last 20 updates
    """
    text = data.load_text()
    symbols = data.Vocab(text).encode(text)
    made, losses = make(layer, seed), []
    if updates:
        model, losses = train(made, symbols, updates, seed)
        made = model.layer
    inputs, _ = passages(symbols, PASSAGES, LENGTH)
    whole = jacobians(made, inputs, DISTANCES[-1])
    named = "whole", "direct", "rest"
    series = sizes(whole, direct(made, inputs, DISTANCES[-1]))
    singular = torch.linalg.svdvals(whole[100]).square()
    gates = keeping_gates(made, inputs)[-DISTANCES[-1] :]
    return {
        name: [float(f"{values[d]:.3g}") for d in DISTANCES]
        for name, values in zip(named, series, strict=True)
    } | {
        "rank_one": round((singular[:, 0] / singular.sum(-1)).mean().item(), 4),
        "keeps": round(gates.log().mean(dim=(0, 1)).exp().max().item(), 4),
        "loss": round(sum(losses[-20:]) / 20, 3) if losses else None,
    }
