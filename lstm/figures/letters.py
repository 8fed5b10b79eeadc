"""Figures of a text, each letter with the numbers that belong to it.

L length of a text
"""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from lstm.figures.style import figure, styled

# light ends, on which black letters can be read; white is zero
DIVERGING = LinearSegmentedColormap.from_list("zero", ["#56B4E9", "white", "#E69F00"])
LETTER = {"family": "monospace", "ha": "center", "va": "center"}
SHOWN = {"\n": "↵"}


@styled
def letters(text, values, label, limit=None, columns=64, rows=None):
    """Draw a text letter by letter, each on the colour of its value.

    values: (L)   label: what the values are   columns: the longest line
    limit: the value of the full colour, the largest by default; larger ones share it
    rows: how many lines there are, whatever the text; what is beyond them is left out
    A line ends between words, and where the text has an end of line.
    """
    lines = cut(text, columns)[:rows]
    values = np.asarray(values, dtype=float)[: lines[-1][1]]
    limit = limit or np.abs(values).max() or 1.0
    rows = rows or len(lines)
    colors = np.zeros((rows, columns))
    width = 5.6 * min(max(columns / 64, 0.6), 1)  # inches; narrow for short lines
    fig, axis = figure(width=width, height=0.19 * rows + 0.75)
    size = min(12, 112 * width / columns)  # points; a letter is 0.6 of that wide
    for row, (start, end) in enumerate(lines):
        colors[row, : end - start] = values[start:end]
        for column, letter in enumerate(text[start:end]):
            letter = SHOWN.get(letter, letter)
            axis.text(column, row, letter, fontsize=size, color="black", **LETTER)
    shade = {"cmap": DIVERGING, "vmin": -limit, "vmax": limit, "aspect": "auto"}
    _scale(fig, axis, axis.imshow(colors, **shade), label)
    axis.set_axis_off()
    return fig


def cut(text, columns):
    """Where the lines of a text begin and end, the space between two in the first."""
    lines, start = [], 0
    while start < len(text):
        end = min(start + columns, len(text))
        newline = text.find("\n", start, end)
        space = text.rfind(" ", start, end)
        if newline >= 0:
            end = newline + 1
        elif end < len(text) and space >= 0:
            end = space + 1
        lines.append((start, end))
        start = end
    return lines


@styled
def gates(text, rows, label="value"):
    """Draw numbers of one unit over a short text, a row each: its gates and states.

    rows: {name: values (L)}; what lies beyond -1 and 1 has their colours
    """
    fig, axis = figure(height=0.32 * len(rows) + 1.1)
    shade = {"cmap": DIVERGING, "vmin": -1, "vmax": 1, "aspect": "auto"}
    image = axis.imshow(np.array([*rows.values()], dtype=float), **shade)
    axis.set_yticks(range(len(rows)), list(rows), fontsize=10)
    size = min(10, 10 * 50 / len(text))
    shown = [SHOWN.get(letter, letter) for letter in text]
    axis.set_xticks(range(len(text)), shown, family="monospace", fontsize=size)
    axis.tick_params(length=0, labeltop=True, labelbottom=False)
    axis.grid(visible=False)
    _scale(fig, axis, image, label, extend="both")
    return fig


def _scale(fig, axis, image, label, **kwargs):
    """A colour bar below."""
    place = {"orientation": "horizontal", "ax": axis, "shrink": 0.6, "aspect": 40}
    bar = fig.colorbar(image, **place, pad=0.02, **kwargs)
    bar.set_label(label, fontsize=10)
    bar.ax.tick_params(labelsize=9)
    bar.ax.grid(visible=False)
