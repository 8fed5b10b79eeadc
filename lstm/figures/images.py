"""Figures of images and of what a classifier makes of them.

N number of images   L rows   D pixels in a row   C number of classes
"""

import numpy as np

from lstm.figures.style import CYCLE, FADED, figure, styled


@styled
def gallery(images, captions, columns=6):
    """Draw images side by side, each with what is said of it.

    images: (N, L, D), values in [0, 1]   captions: N lines
    Raises ValueError unless there are as many of the one as of the other.
    """
    if len(images) != len(captions):
        raise ValueError(f"{len(images)} images, but {len(captions)} captions")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    size = {"height": 5.6 / columns * 1.3 * rows, "squeeze": False}
    fig, axes = figure(columns, rows, **size)
    for axis, image, caption in zip(axes.flat, images, captions, strict=False):
        axis.imshow(np.asarray(image), cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(caption, fontsize=10)
        axis.set(xticks=(), yticks=())
        axis.spines[:].set(visible=True, color=FADED)
    for axis in axes.flat[len(images) :]:
        axis.set_axis_off()
    return fig


@styled
def confusion(counts, xlabel, ylabel):
    """Draw how often each class was taken for which; the colours are of the mistakes.

    counts: (C, C), a row for each true class, a column for each that was said
    """
    counts = np.asarray(counts)
    wrong = np.ma.masked_array(counts, np.eye(len(counts), dtype=bool))
    fig, axis = figure(height=4.8)
    axis.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(1, 1.4 * wrong.max()))
    for (row, column), count in np.ndenumerate(counts):
        right = row == column
        color = CYCLE[0] if right else FADED if count == 0 else "black"
        place = {"ha": "center", "va": "center", "fontsize": 9}
        axis.text(column, row, f"{count}", color=color, **place)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.set(xticks=range(len(counts)), yticks=range(len(counts)))
    axis.grid(visible=False)
    return fig
