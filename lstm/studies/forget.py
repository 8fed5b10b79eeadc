"""Why a fresh nn.LSTM names the key late: three suspects, measured and changed alone.

The task is that of the study `recall` at length 20, with 32 units. The suspects are the
forward trace of the key, the movement of the weights that read it, and its gradient.

N batch   L sequence length   D input size   H hidden size
"""

import copy
from functools import partial

import torch
from torch import nn
from torch.nn.functional import cross_entropy, linear

from lstm.data import Recall
from lstm.steps import scan
from lstm.studies import recall

LENGTH, UNITS, BUDGET = 20, 32, 1500
RATES, SEEDS = (2e-3, 5e-3), (0, 1, 2)
WATCHED = 0, 25, 50, 100, 200, 300  # updates
FRESH, CURED = "LSTM", "LSTM, forget bias 3"
NONE = (None,)
CHANGES = {  # change: {layer: by how much}
    "watch": dict.fromkeys(recall.LAYERS, NONE),
    "watch, any answer": dict.fromkeys(recall.LAYERS, NONE),
    "forget bias": {FRESH: (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)},
    "backward bias": {"LSTM, forget bias 0": (0.0, 3.0), CURED: (0.0, 3.0)},
    "trace": {FRESH: (1e1, 1e2, 1e3, 1e4, 1e5)},
    "gradient": {FRESH: (1e3,), CURED: (1e-3, 0.0)},
    "rate": {FRESH: (10.0,)},
    "held": {FRESH: NONE},
    "pairs": dict.fromkeys(("RNN", FRESH, "LSTM, forget bias 1", "GRU"), NONE),
    "SGD": dict.fromkeys(("RNN", FRESH, CURED), NONE),
}


class Pairs(Recall):
    """The task in batches in which all distractors stand after every key, in turn."""

    def batch(self, size, generator=None):
        """inputs: (N, L, D), one-hot; targets: (N); N a multiple of the keys"""
        inputs, _ = super().batch(size // self.keys, generator)
        return after_every_key(inputs, self.keys)


def points():
    """Every change, at its rates and amounts, from three seeds."""
    return [
        {"change": change, "layer": layer, "amount": amount, "lr": lr, "seed": seed}
        for change, layers in CHANGES.items()
        for layer, amounts in layers.items()
        for amount in amounts
        for lr in ((0.1, 1.0) if change == "SGD" else RATES)
        for seed in SEEDS
    ]


def measure(change, layer, amount, lr, seed):
    """Watch a network learn, or count its updates with one thing changed.

    ->   what `watch` returns; or `recall.updates_until`, and `trace` and `gradients`
    """
    task, model = Recall(LENGTH), make(layer, seed)
    if change.startswith("watch"):
        return watch(model, task, lr, seed, true=change == "watch")
    optimizer = torch.optim.Adam
    if change == "forget bias":
        recall.open_forget_gate(model.layer, amount)
    elif change == "backward bias":
        model.backward_bias = amount - float(layer.split()[-1])
    elif change == "trace":
        model.shown = amount
    elif change == "gradient":
        columns = slice(None), slice(task.keys)
        scale_gradient(model.layer.weight_ih_l0, columns, amount)
    elif change == "rate":
        model.key = amount
        with torch.no_grad():
            model.layer.weight_ih_l0[:, : task.keys] /= amount
    elif change == "held":
        hold_forget_gate(model.layer)
    elif change == "pairs":
        task = Pairs(LENGTH)
    elif change == "SGD":
        optimizer = torch.optim.SGD
    found = trace(model, Recall(LENGTH)) | gradients(model, task)
    learn = partial(recall.updates_until, optimizer=optimizer)
    return learn(model, task, lr, seed, budget=BUDGET) | found


def make(layer, seed):
    """The network of the study `recall` at a seed, open to the changes of this one."""
    torch.manual_seed(seed)
    return Network(recall.make(layer, Recall().input_size, UNITS), Recall().classes)


class Network(nn.Module):
    """Names the key from the last hidden state, with one thing at a time changed.

    shown: the head sees the key's trace so many times as large; no gradient changes
    key: the first input is multiplied by it
    backward_bias: the backward pass along the cell meets forget gates with so much more
    bias than those of the forward pass; None: torch's own layer runs
    """

    def __init__(self, layer, classes):
        super().__init__()
        self.layer, self.linear = layer, nn.Linear(layer.hidden_size, classes)
        self.shown, self.key, self.backward_bias = 1, 1, None

    def forward(self, inputs):
        """inputs: (N, L, D)   ->   scores: (N, C)"""
        return self.linear(self.last(inputs))

    def last(self, inputs):
        """inputs: (N, L, D)   ->   the last h, as the head sees it: (N, H)"""
        first, rest = inputs[:, :1], inputs[:, 1:]
        h = self.run(torch.cat([self.key * first, rest], dim=1))
        if self.shown == 1:
            return h
        with torch.no_grad():
            left = h - self.run(torch.cat([torch.zeros_like(first), rest], dim=1))
        return h + (self.shown - 1) * left

    def run(self, inputs):
        """inputs: (N, L, D)   ->   the last hidden state of the layer: (N, H)"""
        if self.backward_bias is None:
            return self.layer(inputs)[0][:, -1]
        zeros = inputs.new_zeros(len(inputs), self.layer.hidden_size)
        step = partial(two_way_step, backward_bias=self.backward_bias)
        weights = self.layer.all_weights[0]
        return scan(step, inputs.transpose(0, 1), (zeros, zeros), weights)[0][-1]


def two_way_step(x, state, w_ih, w_hh, b_ih, b_hh, backward_bias):
    """`lstm_step`, but the gradient of the old cell meets another forget gate.

    Its bias is higher by backward_bias. All values, and all other gradients, are those
    of `lstm_step`. Shapes as there.
    """
    h, c = state
    i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, dim=-1)
    back = (f + backward_bias).sigmoid().detach()
    kept = f.sigmoid() * c.detach() + back * (c - c.detach())  # the last is zero
    c = kept + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return h, c


