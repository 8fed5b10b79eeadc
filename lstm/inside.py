"""Inside a trained language model: its gates and states, and what they keep track of.

N batch   L length of a text   H hidden size   V vocabulary size

All is computed by the book's own equations, without dropout, for a `LanguageModel` on
an LSTM, torch's or ours, of one or more layers. A text starts from the zero state.
"""

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch.nn.functional import cross_entropy, one_hot

from lstm.backward import lstm_step_saving

VOWELS, QUOTES = "aeiouAEIOU", "'\""


@dataclass(frozen=True)
class Recording:
    """Gates and states after each symbol: (layers, L, H), or (layers, N, L, H)."""

    i: torch.Tensor  # input gate
    f: torch.Tensor  # forget gate
    g: torch.Tensor  # candidate
    o: torch.Tensor  # output gate
    c: torch.Tensor  # cell
    h: torch.Tensor  # hidden state


@torch.no_grad()
def record(model, symbols, held=None):
    """Read a text, or N of them, and keep every gate and state of every layer.

    symbols: (L), or (N, L)   held: units that are held, see `at_mean`
    Raises ValueError for a layer that is no LSTM, has two directions or a projection.
    """
    layers = run(model, one_hots(model, symbols.reshape(-1, symbols.shape[-1])), held)
    shape = len(layers), *symbols.shape, model.layer.hidden_size
    kinds = (torch.stack(kind) for kind in zip(*layers, strict=True))
    return Recording(*(kind.transpose(1, 2).reshape(shape) for kind in kinds))


def run(model, vectors, held=None):
    """vectors: (L, N, V)   ->   for each layer i, f, g, o, c, h, each (L, N, H)"""
    layer, found = model.layer, []
    if layer.mode != "LSTM" or layer.bidirectional or layer.proj_size:
        raise ValueError(f"expected an LSTM of one direction, unprojected, got {layer}")
    for n, weights in enumerate(layer.all_weights):
        found.append(run_layer(vectors, weights, (held or {}).get(n)))
        vectors = found[-1][-1]
    return found


def run_layer(inputs, weights, held=None):
    """inputs: (L, N, D)   held: (units, their h, their c), put back after every step"""
    zeros = inputs.new_zeros(inputs.shape[1], weights[1].shape[1])
    state, kept = (zeros, zeros), []
    for x in inputs:
        state, (_, *gates, _) = lstm_step_saving(x, state, *weights)
        if held:
            units, *values = held
            for tensor, value in zip(state, values, strict=True):
                tensor[:, units] = value
        kept.append((*gates, *reversed(state)))
    return [torch.stack(steps) for steps in zip(*kept, strict=True)]


def one_hots(model, symbols):
    """symbols: (N, L)   ->   (L, N, V), as the model's weights are"""
    weight = model.linear.weight
    return one_hot(symbols.T.to(weight.device), model.layer.input_size).to(weight)


# What a unit keeps track of


def features(text):
    """What can be told of each letter, the letters before it and the next: {name: (L)}.

    What a text has none of is left out. The mark that opens a quotation or a bracket is
    inside, the one that closes it outside; brackets in brackets count 2, and so on.
    """
    found = {
        "place in word": since(text, lambda s: not s.isalpha()),
        "vowel": [s in VOWELS for s in text],
        "last of word": [
            s.isalpha() and not after.isalpha()
            for s, after in zip(text, text[1:] + " ", strict=True)
        ],
        "capital": [s.isupper() for s in text],
        "place in line": since(text, lambda s: s == "\n") if "\n" in text else [],
        "in quotes": in_quotes(text),
    }
    for a, b in ("()", "[]", "{}"):
        found[f"in {a}{b}"] = list(accumulate((s == a) - (s == b) for s in text))
    return {
        name: torch.tensor(values, dtype=torch.float32)
        for name, values in found.items()
        if len(set(values)) > 1
    }


def since(text, begins):
    """How many letters ago the last one was with which something begins; 0 at it."""
    counts, count = [], 0
    for symbol in text:
        count = 0 if begins(symbol) else count + 1
        counts.append(count)
    return counts


def in_quotes(text):
    """Which letters stand in quotation marks, single or double; apostrophes are none.

    An empty line ends a quotation: when a speech goes on, the next paragraph opens it.
    """
    opened, found = None, []
    for before, s, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if opened is None:
            opens = s in QUOTES and not before.isalnum() and not after.isspace()
            opened = s if opens else None
        elif before == s == "\n" or (s == opened and not after.isalnum()):
            opened = None
        found.append(opened is not None)
    return found


