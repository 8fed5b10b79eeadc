"""What is measured in a process of its own: memory, and what torch.compile makes.

python -m lstm.bench.apart memory torch.nn.LSTM
python -m lstm.bench.apart compiled lstm.LSTM
"""

import json
import sys
import time
from dataclasses import replace

import torch

from lstm.bench import contestants as who
from lstm.bench.fast import measure
from lstm.bench.steps import TEXT


def memory(name, length=1024):
    """How much more memory a forward and backward pass takes at its peak, in MB."""
    import resource

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    short, long = (replace(TEXT, length=n) for n in (8, length))
    kinds = {name: who.LSTMS[name]}
    who.layer_passes(short, kinds, ladder=False)[name]()
    passes = who.layer_passes(long, kinds, ladder=False)
    before = peak()
    passes[name]()
    return peak() - before


def compiled(name):
    """How long it takes to compile a layer whole; its pass beside torch's own."""
    passes = who.layer_passes(kinds=who.LSTMS, ladder=False)
    layer = torch.compile(who.same_weights(who.LSTMS)[name])
    _, x, slope = who.inputs()
    passes["compiled"] = who.one_pass(
        lambda x: layer(x)[0], x, [*layer.parameters()], slope
    )
    start = time.perf_counter()
    passes["compiled"]()
    seconds = time.perf_counter() - start
    torchs = {key: passes[key] for key in ("torch.nn.LSTM", "compiled")}
    return {"seconds": seconds, "times": measure(torchs, rounds=5, seconds=0.2)}


if __name__ == "__main__":
    print(
        json.dumps({"memory": memory, "compiled": compiled}[sys.argv[1]](sys.argv[2]))
    )
