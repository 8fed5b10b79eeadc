"""Train any module on any iterable of batches; measure it; stop, keep and go on.

`engine` holds the loop. What it stands on has a file each: the settings (`config`), the
loss and the measures (`scoring`), what a run consists of and how it is kept (`state`,
`checkpoints`, `history`), several processes (`processes`), and the bar (`progress`).
"""

from lstm.training.checkpoints import load, load_weights, save
from lstm.training.config import TrainConfig
from lstm.training.engine import fit
from lstm.training.history import History, tensorboard
from lstm.training.keeping import locked
from lstm.training.processes import World, joined
from lstm.training.progress import progress
from lstm.training.scoring import Evaluation, evaluate, score

__all__ = [
    "Evaluation",
    "History",
    "TrainConfig",
    "World",
    "evaluate",
    "fit",
    "joined",
    "load",
    "load_weights",
    "locked",
    "progress",
    "save",
    "score",
    "tensorboard",
]
