"""What a machine can do at best, where a layer's time goes, what an idea is worth.

N batch   L sequence length   D input size   H hidden size
"""

import time
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from lstm.bench import contestants as who
from lstm.bench.steps import TEXT, without_onednn
from lstm.fast import eager, operator, rungs

BATCHES = 1, 2, 4, 8, 16, 32, 64, 128, 256
PRODUCTS = {  # what multiplies matrices, or is a whole loop through time
    "aten::mm",
    "aten::addmm",
    "aten::mkldnn_rnn_layer",
    "aten::mkldnn_rnn_layer_backward",
    "mkldnn::_linear_pointwise",
    "lstm_book::lstm_forward",
    "lstm_book::lstm_backward",
    "lstm_book::transposed",
}
OPERATORS = "aten::", "mkldnn::", "lstm_book::"


def operations(shape=TEXT):
    """Multiplications and additions of a forward and backward pass of an LSTM layer.

    Each weight takes part three times for each vector: in the sums, in its own
    gradient, and, but those of the input, in the gradient of the state before.
    """
    D, H = shape.input_size, shape.hidden_size
    return 2 * 4 * H * (2 * (D + H) + H) * shape.length * shape.batch


def product_rate(size=1024, repeats=20):
    """Operations a second in the product of two square matrices: the best of some.

    By torch's product and by oneDNN's: which is the faster is a matter of who made the
    processor.
    """
    a, b = torch.randn(size, size), torch.randn(size, size)
    least = min(best(lambda: a @ b, repeats), best(lambda: eager.linear(a, b), repeats))
    return 2 * size**3 / least


def weights_rate(shape=TEXT, repeats=200):
    """Bytes a second at which the weights of a state (4H, H) come to a product.

    They are multiplied by a single vector, so that each is used once.
    """
    H = shape.hidden_size
    w, h = torch.randn(4 * H, H), torch.randn(H)
    return w.nbytes / best(lambda: w @ h, repeats)


def best(function, repeats):
    """The shortest time of some, in seconds."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def roofline(times, batches=None, shape=TEXT):
    """Operations a second, forward without gradients, beside what limits them.

    times: measures contestants, as in `lstm.bench.fast`
    A weight of 4 bytes makes two operations for each sequence of the batch.
    ->   {rate, bytes: of the machine, a second; points: {name: [[batch, rate]]}}
    """
    kinds = {name: who.LSTMS[name] for name in ("torch.nn.LSTM", "lstm.fast.LSTM")}
    points = {name: [] for name in kinds}
    D, H = shape.input_size, shape.hidden_size
    for batch in batches or BATCHES:
        sized = replace(shape, batch=batch)
        count = 2 * 4 * H * (D + H) * sized.length * batch
        for name, t in times(who.sequences(sized, kinds)).items():
            points[name].append([batch, 1e3 * count / t["median"]])
    return {"rate": product_rate(), "bytes": weights_rate(shape), "points": points}


def ways(shape=TEXT):
    """The last rung as it is, and with one of its ideas left out at a time.

    Beside them the rung by hand, whose products are oneDNN's, with torch's own.
    """
    _, x, slope = who.inputs(shape)
    weights = [*nn.LSTM(shape.input_size, shape.hidden_size).parameters()]
    engines, found = {}, operator.load()
    if found:
        without = {
            "by operator": {},
            "without room behind the rows": {"pad": 0},
            "without the input's product in the loop": {"few": 0},
            "without its own product for the gradients": {
                "transposed": lambda slopes, inputs: slopes.T @ inputs
            },
        }
        engines = {
            name: SimpleNamespace(**vars(found) | changed)
            for name, changed in without.items()
        }
    runs = {
        name: partial(rungs.by_hand, engine=engine)
        for name, engine in (engines | {"by hand": eager.EAGER}).items()
    }
    passes = {
        name: who.one_pass(who.of_rung(run, weights, shape), x, weights, slope)
        for name, run in runs.items()
    }
    return passes | {"by hand, without oneDNN": without_onednn(passes["by hand"])}


def shares(passes, repeats=20):
    """Where the time of passes goes, by torch's profiler, which adds a little itself.

    ->   {name: {products, other operations, between them}} in milliseconds
    """
    found = {}
    for name, run in passes.items():
        run()
        with profile(activities=[ProfilerActivity.CPU]) as seen:
            start = time.perf_counter()
            for _ in range(repeats):
                run()
            whole = 1e3 * (time.perf_counter() - start)
        events = [e for e in seen.key_averages() if e.key.startswith(OPERATORS)]
        own = {e.key: e.self_cpu_time_total / 1e3 for e in events}
        products = sum(own.get(key, 0) for key in PRODUCTS)
        inside = sum(own.values())
        parts = products, inside - products, max(whole - inside, 0)
        names = "products", "other operations", "between them"
        found[name] = {n: t / repeats for n, t in zip(names, parts, strict=True)}
    return found
