"""Figures: every one is drawn; what cannot be drawn is refused."""

import numpy as np
import pytest

from lstm import diagrams, gru_diagram, plotting
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
DRAWN |= {
    f"gru_cell {reset}": lambda reset=reset: gru_diagram.gru_cell(reset)
    for reset in gru_diagram.RESETS
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


def test_on_the_way_up_to_the_candidate_the_reset_stands_behind_the_matrix_or_before():
    def way(reset):
        texts = gru_diagram.gru_cell(reset).axes[0].texts
        plt.close("all")
        places = [(*text.get_position(), text.get_text()) for text in texts]
        return [text for x, _, text in sorted(places) if x == gru_diagram.NEW and text]

    reset, matrix = r"$\times$", r"$\cdot\,\mathbf{W}_{hn} + \mathbf{b}_{hn}$"
    candidate = r"$\tilde{\mathbf{H}}_t$ tanh"
    assert way("after") == [matrix, reset, candidate]
    assert way("before") == [reset, matrix, candidate]


def test_an_unknown_reset_is_answered_with_the_known():
    with pytest.raises(
        ValueError, match="unknown reset 'behind': expected one of after, before"
    ):
        gru_diagram.gru_cell("behind")
