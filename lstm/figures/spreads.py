"""Figures of numbers measured over seeds, from plain arrays."""

import numpy as np
from matplotlib.ticker import LogLocator

from lstm.figures.curves import ABOVE
from lstm.figures.looks import MODELS, looks, model, sparse
from lstm.figures.style import CYCLE, figure, styled


@styled
def bands(panels, xlabel, ylabel, x, log=False, ylim=None):
    """Draw curves with their spread over seeds: the median, and a band of all.

    panels: {title: {name: (seeds, points)}}, side by side, over a common x axis
    """
    size = {"height": 3.9 if len(panels) > 1 else 3.6}
    fig, axes = figure(len(panels), 1, **size, sharey=True, squeeze=False)
    for axis, (title, curves) in zip(axes.flat, panels.items(), strict=True):
        drawn = looks(curves)
        for n, (name, values) in enumerate(curves.items()):
            values = np.asarray(values, dtype=float)
            look = drawn[name] | sparse(n, len(curves), values.shape[1])
            axis.plot(x, np.median(values, axis=0), label=name, **look)
            ends = values.min(axis=0), values.max(axis=0)
            color = drawn[name]["color"]
            axis.fill_between(x, *ends, color=color, alpha=0.2, linewidth=0)
        if log:
            axis.set_yscale("log")
            axis.yaxis.set_major_locator(LogLocator(numticks=8))
        axis.set(title=title, xlabel=xlabel, ylim=ylim)
        axis.title.set_fontsize(11)
    axes[0, 0].set_ylabel(ylabel)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    fig.legend(handles, labels, **ABOVE)
    return fig


@styled
def marks(groups, xlabel):
    """Draw single measurements beside one another, a row a group, and their means.

    groups: {name: [a value for each seed]}; a short upright line marks the mean
    """
    fig, axis = figure(height=0.42 * len(groups) + 0.9)
    for row, (name, values) in enumerate(groups.items()):
        values = np.asarray(values, dtype=float)
        color, _ = MODELS.get(model(name), MODELS["LSTM"])
        axis.plot(values, [row] * len(values), "o", color=color, alpha=0.5)
        mean = [values.mean()] * 2
        axis.plot(mean, [row - 0.3, row + 0.3], color=CYCLE[4], linewidth=2)
    axis.set_yticks(range(len(groups)), list(groups), fontsize=10)
    axis.set_ylim(len(groups) - 0.5, -0.5)  # the first on top
    axis.set_xlabel(xlabel)
    return fig
