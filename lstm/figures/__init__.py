"""Figures, drawn by code: of numbers, of texts, of one step, of many, in one style."""

from lstm.figures.cells import RESETS, STAGES, gru_cell, lstm_cell
from lstm.figures.curves import bars, digit_rows, dots, lines, states, updates
from lstm.figures.images import confusion, gallery
from lstm.figures.letters import gates, letters
from lstm.figures.planes import plane
from lstm.figures.processes import processes
from lstm.figures.sequences import bidirectional, padded_batch, unrolled
from lstm.figures.speeds import growth, roofline, shares, speeds
from lstm.figures.spreads import bands, marks
from lstm.figures.style import COLORS, CYCLE, MODELS, STYLE, Pen, canvas, figure, plt
from lstm.figures.sweeps import sweep
from lstm.figures.training import training

__all__ = [
    "COLORS",
    "CYCLE",
    "MODELS",
    "RESETS",
    "STAGES",
    "STYLE",
    "Pen",
    "bands",
    "bars",
    "bidirectional",
    "canvas",
    "confusion",
    "digit_rows",
    "dots",
    "figure",
    "gallery",
    "gates",
    "growth",
    "gru_cell",
    "letters",
    "lines",
    "lstm_cell",
    "marks",
    "padded_batch",
    "plane",
    "plt",
    "processes",
    "roofline",
    "shares",
    "speeds",
    "states",
    "sweep",
    "training",
    "unrolled",
    "updates",
]
