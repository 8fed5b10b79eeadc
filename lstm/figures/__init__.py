"""Figures, drawn by code: of numbers, of texts, of one step, of many, in one style."""

from lstm.figures.backward import lstm_cell_backward
from lstm.figures.cells import RESETS, STAGES, gru_cell, lstm_cell
from lstm.figures.curves import bars, digit_rows, dots, lines, states, updates
from lstm.figures.forecasts import fan, lagging
from lstm.figures.images import confusion, gallery
from lstm.figures.layouts import VERDICTS, gate_orders, verdicts
from lstm.figures.letters import gates, letters
from lstm.figures.looks import MODELS, looks
from lstm.figures.pieces import packed_pieces
from lstm.figures.planes import plane
from lstm.figures.processes import processes
from lstm.figures.sequences import bidirectional, padded_batch, unrolled
from lstm.figures.speeds import growth, roofline, shares, speeds
from lstm.figures.spreads import bands, marks
from lstm.figures.style import COLORS, CYCLE, STYLE, Pen, canvas, figure, plt
from lstm.figures.sweeps import sweep
from lstm.figures.tensors import final_states, layouts, packed, returned
from lstm.figures.training import training
from lstm.figures.trouble import checklist, influence
from lstm.figures.truncation import reach, truncation
from lstm.figures.weights import gate_blocks
from lstm.figures.windows import text_windows

__all__ = [
    "COLORS",
    "CYCLE",
    "MODELS",
    "RESETS",
    "STAGES",
    "STYLE",
    "VERDICTS",
    "Pen",
    "bands",
    "bars",
    "bidirectional",
    "canvas",
    "checklist",
    "confusion",
    "digit_rows",
    "dots",
    "fan",
    "figure",
    "final_states",
    "gallery",
    "gate_blocks",
    "gate_orders",
    "gates",
    "growth",
    "gru_cell",
    "influence",
    "lagging",
    "layouts",
    "letters",
    "lines",
    "looks",
    "lstm_cell",
    "lstm_cell_backward",
    "marks",
    "packed",
    "packed_pieces",
    "padded_batch",
    "plane",
    "plt",
    "processes",
    "reach",
    "returned",
    "roofline",
    "shares",
    "speeds",
    "states",
    "sweep",
    "text_windows",
    "training",
    "truncation",
    "unrolled",
    "updates",
    "verdicts",
]
