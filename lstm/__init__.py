"""lstm: recurrent layers from scratch, equal to PyTorch's, and what a book about them needs.

`lstm.d2l` and `lstm.plotting`, `lstm.diagrams` are imported by name, where they are used: they need more than torch.
"""

from lstm import data, shapes
from lstm.cells import gru_step, lstm_step, rnn_step, scan
from lstm.convert import from_torch, to_torch
from lstm.layers import LSTM
from lstm.models import LanguageModel, SequenceClassifier, SequenceTagger, generate
from lstm.scratch import get_lstm_params, init_lstm_state, lstm
from lstm.tables import Table
from lstm.training import (
    Evaluation,
    TrainConfig,
    evaluate,
    fit,
    full_precision,
    load_checkpoint,
    pick_device,
    save_checkpoint,
    score,
)

__version__ = "0.1.0"
__all__ = [
    "LSTM",
    "Evaluation",
    "LanguageModel",
    "SequenceClassifier",
    "SequenceTagger",
    "Table",
    "TrainConfig",
    "data",
    "evaluate",
    "fit",
    "from_torch",
    "full_precision",
    "generate",
    "get_lstm_params",
    "gru_step",
    "init_lstm_state",
    "load_checkpoint",
    "lstm",
    "lstm_step",
    "pick_device",
    "rnn_step",
    "save_checkpoint",
    "scan",
    "score",
    "shapes",
    "to_torch",
]
