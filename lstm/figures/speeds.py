"""Figures of times that were measured side by side."""

from lstm.figures.style import COLORS, CYCLE, figure, styled


@styled
def speeds(times, xlabel, levels=None):
    """Draw one bar for each name, and a whisker over the middle half of the rounds.

    times: {name: {"median", "low", "high"}}   levels: {name: x}, upright dashed lines
    """
    fig, axis = figure(height=0.34 * len(times) + 1.5)
    for row, t in enumerate(times.values()):
        axis.barh(row, t["median"], height=0.6, color=CYCLE[0], alpha=0.75)
        axis.plot([t["low"], t["high"]], [row, row], color=COLORS["cell"], linewidth=2)
    axis.set_yticks(range(len(times)), list(times), fontsize=10)
    axis.set_ylim(len(times) - 0.4, -0.6)  # the first on top
    for name, x in (levels or {}).items():
        axis.axvline(x, color=CYCLE[1], linestyle="--", linewidth=1.5, label=name)
    if levels:
        fig.legend(loc="outside upper center", fontsize=10)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel(xlabel)
    return fig


@styled
def growth(panels, ylabel):
    """Draw how times grow with a size, on two logarithmic axes, a panel for each size.

    panels: {size: {name: [(value, time)]}}
    """
    fig, axes = figure(len(panels), sharey=True, squeeze=False, height=3.6)
    for axis, (size, curves) in zip(axes.flat, panels.items(), strict=True):
        for n, (name, points) in enumerate(curves.items()):
            look = {"color": CYCLE[n], "marker": "os"[n % 2], "markersize": 5}
            axis.loglog(*zip(*points, strict=True), label=name, **look)
        values = [value for value, _ in points]
        axis.set_xticks(values, map(str, values), fontsize=9)
        axis.minorticks_off()
        axis.set_xlabel(size)
    axes[0, 0].set_ylabel(ylabel)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=10)
    return fig
