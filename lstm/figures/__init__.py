"""Figures, drawn by code: of numbers, of one step, of many steps, in one style."""

from lstm.figures.cells import RESETS, STAGES, gru_cell, lstm_cell
from lstm.figures.curves import bars, digit_rows, lines, squashing, states, updates
from lstm.figures.sequences import bidirectional, padded_batch, unrolled
from lstm.figures.style import COLORS, CYCLE, MODELS, STYLE, Pen, canvas, figure, plt

__all__ = [
    "COLORS",
    "CYCLE",
    "MODELS",
    "RESETS",
    "STAGES",
    "STYLE",
    "Pen",
    "bars",
    "bidirectional",
    "canvas",
    "digit_rows",
    "figure",
    "gru_cell",
    "lines",
    "lstm_cell",
    "padded_batch",
    "plt",
    "squashing",
    "states",
    "unrolled",
    "updates",
]
