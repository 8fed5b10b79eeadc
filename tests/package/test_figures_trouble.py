"""The checklist says all that it is given, in order; the influence is the given one."""

import numpy as np
import pytest

from lstm import figures
from lstm.figures import plt


def texts(figure):
    found = [text.get_text().replace("\n", " ") for text in figure.axes[0].texts]
    plt.close(figure)
    return [text for text in found if text]


def test_a_checklist_holds_questions_and_suspects_in_order_from_the_top():
    steps = [("is it on?", "no power"), ("does it turn?", "no axle, or a long reason")]
    said = texts(figures.checklist(steps, ending="done"))
    assert said == [
        *("1. is it on?", "no power", "no", "yes"),
        *("2. does it turn?", "no axle, or a long reason", "no", "yes"),
        "done",
    ]


def test_no_text_of_a_checklist_leaves_its_box_or_the_figure():
    steps = [("a question of some words, as long as they are", "a long " * 9)] * 3
    figure = figures.checklist(steps)
    figure.canvas.draw()
    axis = figure.axes[0]
    boxes = [patch.get_window_extent() for patch in axis.patches]
    for text in axis.texts:
        if len(text.get_text()) > 3:
            inside = text.get_window_extent()
            held = [
                box.x0 <= inside.x0 <= inside.x1 <= box.x1
                and box.y0 <= inside.y0 <= inside.y1 <= box.y1
                for box in boxes
            ]
            assert any(held), text.get_text()
    assert axis.get_ylim()[0] <= min(p.get_extents().y0 for p in axis.patches)
    plt.close(figure)


def test_a_checklist_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one question"):
        figures.checklist([])


def test_influence_shows_outputs_down_and_inputs_across():
    found = np.zeros((2, 3, 2, 3), bool)
    found[1, 0, 0, 2] = True  # output: row 3; input: column 2
    figure = figures.influence({"a": found})
    [mesh] = figure.axes[0].collections
    assert np.argwhere(mesh.get_array().reshape(6, 6)).tolist() == [[3, 2]]
    assert figure.axes[0].get_ylim() == (6, 0)
    plt.close(figure)
