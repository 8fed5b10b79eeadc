"""The figure of the roads back through time, and of where truncation cuts them."""

from lstm.figures.style import COLORS, Pen, canvas

STEP = 1.55  # from a step to the next
CELL, HIDDEN, INPUT, FAR = 2.75, 1.55, 0.4, 4.35  # heights


def reach(steps, window):
    """How many steps back the loss of each step can see, the state cut by windows."""
    return [t % window for t in range(steps)]


def truncation(steps=9, window=3):
    """Draw the roads back from the losses of some steps, cut every `window` steps.

    The cell's road and the hidden state's lead back to the window's first step; the
    state's value goes on across the cut. The number above a step says how far back its
    loss can see. Raises ValueError for a window of less than one step.
    """
    if steps < 1 or window < 1:
        raise ValueError(
            f"draw at least 1 step and windows of 1, got {steps}, {window}"
        )
    width = STEP * steps + 1.0
    fig, axis = canvas(5.8, 5.8 * 5.4 / width, width, 5.4)
    back, across = Pen(axis, COLORS["forget"]), Pen(axis, COLORS["hidden"])
    black, grey = Pen(axis, fontsize=10), Pen(axis, "#777777", fontsize=9)
    for t, far in enumerate(reach(steps, window)):
        x = STEP * t + 1.2
        black.box(x, CELL, f"$\\mathbf{{C}}_{{{t + 1}}}$", width=0.9, height=0.62)
        black.box(x, HIDDEN, f"$\\mathbf{{H}}_{{{t + 1}}}$", width=0.9, height=0.62)
        across.path((x, CELL - 0.31), (x, HIDDEN + 0.31), arrow=False)
        grey.label(x, INPUT, f"$\\mathbf{{X}}_{{{t + 1}}}$", fontsize=10)
        black.label(x, FAR, f"{far}")
        if t == 0:
            continue
        if far:
            back.path((x - 0.45, CELL), (x - STEP + 0.45, CELL))
            across.path((x - 0.45, HIDDEN), (x - STEP + 0.45, HIDDEN))
        else:
            _cut(axis, x - STEP / 2)
    middle = STEP * (steps - 1) / 2 + 1.2
    grey.label(middle, 5.0, "steps back that the loss of a step can see")
    return fig


def _cut(axis, x):
    """Between two windows: values go on, gradients do not."""
    grey = Pen(axis, "#777777")
    for y in (CELL, HIDDEN):
        grey.path((x - 0.32, y), (x + 0.32, y))
    look = {"color": COLORS["input"], "linewidth": 2, "linestyle": (0, (3, 2))}
    axis.plot([x, x], [0.95, 3.5], **look)
    Pen(axis, COLORS["input"], fontsize=9).label(x, 3.72, "detach", family="monospace")