def scale_gradient(weight, part, amount):
    """Multiply the gradient of a part of a weight, before it is clipped."""
    factors = torch.ones_like(weight)
    factors[part] = amount
    weight.register_hook(lambda gradient: gradient * factors)


def hold_forget_gate(layer):
    """Keep the weights and biases of an LSTM's forget gate as they are in training."""
    for weight in layer.parameters():
        scale_gradient(weight, slice(UNITS, 2 * UNITS), 0.0)  # i, f, g, o


def watch(model, task, lr, seed, true=True):
    """Train, and measure the suspects after some numbers of updates.

    true: whether the answers are; else each sequence is given its neighbour's
    ->   lists, a number for each of WATCHED: what `trace` and `gradients` return, and
    "moved", how far the key's columns have, at most
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    start, found = model.layer.weight_ih_l0.detach().clone(), []
    batches = task.batches(recall.BATCH, seed)
    for update in range(WATCHED[-1] + 1):
        if update in WATCHED:
            moved = (model.layer.weight_ih_l0 - start)[:, : task.keys].abs().max()
            measured = trace(model, task) | gradients(model, task)
            found.append(measured | {"moved": short(moved.item())})
        x, y = next(batches)
        optimizer.zero_grad()
        cross_entropy(model(x), y if true else y.roll(1)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return {name: [f[name] for f in found] for name in found[0]}


@torch.no_grad()
def trace(model, task, count=100):
    """How far the last hidden states lie apart that the head sees, as mean distances.

    ->   {"trace": same distractors, different keys; "spread": the same key, different
    distractors}, computed in 64-bit floats
    """
    model, inputs = copy.deepcopy(model).double(), every_key(task, count)[0].double()
    states = model.last(inputs).unflatten(0, (task.keys, count))
    pairs = [(a, b) for a in range(task.keys) for b in range(a)]
    apart = torch.stack([(states[a] - states[b]).norm(dim=-1) for a, b in pairs])
    spread = (states - states.roll(1, dims=1)).norm(dim=-1)
    return {"trace": short(apart.mean().item()), "spread": short(spread.mean().item())}


def every_key(task, count, seed=99):
    """Distractors after every key: inputs (keys * count, L, D); the keys."""
    inputs, _ = task.batch(count, torch.Generator().manual_seed(seed))
    return after_every_key(inputs, task.keys)


def after_every_key(inputs, keys):
    """inputs: (N, L, D)   ->   the same with every key, (keys * N, L, D); the keys"""
    targets = torch.arange(keys).repeat_interleave(len(inputs))
    inputs = inputs.repeat(keys, 1, 1)
    inputs[:, 0] = torch.eye(inputs.shape[-1])[targets]
    return inputs, targets


def gradients(model, task, batches=10, count=100):
    """Sizes of gradients, of a batch and of what in them depends on the key.

    ->   {"key_gradient", "gradient": of the key's columns and of all weights, for one
    batch, as a root mean square over batches; "lesson": the gradient that is left when
    the mean over all answers is taken from that of the right answers, for all weights
    but the key's columns; "noise": how the same gradient varies from batch to batch}
    """
    model = copy.deepcopy(model).double()

    def gradient(loss):
        first, *others = torch.autograd.grad(loss, list(model.parameters()))
        key, shared = first.split([task.keys, task.input_size - task.keys], dim=1)
        rest = torch.cat([g.flatten() for g in (shared, *others)])
        return key.norm(), torch.hypot(key.norm(), rest.norm()), rest

    drawn = task.batches(recall.BATCH, seed=55)
    given = [next(drawn) for _ in range(batches)]
    found = [gradient(cross_entropy(model(x.double()), y)) for x, y in given]
    key, whole, shared = (torch.stack(f) for f in zip(*found, strict=True))

    inputs, keys = every_key(task, count)
    scores = model(inputs.double()).log_softmax(dim=-1)
    right = scores.gather(1, keys[:, None]).mean()
    lesson = gradient(scores.mean() - right)[2].norm()
    noise = (shared - shared.mean(dim=0)).norm(dim=1)
    sizes = {"key_gradient": key, "gradient": whole, "lesson": lesson, "noise": noise}
    return {n: short(s.square().mean().sqrt().item()) for n, s in sizes.items()}


def short(number):
    """A number with three digits, as a file needs it."""
    return float(f"{number:.3g}")
