"""The figure of a training: its loss, step by step, and on data held out."""

import numpy as np

from lstm.figures.style import CYCLE, figure, styled


@styled
def training(steps, losses, validated=(), validation=(), xlabel="step"):
    """Draw the loss of each step, their running mean, and the validations' as dots.

    steps, losses: of the training   validated, validation: steps and losses held out
    The running mean is that of the last fiftieth of the steps.
    """
    fig, axis = figure(height=3.2)
    losses, width = np.asarray(losses, dtype=float), max(1, len(losses) // 50)
    axis.plot(steps, losses, color="#bbbbbb", linewidth=0.8, label="each step")
    if width > 1:
        mean = np.convolve(losses, np.ones(width) / width, mode="valid")
        axis.plot(steps[width - 1 :], mean, color=CYCLE[0], label=f"mean of {width}")
    if len(validation):
        look = {"color": CYCLE[1], "marker": "o", "markersize": 4}
        axis.plot(validated, validation, label="held out", **look)
    axis.set(xlabel=xlabel, ylabel="loss, nats")
    axis.legend(fontsize=10)
    return fig
