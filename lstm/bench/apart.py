"""What is measured in a process of its own: memory, and what torch.compile makes.

python -m lstm.bench.apart memory torch.nn.LSTM
python -m lstm.bench.apart compiled lstm.LSTM
"""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from lstm.bench import contestants as who
from lstm.bench.fast import measure
from lstm.bench.steps import TEXT

STATUS = Path("/proc/self/status")


def memory(name, length=1024):
    """How much more memory a forward and backward pass takes at its peak, in MB.

    None where the system does not tell: this is Linux's way.
    """
    short, long = (replace(TEXT, length=n) for n in (8, length))
    kinds = {name: who.LSTMS[name]}
    who.layer_passes(short, kinds, ladder=False)[name]()
    passes = who.layer_passes(long, kinds, ladder=False)
    if not STATUS.exists():
        return None
    STATUS.with_name("clear_refs").write_text("5")  # the peak begins anew
    before = told("VmRSS")
    passes[name]()
    return told("VmHWM") - before


def told(what):
    """A line of what Linux says of this process, in MB."""
    (line,) = (line for line in STATUS.read_text().splitlines() if what in line)
    return int(line.split()[1]) / 1024


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
