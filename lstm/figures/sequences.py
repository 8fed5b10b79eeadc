"""Figures of many steps: an unrolled network, two directions, a padded batch."""

from matplotlib.patches import Circle

from lstm.figures.style import COLORS, FADED, Pen, canvas, rounded


def unrolled(steps=5):
    """Draw a plain recurrent network unrolled over time, and the path from step 1."""
    fig, axis = canvas(5.8, 2.1, 2 * steps + 1.3, 3.4)
    black, first = Pen(axis), Pen(axis, COLORS["forget"])
    for n in range(steps):
        x = 2 * n + 1.2
        pen = first if n == 0 else black
        pen.label(x, 0.35, f"$\\mathbf{{X}}_{n + 1}$")
        pen.path((x, 0.65), (x, 1.35))
        black.box(x, 1.75, f"$\\mathbf{{H}}_{n + 1}$", height=0.78)
        if n + 1 < steps:
            first.path((x + 0.58, 1.75), (x + 1.42, 1.75))
    last = 2 * steps - 0.8
    black.path((last, 2.15), (last, 2.75))
    black.label(last, 3.05, "loss")
    return fig


def bidirectional(steps=4):
    """Draw a layer of two chains of states, to the right and to the left."""
    fig, axis = canvas(5.8, 3.3, 2.3 * steps + 1.6, 5.7)
    black = Pen(axis)
    ahead, back = Pen(axis, COLORS["input"]), Pen(axis, COLORS["forget"])
    size = {"width": 1.0, "height": 0.8}
    for n in range(steps):
        x, t = 2.3 * n + 1.9, n + 1
        black.label(x, 0.35, f"$\\mathbf{{X}}_{t}$")
        ahead.path((x - 0.35, 0.7), (x - 0.35, 1.55))
        back.path((x + 0.35, 0.7), (x + 0.35, 2.95))
        ahead.box(x - 0.35, 1.95, rf"$\overrightarrow{{\mathbf{{H}}}}_{t}$", **size)
        back.box(x + 0.35, 3.35, rf"$\overleftarrow{{\mathbf{{H}}}}_{t}$", **size)
        ahead.path((x - 0.35, 2.35), (x - 0.35, 4.65))
        back.path((x + 0.35, 3.75), (x + 0.35, 4.65))
        black.box(x, 5.05, f"output$_{t}$", width=1.7, height=0.78)
        if t < steps:
            ahead.path((x + 0.15, 1.95), (x + 1.45, 1.95))
            back.path((x + 2.15, 3.35), (x + 0.85, 3.35))
    end = 2.3 * (steps - 1) + 1.9
    ahead.path((end + 0.15, 1.95), (end + 0.9, 1.95))
    ahead.label(end + 1.4, 1.95, "$h_n$[0]")
    back.path((1.75, 3.35), (1.0, 3.35))
    back.label(0.5, 3.35, "$h_n$[1]")
    return fig


def padded_batch(lengths, marked=None):
    """Draw sequences padded to one length: full cells are data, empty ones padding.

    marked: 'last' rings the last valid step of each sequence.
    """
    longest, count = max(lengths), len(lengths)
    fig, axis = canvas(5.6, 0.5 * count + 0.7, longest + 2.6, count + 0.9)
    full = {"facecolor": COLORS["input"], "edgecolor": COLORS["cell"]}
    empty = {"facecolor": "white", "edgecolor": FADED}
    ring = {"facecolor": "none", "edgecolor": "white", "linewidth": 2.2}
    for n, length in enumerate(lengths):
        y = count - n - 0.5
        axis.text(0.1, y, f"sequence {n}", va="center", fontsize=11)
        for step in range(longest):
            look = full if step < length else empty
            axis.add_patch(rounded((step + 2.5, y - 0.38), 0.8, 0.76, 0.1, **look))
            if marked == "last" and step == length - 1:
                axis.add_patch(Circle((step + 2.9, y), 0.24, **ring))
    middle = 2.4 + longest / 2
    axis.text(middle, count + 0.45, "time step", ha="center", fontsize=11)
    return fig