def correlations(values, feature):
    """Pearson's r of every unit with a feature; 0 for what is constant.

    values: (L, H)   feature: (L)   ->   (H)
    """
    values, feature = values.double(), feature.to(values.device).double()
    values, feature = values - values.mean(dim=0), feature - feature.mean()
    return feature @ values / (feature.norm() * values.norm(dim=0)).clamp(min=1e-9)


def find_unit(values, feature, cut):
    """Search all units on the first `cut` letters, and test the best one on the rest.

    values: (L, H)   feature: (L)   ->   its number, r where it was found, r on the rest
    """
    found = correlations(values[:cut], feature[:cut])
    unit = found.abs().argmax().item()
    [r] = correlations(values[cut:, [unit]], feature[cut:]).tolist()
    return unit, found[unit].item(), r


def linear_probe(values, feature, cut, ridge=1.0):
    """Fit a feature as a weighted sum of all units, on the first `cut` letters.

    values: (L, H)   feature: (L)   ->   the sum at every letter: (L)
    ridge: what the squared weights cost, for units scaled to variance 1
    """
    values, feature = values.double(), feature.to(values.device).double()
    shown = values[:cut]
    values = (values - shown.mean(dim=0)) / shown.std(dim=0).clamp(min=1e-9)
    mean, units = feature[:cut].mean(), values.shape[1]
    # least squares on further rows, one a unit, which ask for a weight of zero
    rows = torch.cat([values[:cut], ridge**0.5 * torch.eye(units).to(values)])
    wanted = torch.cat([feature[:cut] - mean, values.new_zeros(units)])
    return values @ torch.linalg.lstsq(rows, wanted[:, None]).solution[:, 0] + mean


# What happens without it


def at_mean(recording, units, layer=0, where=...):
    """Hold units of a layer at their mean h and c, for `record` and `losses`.

    where: a mask, (L) or (N, L), if the mean is not to be over all places
    """
    states = recording.h[layer][where], recording.c[layer][where]
    means = (state[..., units].flatten(0, -2).mean(dim=0) for state in states)
    return {layer: (units, *means)}


@torch.no_grad()
def losses(model, symbols, held=None):
    """Cross entropy, in nats, of every symbol but the first, given those before it.

    symbols: (L), or (N, L)   ->   (L - 1), or (N, L - 1)   held: see `at_mean`
    """
    scores = model.linear(record(model, symbols[..., :-1], held).h[-1])
    targets = symbols[..., 1:].to(scores.device)
    losses = cross_entropy(scores.flatten(0, -2), targets.flatten(), reduction="none")
    return losses.view(targets.shape)


# How far back


def time_constants(f):
    """In how many steps a cell's content falls to 1/e, by its forget gates alone.

    f: (..., L, H)   ->   (..., H): -1 / mean of log f, for gates act as a product
    """
    return -1 / f.log().mean(dim=-2)


def predictions(model, vectors):
    """vectors: (L, N, V)   ->   log-probabilities of the next symbol: (N, V)"""
    return model.linear(run(model, vectors)[-1][-1][-1]).log_softmax(dim=-1)


def influence_by_gradient(model, texts):
    """How the log-probability of each text's last symbol moves with those before it.

    texts: (N, L)   ->   (L - 1): norms of the gradients with respect to the one-hot
    vectors, means over the texts; first the nearest symbol, 1 step back
    """
    vectors = one_hots(model, texts[:, :-1]).requires_grad_()
    last = texts[:, -1:].to(vectors.device)
    total = predictions(model, vectors).gather(1, last).sum()
    [gradient] = torch.autograd.grad(total, vectors)
    return gradient.norm(dim=-1).mean(dim=1).flip(0)


@torch.no_grad()
def influence_by_replacement(model, texts, distances, draws=3):
    """How the prediction of each text's last symbol moves if another is replaced.

    texts: (N, L)   distances: steps back, 1 is the nearest   ->   one number for each:
    the Kullback-Leibler divergence, in nats, from the new prediction to the old, mean
    over texts and draws. The new symbol is that of another text, so that frequent ones
    are frequent; where it is the same, nothing is counted. Raises ValueError for
    distances outside the texts, and for as many draws as there are texts.
    """
    count, length = texts.shape
    if not (draws < count and all(0 < d < length for d in distances)):
        given = f"{draws} draws, distances {list(distances)}"
        raise ValueError(f"too many or too far for {count} texts of {length}: {given}")
    vectors, means = one_hots(model, texts[:, :-1]), []
    old = predictions(model, vectors)
    for distance in distances:
        found = []
        for draw in range(1, draws + 1):
            changed = vectors.clone()
            changed[-distance] = vectors[-distance].roll(draw, dims=0)
            new = (changed[-distance] != vectors[-distance]).any(dim=-1)
            kl = (old.exp() * (old - predictions(model, changed))).sum(dim=-1)
            found.append(kl[new])
        means.append(torch.cat(found).mean().item())
    return means
