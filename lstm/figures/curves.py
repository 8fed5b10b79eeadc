"""Figures of numbers, from plain arrays."""

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator

from lstm.figures.looks import looks, sparse
from lstm.figures.style import COLORS, CYCLE, figure, styled

ABOVE = {"loc": "outside upper center", "ncols": 2, "fontsize": 10}


@styled
def lines(
    curves,
    xlabel,
    ylabel,
    x=None,
    log=False,
    ylim=None,
    levels=None,
    crosses=None,
    height=3.4,
):
    """Draw named curves over a common x axis (default 1, 2, 3, ...).

    A model of the book has its own colour, a fresh one is dashed: see `looks`.

    curves: {name: values}
    levels: {name: height}, thin horizontal lines, named at their right end
    crosses: the number of a curve to be drawn as crosses, since it lies on another
    height: of the figure, in inches
    """
    fig, axis = figure(height=height)
    drawn = looks(curves)
    for n, (name, values) in enumerate(curves.items()):
        values = np.asarray(values, dtype=float)
        xs = np.arange(1, len(values) + 1) if x is None else np.asarray(x)
        on_top = 3 if crosses is not None and n <= crosses else 2
        look = drawn[name] | sparse(n, len(curves), len(values))
        if len(curves) == 1:
            look["marker"] = ""
        if n == crosses:
            look |= {"marker": "x", "linestyle": "", "markersize": 6}
            look["markevery"] = max(1, len(values) // 20)
        axis.plot(xs, values, label=name, zorder=on_top, **look)
    for name, height in (levels or {}).items():
        _level(axis, name, height)
    if log:
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(numticks=8))
    axis.set(xlabel=xlabel, ylabel=ylabel, ylim=ylim)
    if len(curves) > 1:
        fig.legend(**ABOVE)
    return fig


def _level(axis, name, height):
    axis.axhline(height, color="#777777", linewidth=1, linestyle=(0, (4, 3)))
    end = {"xy": (1, height), "xycoords": ("axes fraction", "data")}
    above = {"xytext": (-4, 3), "textcoords": "offset points", "ha": "right"}
    axis.annotate(name, **end, **above, fontsize=10, color="#555555")


@styled
def states(panels, xlabel="time step", ylim=None):
    """Draw small panels of C and H over time, on one scale.

    panels: {title: {"C": values, "H": values}}
    """
    count = len(panels)
    columns = min(3, count)
    rows = -(-count // columns)
    fig, axes = figure(
        columns, rows, height=1.5 * rows + 0.6, sharex=True, sharey=count > 1
    )
    axes = np.ravel(axes)
    for axis, (title, curves) in zip(axes, panels.items(), strict=False):
        steps = np.arange(1, len(curves["C"]) + 1)
        axis.plot(steps, curves["C"], "-", color=COLORS["cell"], label="C")
        axis.plot(steps, curves["H"], "--", color=COLORS["hidden"], label="H")
        axis.set_title(title, fontsize=11)
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axis.set_ylim(ylim)
    for axis in axes[count:]:
        axis.set_axis_off()
    for axis in axes[max(0, count - columns) : count]:
        axis.set_xlabel(xlabel)
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2)
    return fig


