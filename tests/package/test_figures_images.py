"""Figures of images: each with its own words, and mistakes in a colour of their own."""

import numpy as np
import pytest

from lstm import figures
from lstm.figures import plt

COUNTS = np.array([[90, 2, 0], [0, 80, 7], [1, 0, 70]])


def confusion():
    axis = figures.confusion(COUNTS, "said", "true").axes[0]
    plt.close("all")
    return axis


def test_each_count_stands_in_its_own_cell_a_row_for_each_true_class():
    axis = confusion()
    written = np.full(COUNTS.shape, -1)
    for text in axis.texts:
        column, row = text.get_position()
        written[row, column] = int(text.get_text())
    assert (written == COUNTS).all()
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("said", "true")


def test_the_colours_are_of_the_mistakes_and_what_is_right_has_none():
    shaded = confusion().images[0].get_array()
    assert (shaded.mask == np.eye(3, dtype=bool)).all()
    assert shaded.max() == 7
    with_right = confusion().images[0].get_clim()
    assert with_right[1] < COUNTS.max()


def test_without_a_mistake_a_confusion_can_be_drawn_too():
    figures.confusion(np.diag([3, 4]), "said", "true").canvas.draw()
    plt.close("all")


@pytest.mark.parametrize(("count", "grid"), [(3, (1, 3)), (7, (2, 4))])
def test_a_gallery_has_a_place_for_each_image_with_its_words_above(count, grid):
    images = np.arange(count * 6).reshape(count, 2, 3) / (count * 6)
    captions = [f"no. {n}" for n in range(count)]
    fig = figures.gallery(images, captions, columns=4)
    plt.close("all")
    shown = [axis for axis in fig.axes if axis.images]
    assert [axis.get_title() for axis in shown] == captions
    for axis, image in zip(shown, images, strict=True):
        assert (axis.images[0].get_array() == image).all()
        assert axis.images[0].get_clim() == (0, 1)  # one scale for all
    assert fig.axes[0].get_gridspec().get_geometry() == grid


def test_a_gallery_with_a_caption_too_few_is_refused():
    with pytest.raises(ValueError, match="2 images, but 1 captions"):
        figures.gallery(np.zeros((2, 4, 4)), ["a"])
