"""Figures of several processes that train one model: who holds what."""

from matplotlib.patches import Rectangle

from lstm.figures.style import CYCLE, Pen, canvas

ITEM, ROW = 0.5, 2.5  # heights of an item of the minibatch, of a process
MODEL, GRADIENT, SUM, FORK, STEP = 4.1, 6.8, 9.5, 10.3, 12.1  # the columns
NAMES = "minibatch", "weights", "gradient", "all-reduce", "step"


def processes(shares=(5, 3)):
    """Draw a minibatch shared out, the gradients of the shares, and their sum.

    shares: how many of the minibatch's items each process has
    Raises ValueError if a process has none.
    """
    if min(shares, default=0) < 1:
        raise ValueError(f"each process needs an item, got shares of {shares}")
    total = sum(shares)
    height = max(ROW * len(shares), ITEM * total) + 1.2
    fig, axis = canvas(5.8, 5.8 * height / 13.3, 13.3, height)
    middle, black = (height - 1) / 2, Pen(axis)
    for x, name in zip((0.7, MODEL, GRADIENT, SUM, STEP), NAMES, strict=True):
        black.label(x, height - 0.3, name)
    bottom = middle + ITEM * total / 2
    for rank, share in enumerate(shares):
        pen, bottom = Pen(axis, CYCLE[rank]), bottom - ITEM * share
        y = middle + ROW * ((len(shares) - 1) / 2 - rank)
        _share(pen, bottom, share, y)
        pen.label(MODEL, y + 0.85, f"rank {rank}")
        pen.label(GRADIENT + 1.75, y + 0.38, rf"$\times\,${share}/{total}")
        _way(pen, black, share, y, middle)
    black.dot(SUM, middle, "+", radius=0.4)
    return fig


def _share(pen, bottom, count, y):
    """Draw some items of the minibatch, and their way to a process at height y."""
    for n in range(count):
        corner = (0.2, bottom + ITEM * n)
        look = {"facecolor": pen.color, "edgecolor": "white", "linewidth": 1.5}
        pen.axis.add_patch(Rectangle(corner, 1.0, ITEM, **look))
    pen.path((1.3, bottom + ITEM * count / 2), (2.2, y), (MODEL - 1.1, y))


def _way(pen, black, share, y, middle):
    """Draw a process: from the weights over gradient and sum to the step."""
    black.box(MODEL, y, "the same", width=2.2, height=0.9)
    pen.path((MODEL + 1.1, y), (GRADIENT - 1, y))
    pen.box(GRADIENT, y, f"of its {share}", width=2.0, height=0.9)
    if abs(y - middle) < 0.1:
        pen.path((GRADIENT + 1, y), (SUM - 0.4, middle))
    else:
        edge = middle + (0.4 if y > middle else -0.4)
        pen.path((GRADIENT + 1, y), (SUM, y), (SUM, edge))
    black.path((SUM + 0.4, middle), (FORK, middle), (FORK, y), (STEP - 1, y))
    black.box(STEP, y, "the same", width=2.0, height=0.9)
