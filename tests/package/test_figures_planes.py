"""Figures of states in a plane: groups, and the way of a text through them."""

import numpy as np
import pytest

from lstm import figures

GROUPS = {"outside": [[0, 1], [2, 3]], "inside": [[4, 5]]}
PATH = [[0, 1], [4, 5], [0, 1]]


def drawn(*arguments, **options):
    """The axis of a plane; the figure is closed."""
    fig = figures.plane(*arguments, **options)
    figures.plt.close("all")
    return fig.axes[0]


def test_every_group_is_drawn_by_its_name_with_a_colour_and_a_mark_of_its_own():
    points = drawn(GROUPS).lines
    assert {p.get_label(): p.get_xydata().tolist() for p in points} == GROUPS
    assert len({(p.get_color(), p.get_marker()) for p in points}) == 2
    assert all(p.get_linestyle() == "None" for p in points)


def test_the_way_goes_from_point_to_point_in_its_order():
    arrows = drawn(GROUPS, PATH).texts  # an arrow is an annotation without words
    ends = [(np.array(a.xyann).tolist(), np.array(a.xy).tolist()) for a in arrows]
    assert ends == [([0, 1], [4, 5]), ([4, 5], [0, 1])]


def test_symbols_stand_beside_the_points_of_the_way():
    written = [t for t in drawn(GROUPS, PATH, "a\n)").texts if t.get_text()]
    assert [t.get_text() for t in written] == ["a", "↵", ")"]
    assert [np.array(t.xy).tolist() for t in written] == PATH


def test_a_text_of_another_length_than_the_way_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        drawn(GROUPS, PATH, "ab")


def test_axes_are_named_and_a_group_may_be_empty():
    axis = drawn({"a": [], "b": [[1, 2]]}, labels=("r", "cost"))
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("r", "cost")
