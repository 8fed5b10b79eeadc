"""The layers once more, faster: same arguments, parameters, results and errors.

`LSTM` and `GRU` stand in for `lstm.LSTM` and `lstm.GRU`, and so for torch's. What they
compute they compute by `through_time`, with an operator in C++, or without a compiler
in plain PyTorch. `rungs` holds the steps from the notes' loop to there, one by one.
"""

from lstm.fast.layers import GRU, LSTM
from lstm.fast.rungs import RUNGS

__all__ = ["GRU", "LSTM", "RUNGS"]
