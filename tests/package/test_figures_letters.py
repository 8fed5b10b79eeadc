"""Figures of a text: every letter stands on the colour of its own value."""

import numpy as np
import pytest

from lstm import figures
from lstm.figures.letters import DIVERGING, SHOWN, cut

TEXT = "the cat sat\non a mat, unhurriedly"


def drawn(text, values, **options):
    """The letters by place, {(column, row): letter}, and the picture below them."""
    axis = figures.letters(text, values, "cell", **options).axes[0]
    figures.plt.close("all")
    letters = {text.get_position(): text.get_text() for text in axis.texts}
    return letters, axis.images[0]


def test_every_letter_stands_on_its_own_value():
    values = np.arange(1.0, len(TEXT) + 1)
    letters, image = drawn(TEXT, values, columns=12)
    colors = image.get_array()
    found = {letters[x, y]: colors[y, x] for x, y in letters if letters[x, y] in "y,↵"}
    assert found == {"↵": 12, ",": 21, "y": 33}
    assert len(letters) == len(TEXT)
    assert colors.sum() == values.sum()  # beyond the lines' ends nothing


def test_lines_end_between_words_or_where_the_text_says_and_none_is_too_long():
    lines = [TEXT[start:end] for start, end in cut(TEXT, 9)]
    assert lines == ["the cat ", "sat\n", "on a ", "mat, ", "unhurried", "ly"]


@pytest.mark.parametrize("text", ["", "a", "a ", "\n\n", "abc", "ab c"])
def test_lines_hold_the_whole_text(text):
    lines = cut(text, 2)
    assert "".join(text[start:end] for start, end in lines) == text
    assert all(0 < end - start <= 2 for start, end in lines)


@pytest.mark.parametrize(("text", "shown"), [("a\nb\nc\n", 4), ("a\n", 2)])
def test_a_figure_of_so_many_lines_has_one_size_whatever_the_text(text, shown):
    letters, image = drawn(text, np.arange(1.0, len(text) + 1), columns=5, rows=2)
    assert len(letters) == shown
    assert image.get_array().shape == (2, 5)
    assert image.get_clim() == (-shown, shown)  # of what is shown


@pytest.mark.parametrize(("limit", "ends"), [(None, 3), (2, 2)])
def test_zero_is_white_and_the_colours_reach_as_far_on_both_sides(limit, ends):
    _, image = drawn("abc", [-3, 0, 1], limit=limit)
    assert image.get_clim() == (-ends, ends)
    assert image.cmap(image.norm(0.0)) == pytest.approx((1, 1, 1, 1), abs=0.01)


def test_black_letters_can_be_read_on_every_colour():
    rgb = DIVERGING(np.linspace(0, 1, 99))[:, :3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    contrast = (linear @ [0.2126, 0.7152, 0.0722] + 0.05) / 0.05  # as WCAG reckons
    assert contrast.min() > 7


def test_the_gates_of_a_text_stand_below_its_letters():
    rows = {"forget gate": [0, 0.5, 1], "cell": [-2, 0, 2]}
    axis, bar = figures.gates("a\nb", rows).axes
    figures.plt.close("all")
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "↵", "b"]
    assert [label.get_text() for label in axis.get_yticklabels()] == list(rows)
    assert axis.images[0].get_array().tolist() == list(rows.values())
    assert axis.images[0].get_clim() == (-1, 1)
    assert bar.get_xlabel() == "value"
    assert SHOWN == {"\n": "↵"}
