"""Figures of states in a plane: many points, and the way of one text through them."""

from itertools import pairwise

import numpy as np

from lstm.figures.letters import SHOWN
from lstm.figures.looks import looks
from lstm.figures.style import figure, styled


@styled
def plane(groups, path=None, text="", labels=("first component", "second component")):
    """Draw points of several groups, each with its colour and mark, and one way.

    groups: {name: points (N, 2)}   path: (L, 2), joined by arrows in its order
    text: L symbols, written beside the path's points; None of them: nothing is written
    """
    fig, axis = figure(height=4.2)
    drawn = looks(groups)
    for name, points in groups.items():
        points = np.asarray(points, dtype=float).reshape(-1, 2)
        look = drawn[name] | {"markersize": 4, "alpha": 0.45, "linestyle": ""}
        axis.plot(*points.T, label=name, **look)
    if path is not None:
        _way(axis, np.asarray(path, dtype=float), text)
    axis.set(xlabel=labels[0], ylabel=labels[1])
    legend = fig.legend(loc="outside upper center", ncols=3, fontsize=10)
    for handle in legend.legend_handles:
        handle.set(alpha=1, markersize=6)
    return fig


def _way(axis, path, text):
    """Arrows from point to point; what is written has a ground of its own."""
    line = {"arrowstyle": "-|>", "color": "#222222", "shrinkA": 0, "shrinkB": 0}
    for start, end in pairwise(path):
        axis.annotate("", end, start, arrowprops=line | {"linewidth": 1.1}, zorder=3)
    ground = {"boxstyle": "round,pad=0.1", "facecolor": "white", "alpha": 0.8}
    for point, symbol in zip(path, text, strict=bool(text)):
        shown = SHOWN.get(symbol, symbol)
        look = {"xytext": (3, 4), "textcoords": "offset points", "family": "monospace"}
        box = ground | {"edgecolor": "none"}
        axis.annotate(shown, point, **look, fontsize=10, bbox=box, zorder=4)
