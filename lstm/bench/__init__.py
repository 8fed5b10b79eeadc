"""Speeds, measured side by side; what was measured lies in lstm/results/.

`steps`: the training steps of the chapters' models. `fast`: the way from the notes'
loop to `lstm.fast`, and who else offers to be quick. `reset`: the price of beginning
anew in mid-batch.
"""

from lstm.bench import fast, limits, reset, steps
from lstm.bench.steps import committed, machine, results, run, save

__all__ = [
    "committed",
    "fast",
    "limits",
    "machine",
    "reset",
    "results",
    "run",
    "save",
    "steps",
]
