"""Figures of sweeps: what models reach at each setting, over seeds."""

import numpy as np

from lstm.figures.curves import ABOVE
from lstm.figures.looks import looks
from lstm.figures.style import figure, styled


@styled
def sweep(panels, xlabel, ylabel, ylim=None, columns=2):
    """Draw what each model reached at each setting, a mark for a seed.

    panels: {title: {model: {x: [a value for each seed]}}}
    A line joins a model's means. What lies above `ylim` stands at the upper edge.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    size = {"height": 2.6 * rows + 0.9}
    size |= {"sharex": "col", "sharey": True, "squeeze": False}
    fig, axes = figure(columns, rows, **size)
    top = np.inf if ylim is None else ylim[1]
    for axis, (title, models) in zip(axes.flat, panels.items(), strict=False):
        drawn = looks(models)
        for n, (model, found) in enumerate(models.items()):
            look = drawn[model] | {"markersize": 4.5}
            shift = 0.12 * (n - (len(models) - 1) / 2)
            heights = [np.minimum(values, top) for values in found.values()]
            xs = np.arange(len(heights)) + shift
            marks = look | {"linestyle": "", "clip_on": False}
            for x, ys in zip(xs, heights, strict=True):
                axis.plot([x] * len(ys), ys, **marks)
            look |= {"linewidth": 1.3}
            axis.plot(xs, [ys.mean() for ys in heights], **look | {"marker": ""})
            axis.plot([], [], label=model, **look)
        labels = [f"{x:g}" for x in found]
        turned = 45 if len(labels) > 5 or columns > 1 else 0
        axis.set_xticks(range(len(heights)), labels, rotation=turned, fontsize=10)
        axis.set(title=title, ylim=ylim)
        axis.title.set_fontsize(11)
        axis.grid(axis="x", visible=False)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    fig.supxlabel(xlabel, fontsize=11)
    fig.supylabel(ylabel, fontsize=11)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    fig.legend(handles, labels, **ABOVE)
    return fig
