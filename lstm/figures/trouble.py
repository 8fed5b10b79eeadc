"""Figures for a training that does not work: what to ask in order, what reads what."""

import textwrap

import numpy as np
from matplotlib.colors import ListedColormap

from lstm.figures.style import COLORS, Pen, canvas, figure, styled

LINE, GAP = 0.36, 0.42  # heights of a line of text, of the space between two questions
ASKED, FOUND = 2.9, 8.0  # the columns: questions, what is wrong if the answer is no
WIDE = 5.4, 4.0  # widths of their boxes
PAPER_AND_INK = ListedColormap(["white", COLORS["input"]])


def checklist(steps, ending="Train longer; then ask for more"):
    """Draw questions from the top down; to the right of each what a no points to.

    steps: [(a question, what is wrong if the answer is no)]
    Raises ValueError if there is none.
    """
    if not steps:
        raise ValueError("a checklist needs at least one question")
    rows = [
        (f"{n}. {question}", suspects)
        for n, (question, suspects) in enumerate(steps, start=1)
    ]
    filled = [(_fill(asked, 38), _fill(found, 27)) for asked, found in rows]
    heights = [LINE * max(a.count("\n"), f.count("\n")) + 0.7 for a, f in filled]
    total = sum(heights) + GAP * (len(steps) + 1) + 0.95
    fig, axis = canvas(6.4, 6.4 * total / 10.1, 10.1, total)
    good, bad = (Pen(axis, COLORS[c], fontsize=10) for c in ("output", "forget"))
    y = total - GAP / 2
    for (asked, found), height in zip(filled, heights, strict=True):
        middle, low = y - height / 2, y - height
        good.box(ASKED, middle, asked, width=WIDE[0], height=height)
        bad.box(FOUND, middle, found, width=WIDE[1], height=height)
        bad.path((ASKED + WIDE[0] / 2, middle), (FOUND - WIDE[1] / 2, middle))
        bad.label(5.8, middle + 0.2, "no", fontsize=9)
        good.path((ASKED, low), (ASKED, low - GAP))
        good.label(ASKED + 0.4, low - GAP / 2, "yes", fontsize=9)
        y = low - GAP
    good.box(ASKED, y - 0.4, ending, width=WIDE[0], height=0.8)
    return fig


def _fill(text, width):
    return textwrap.fill(text, width, break_long_words=False)


@styled
def influence(panels):
    """Draw which inputs each output depends on, a panel for each model.

    panels: {title: (N, L, N, L), booleans, as `lstm.checkup.influence` gives them}
    """
    fig, axes = figure(len(panels), width=6.4, height=3.6, squeeze=False)
    for axis, (title, found) in zip(axes.flat, panels.items(), strict=True):
        found = np.asarray(found)
        N, L = found.shape[:2]
        shown = found.reshape(N * L, N * L)
        axis.pcolormesh(shown, cmap=PAPER_AND_INK, vmin=0, vmax=1)
        for edge in range(N + 1):
            for line in (axis.axhline, axis.axvline):
                line(edge * L, color=COLORS["cell"], linewidth=1)
        places = [(n + 0.5) * L for n in range(N)]
        axis.set_xticks(places, range(N))
        axis.set_yticks(places, range(N))
        axis.set(title=title, xlabel="inputs, by sequence and step", aspect="equal")
        axis.set_ylim(N * L, 0)
        axis.grid(visible=False)
        axis.title.set_fontsize(11)
    axes.flat[0].set_ylabel("outputs, by sequence and step")
    return fig
