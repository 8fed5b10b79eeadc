"""Recurrent layers from scratch, equal to PyTorch's, and what a book on them needs.

`lstm.figures` and `lstm.d2l` are imported by name, where they are used: they need more
than torch.
"""

from lstm import data, pieces, shapes
from lstm.cells import GRUCell, LSTMCell
from lstm.convert import from_keras, from_torch, gru_to_torch, to_keras, to_torch
from lstm.devices import full_precision, pick_device
from lstm.layers import GRU, LSTM
from lstm.models import LanguageModel, SequenceClassifier, SequenceTagger, generate
from lstm.outside import export_onnx
from lstm.scratch import (
    get_gru_params,
    get_lstm_params,
    init_gru_state,
    init_lstm_state,
    scratch_gru,
    scratch_lstm,
)
from lstm.steps import (
    gru_step,
    gru_step_reset_before,
    lstm_step,
    projected_lstm_step,
    rnn_step,
    scan,
    scan_packed,
    scan_reset,
)
from lstm.tables import Table
from lstm.training import Evaluation, History, TrainConfig, evaluate, fit, score

__version__ = "0.1.0"
__all__ = [
    "GRU",
    "LSTM",
    "Evaluation",
    "GRUCell",
    "History",
    "LSTMCell",
    "LanguageModel",
    "SequenceClassifier",
    "SequenceTagger",
    "Table",
    "TrainConfig",
    "data",
    "evaluate",
    "export_onnx",
    "fit",
    "from_keras",
    "from_torch",
    "full_precision",
    "generate",
    "get_gru_params",
    "get_lstm_params",
    "gru_step",
    "gru_step_reset_before",
    "gru_to_torch",
    "init_gru_state",
    "init_lstm_state",
    "lstm_step",
    "pick_device",
    "pieces",
    "projected_lstm_step",
    "rnn_step",
    "scan",
    "scan_packed",
    "scan_reset",
    "score",
    "scratch_gru",
    "scratch_lstm",
    "shapes",
    "to_keras",
    "to_torch",
]
