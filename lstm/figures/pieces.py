"""A batch in which sequences begin anew, and its pieces, packed."""

import torch

from lstm import pieces
from lstm.figures.style import COLORS, CYCLE, FADED, Pen, canvas, rounded

START = COLORS["cell"]


def packed_pieces(reset):
    """Draw a batch cut at its resets, above, and below its pieces side by side.

    reset: (L, N), true where a sequence begins   ->   a sequence has one colour; the
    numbers are rows of the batch, t * N + n; a black bar stands at a reset
    """
    reset = torch.as_tensor(reset).bool()
    (L, N), cut = reset.shape, pieces.cut(reset)
    count, steps = len(cut.origin), len(cut.batch_sizes)
    fig, axis = canvas(5.8, 5.8 * (N + count + 3.6) / (L + 4), L + 4, N + count + 3.6)
    black, top = Pen(axis, fontsize=10), count + 2.4
    black.label(1.5, top + N + 0.3, "the batch")
    for t in range(L):
        for n in range(N):
            y = top + N - n - 0.6
            box(axis, t + 3.5, y, n, t * N + n)
            if reset[t, n]:
                bar(axis, t + 3.5, y)
    for n in range(N):
        Pen(axis, CYCLE[n % len(CYCLE)], fontsize=10).label(
            1.5, top + N - n - 0.6, f"sequence {n}"
        )
    black.label(1.5, count + 1.6, "its pieces")
    for t, rows in enumerate(cut.rows.split(cut.batch_sizes)):
        for q in range(count):
            y = count - q + 0.7
            if q < len(rows):
                box(axis, t + 3.5, y, int(rows[q]) % N, int(rows[q]))
            else:
                empty(axis, t + 3.5, y)
        black.label(t + 3.5, 0.7, f"{len(rows)}")
    for q, origin in enumerate(cut.origin.tolist()):
        text = "zeros" if origin == N else f"state of {origin}"
        color = "#777777" if origin == N else CYCLE[origin % len(CYCLE)]
        Pen(axis, color, fontsize=10).label(1.5, count - q + 0.7, text, color=color)
    assert steps <= L
    black.label(1.5, 0.7, "batch_sizes", family="monospace", fontsize=9)
    return fig


def box(axis, x, y, n, number):
    """A row of the batch, in its sequence's colour."""
    look = {"facecolor": CYCLE[n % len(CYCLE)], "edgecolor": "white", "zorder": 3}
    axis.add_patch(rounded((x - 0.4, y - 0.38), 0.8, 0.76, 0.1, **look))
    Pen(axis, "white", fontsize=9).label(x, y, f"{number}", zorder=5)


def empty(axis, x, y):
    """Where a piece has ended."""
    look = {"facecolor": "white", "edgecolor": FADED, "linestyle": ":", "zorder": 2}
    axis.add_patch(rounded((x - 0.4, y - 0.38), 0.8, 0.76, 0.1, **look))


def bar(axis, x, y):
    """The mark of a reset, before a step."""
    axis.plot([x - 0.5] * 2, [y - 0.5, y + 0.5], color=START, linewidth=4, zorder=6)
