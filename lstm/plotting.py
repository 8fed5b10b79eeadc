"""Figures of numbers, from plain arrays: the book's look in one place.

Every figure has a paper of its own, so that it reads the same on a light and on a dark page, and type that is
still legible at the width of a phone.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator

COLORS = {  # colour-blind safe, after Okabe & Ito
    "input": "#0072B2",
    "forget": "#D55E00",
    "output": "#007A5A",
    "candidate": "#AA4499",
    "cell": "#222222",
    "hidden": "#8A6100",
}
CYCLE = ["#0072B2", "#D55E00", "#007A5A", "#AA4499", "#222222", "#8A6100"]
STYLE = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 120,
    "savefig.dpi": 120,
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "axes.prop_cycle": plt.cycler(color=CYCLE),
    "lines.linewidth": 2,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
styled = plt.rc_context(STYLE)  # a figure is built, labels and all, within the style


@styled
def figure(columns=1, rows=1, width=5.6, height=3.4, **kwargs):
    """Return matplotlib's figure and axes in the book's style; sizes in inches."""
    return plt.subplots(rows, columns, figsize=(width, height), **kwargs)


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
):
    """Draw named curves over a common x axis (default 1, 2, 3, ...).

    curves: {name: values}   levels: {name: height}, drawn as thin horizontal lines, named at their right end
    crosses: the number of a curve to be drawn as crosses, since it lies on another
    """
    fig, axis = figure()
    styles = ["-", "--", "-.", ":"]
    for n, (name, values) in enumerate(curves.items()):
        values = np.asarray(values, dtype=float)
        xs = np.arange(1, len(values) + 1) if x is None else np.asarray(x)
        on_top = 3 if crosses is not None and n <= crosses else 2
        if n == crosses:
            axis.plot(
                xs,
                values,
                "x",
                label=name,
                markersize=6,
                markevery=max(1, len(values) // 20),
                zorder=on_top,
            )
        else:
            axis.plot(xs, values, styles[n % 4], label=name, zorder=on_top)
    for name, height in (levels or {}).items():
        axis.axhline(height, color="#777777", linewidth=1, linestyle=(0, (4, 3)))
        axis.annotate(name, (1, height), xycoords=("axes fraction", "data"), xytext=(-4, 3),
                      textcoords="offset points", ha="right", fontsize=10, color="#555555")  # fmt: skip
    if log:
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(numticks=8))
    axis.set(xlabel=xlabel, ylabel=ylabel, ylim=ylim)
    if len(curves) > 1:
        axis.legend(fontsize=10)
    return fig


@styled
def squashing():
    """Draw the sigmoid and tanh, the two functions that every gate and the candidate pass through."""
    x = np.linspace(-6, 6, 200)
    return lines({"sigmoid: a gate, 0 to 1": 1 / (1 + np.exp(-x)), "tanh: a value, -1 to 1": np.tanh(x)},
                "weighted sum that goes in", "what comes out", x=x)  # fmt: skip


@styled
def states(panels, xlabel="time step"):
    """Draw small panels of C and H over time.   panels: {title: {"C": values, "H": values}}"""
    count = len(panels)
    columns = 2 if count > 1 else 1
    rows = -(-count // columns)
    fig, axes = figure(columns, rows, height=2.1 * rows + 0.5, sharex=True)
    axes = np.ravel(axes)
    for axis, (title, curves) in zip(axes, panels.items(), strict=False):
        for name, style in (("C", "-"), ("H", "--")):
            color = COLORS["cell" if name == "C" else "hidden"]
            axis.plot(
                np.arange(1, len(curves[name]) + 1),
                curves[name],
                style,
                color=color,
                label=name,
            )
        axis.set_title(title, fontsize=11)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axis in axes[count:]:
        axis.set_axis_off()
    for axis in axes[max(0, count - columns) : count]:
        axis.set_xlabel(xlabel)
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2)
    return fig


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
    """Draw an image beside some of its rows as curves: what a recurrent layer is fed, step by step.

    image: (L, D), values in [0, 1]
    """
    image = np.asarray(image)
    fig, (left, right) = figure(2, 1, height=3.0, width_ratios=[1, 1.3])
    left.imshow(image, cmap="gray_r")
    left.set(title=f"a {label}", xlabel="pixel", ylabel="row = time step")
    left.grid(visible=False)
    rows = np.linspace(0, len(image) - 1, shown).round().astype(int)
    for n, row in enumerate(rows):
        left.axhline(row, color=CYCLE[n % 6], linewidth=1.5)
        right.plot(image[row] - 1.2 * n, color=CYCLE[n % 6], label=f"step {row + 1}")
    right.set(
        title="the rows it is read as",
        xlabel="pixel",
        yticks=[-1.2 * n for n in range(shown)],
    )
    right.set_yticklabels([f"x{row + 1}" for row in rows])
    return fig