@styled
def updates(panels, xlabel, budget, columns=2):
    """Draw how many updates each model took until it had learned, a mark for a seed.

    panels: {title: {model: {x: [updates, or None where the budget did not suffice]}}}
    A line joins a model's medians; what was not learned stands above the dashed line.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    size = {"height": 2.6 * rows + 0.9 if len(panels) > 1 else 2.7}
    fig, axes = figure(columns, rows, **size, sharey=True, squeeze=False)
    for axis, (title, models) in zip(axes.flat, panels.items(), strict=False):
        _updates(axis, models, budget)
        axis.set_title(title, fontsize=11)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis in axes[-1]:
        axis.set_xlabel(xlabel)
    fig.supylabel("updates until\n95 % are named", fontsize=11, ma="center")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    fig.legend(handles, labels, **ABOVE)
    return fig


def _updates(axis, models, budget):
    """One panel: x is categorical, the models beside one another, y logarithmic."""
    ticks = list(next(iter(models.values())))
    missed = budget * 1.6
    drawn = looks(models)
    for n, (model, found) in enumerate(models.items()):
        color, marker = drawn[model]["color"], drawn[model]["marker"]
        shift = 0.1 * (n - (len(models) - 1) / 2)
        heights = [[missed if u is None else u for u in found[x]] for x in ticks]
        for x, ys in enumerate(heights):
            spread = 0.018 * (np.arange(len(ys)) - (len(ys) - 1) / 2)
            xs = x + shift + (spread if len(set(ys)) < len(ys) else 0)
            axis.plot(xs * np.ones(len(ys)), ys, marker, color=color, markersize=4.5)
        medians = [np.median(ys) for ys in heights]
        xs = np.arange(len(ticks)) + shift
        look = drawn[model] | {"linewidth": 1.3, "markersize": 4.5}
        axis.plot(xs, medians, label=model, **look)
    _budget(axis, budget, missed)
    axis.set_xticks(range(len(ticks)), [f"{x:g}" for x in ticks])
    axis.grid(axis="x", visible=False)


@styled
def dots(series, xlabel, ylabel, budget, labels=()):
    """Draw single measurements on two logarithmic axes, a mark for each.

    series: {name: (xs, ys)}; a y that is None, not within the budget, stands above the
    dashed line
    labels: (x, y, text), written beside a mark
    """
    fig, axis = figure(height=4.2)
    missed = budget * 1.6
    drawn = looks(series)
    for name, (xs, ys) in series.items():
        heights = [missed if y is None else y for y in ys]
        look = drawn[name] | {"linestyle": "", "alpha": 0.75}
        axis.plot(xs, heights, label=name, **look)
    for x, y, text in labels:
        beside = {"xytext": (7, -4), "textcoords": "offset points", "fontsize": 10}
        axis.annotate(text, (x, missed if y is None else y), **beside)
    _budget(axis, budget, missed)
    axis.set_xscale("log")
    axis.set(xlabel=xlabel, ylabel=ylabel)
    fig.legend(**ABOVE)
    return fig


def _budget(axis, budget, missed):
    """A logarithmic axis of updates, with a dashed line above those that sufficed."""
    axis.axhline(budget * 1.22, color="#777777", linewidth=1, linestyle=(0, (4, 3)))
    axis.set_yscale("log")
    low = [t for t in (10, 30, 100, 300, 1000, 3000, 10000) if t < budget / 1.2]
    axis.set_yticks([*low, missed], [*(f"{t:,}" for t in low), "not yet"])
    axis.minorticks_off()
    axis.set_ylim(18, budget * 2.1)


@styled
def bars(values, xlabel, ylabel, ylim=None):
    """Draw one bar for each name.   values: {name: number}"""
    fig, axis = figure()
    axis.bar(list(values), list(values.values()), color=COLORS["input"])
    axis.grid(axis="x", visible=False)
    axis.set(xlabel=xlabel, ylabel=ylabel, ylim=ylim)
    return fig


@styled
def digit_rows(image, label, shown=6):
    """Draw an image beside some of its rows as curves: what a layer is fed, by steps.

    image: (L, D), values in [0, 1]
    """
    image = np.asarray(image)
    fig, (left, right) = figure(2, 1, height=3.0, width_ratios=[1, 1.3])
    left.imshow(image, cmap="gray_r")
    left.set(title=f"a {label}", xlabel="pixel", ylabel="row = time step")
    left.grid(visible=False)
    rows = np.linspace(0, len(image) - 1, shown).round().astype(int)
    heights = [-1.2 * n for n in range(shown)]
    for n, (row, height) in enumerate(zip(rows, heights, strict=True)):
        left.axhline(row, color=CYCLE[n % 6], linewidth=1.5)
        right.plot(image[row] + height, color=CYCLE[n % 6], label=f"step {row + 1}")
    right.set(title="the rows it is read as", xlabel="pixel", yticks=heights)
    right.set_yticklabels([f"x{row + 1}" for row in rows])
    return fig
