"""Figures: every one is drawn; what cannot be drawn is refused."""

import numpy as np
import pytest

from lstm import diagrams, plotting
from lstm.plotting import plt

DRAWN = {
    "lines": lambda: plotting.lines(
        {"a": [1, 2, 3], "b": [3, 2, 1]}, "x", "y", log=True, levels={"two": 2}
    ),
    "squashing": plotting.squashing,
    "states": lambda: plotting.states({"t": {"C": [1, 2], "H": [0, 1]}}),
    "bars": lambda: plotting.bars({"a": 1, "b": 2}, "x", "y"),
    "digit_rows": lambda: plotting.digit_rows(np.eye(8), 3),
    "unrolled": diagrams.unrolled,
    "bidirectional": diagrams.bidirectional,
    "padded_batch": lambda: diagrams.padded_batch([3, 1], marked="last"),
} | {
    f"lstm_cell {stage}": lambda stage=stage: diagrams.lstm_cell(stage)
    for stage in diagrams.STAGES
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_drawn_on_paper_of_its_own_with_ink_on_it(name):
    figure = DRAWN[name]()
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())
    plt.close(figure)
    assert (pixels[0, 0] == 255).all()  # white and opaque: legible on a dark page
    assert (pixels[..., :3].min(axis=-1) < 128).mean() > 0.002


def test_axes_are_named():
    axis = plotting.lines({"a": [1, 2, 3]}, "epoch", "loss").axes[0]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("epoch", "loss")
    plt.close("all")


def test_the_stages_of_the_cell_differ():
    pictures = set()
    for stage in diagrams.STAGES:
        figure = diagrams.lstm_cell(stage)
        figure.canvas.draw()
        pictures.add(np.asarray(figure.canvas.buffer_rgba()).tobytes())
        plt.close(figure)
    assert len(pictures) == len(diagrams.STAGES)


def test_an_unknown_stage_is_answered_with_the_known():
    with pytest.raises(
        ValueError,
        match="unknown stage 'gate': expected one of gates, candidate, cell, hidden, whole",
    ):
        diagrams.lstm_cell("gate")
