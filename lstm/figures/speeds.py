"""Figures of times that were measured side by side."""

from lstm.figures.curves import ABOVE
from lstm.figures.looks import MODELS, looks, model
from lstm.figures.style import COLORS, CYCLE, FADED, figure, styled

SHARES = CYCLE[0], CYCLE[1], FADED


@styled
def speeds(times, xlabel, levels=None):
    """Draw one bar for each name, and a whisker over the middle half of the rounds.

    times: {name: {"median", "low", "high"}}   levels: {name: x}, upright dashed lines
    """
    fig, axis = figure(height=0.34 * len(times) + 1.5)
    for row, (name, t) in enumerate(times.items()):
        color, _ = MODELS.get(model(name), (FADED, ""))
        axis.barh(row, t["median"], height=0.6, color=color)
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
        drawn = looks(curves)
        for name, points in curves.items():
            look = drawn[name] | {"markersize": 5}
            axis.loglog(*zip(*points, strict=True), label=name, **look)
        values = [value for value, _ in points]
        axis.set_xticks(values, map(str, values), fontsize=9)
        axis.minorticks_off()
        axis.set_xlabel(size)
    axes[0, 0].set_ylabel(ylabel)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    fig.legend(handles, labels, **ABOVE)
    return fig


@styled
def shares(rows, xlabel):
    """Draw what a time is spent on: a bar for each name, one piece behind the other.

    rows: {name: {part: time}}, the same parts for all
    """
    fig, axis = figure(height=0.34 * len(rows) + 1.5)
    parts = [*next(iter(rows.values()))]
    for row, times in enumerate(rows.values()):
        begin = 0
        for n, part in enumerate(parts):
            label = part if row == 0 else None
            color = SHARES[n % len(SHARES)]
            axis.barh(row, times[part], 0.6, begin, color=color, label=label)
            begin += times[part]
    axis.set_yticks(range(len(rows)), list(rows), fontsize=10)
    axis.set_ylim(len(rows) - 0.4, -0.6)  # the first on top
    fig.legend(loc="outside upper center", ncols=len(parts), fontsize=10)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel(xlabel)
    return fig


@styled
def roofline(points, rate, bytes_a_second):
    """Draw rates against how often a byte is used, under the two roofs of a machine.

    points: {name: [(operations a byte, operations a second)]}
    rate: operations a second at best   bytes_a_second: at which data come to them
    """
    fig, axis = figure(height=4.2)
    uses = [x for curve in points.values() for x, _ in curve]
    edge = rate / bytes_a_second  # where one roof meets the other
    ends = [min(*uses, edge) / 1.5, edge, max(*uses, edge) * 1.5]
    roof = [min(x * bytes_a_second, rate) / 1e9 for x in ends]
    axis.loglog(ends, roof, color=COLORS["cell"], linewidth=1.5, label="products")
    drawn = looks(points)
    for name, curve in points.items():
        look = drawn[name] | {"markersize": 5}
        xs, rates = zip(*curve, strict=True)
        axis.loglog(xs, [r / 1e9 for r in rates], label=name, **look)
    axis.set_xlabel("operations for each byte of the weights")
    axis.set_ylabel("thousand million operations a second")
    axis.legend(loc="lower right", fontsize=10)
    return fig
