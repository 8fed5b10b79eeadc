"""The figure of the GRU cell in its two variants, with the pen and in the colours of `lstm.diagrams`.

A part has the colour of the LSTM's part that does its work: Z keeps the old, 1 - Z lets in the new, R shows.
"""

from matplotlib.patches import Circle

from lstm.diagrams import Pen, canvas
from lstm.plotting import COLORS

RESETS = ("after", "before")
# rows, from the top, and columns, from the left
STATE, MIX, UPPER, GATES, JOINED, ALONE, INPUT = 6.9, 5.2, 3.95, 2.75, 1.6, 0.98, 0.35
KEEP, ONE_MINUS, RESET, SUM, NEW = 2.7, 3.87, 4.85, 5.05, 7.4


def gru_cell(reset="after"):
    """Draw the GRU cell; the reset gate acts 'after' the candidate's matrix product (torch) or 'before' (Cho et al.).

    Raises ValueError for any other `reset`.
    """
    if reset not in RESETS:
        raise ValueError(
            f"unknown reset {reset!r}: expected one of {', '.join(RESETS)}"
        )
    fig, axis = canvas(5.8, 4.1, 11.2, 7.9)
    pens = {part: Pen(axis, color) for part, color in COLORS.items()}
    _gru_inputs(pens["hidden"], pens["cell"])
    _gru_reset(pens["output"], reset)
    _gru_candidate(pens["candidate"], pens["hidden"], reset)
    _gru_mixture(pens["forget"], pens["input"], pens["hidden"])
    return fig


def _gru_inputs(state, both):
    """Draw what enters: X_t joins H_{t-1} on the gates' line, as in the LSTM's figure, and also goes on alone."""
    state.label(0.55, STATE, r"$\mathbf{H}_{t-1}$")
    state.path((1.1, STATE), (KEEP - 0.27, STATE))
    state.path((1.4, STATE), (1.4, JOINED), (2.0, JOINED), arrow=False)
    both.label(0.55, INPUT, r"$\mathbf{X}_t$")
    both.path((0.95, INPUT), (10.4, INPUT), (10.4, MIX), (NEW + 0.7, MIX))
    both.path((2.0, INPUT), (2.0, JOINED), (RESET, JOINED), (RESET, GATES - 0.36))
    both.path((KEEP, JOINED), (KEEP, GATES - 0.36))


def _gru_reset(pen, reset):
    y = UPPER if reset == "after" else GATES
    pen.path((RESET, GATES), (RESET, y), (NEW - 0.27, y))
    pen.box(RESET, GATES, r"$\mathbf{R}_t$  $\sigma$")
    pen.axis.add_patch(Circle((NEW, y), 0.42, facecolor=pen.color, alpha=0.2, zorder=1))
    pen.dot(NEW, y, r"$\times$")
    pen.label(NEW + 0.6, y, f"{reset} the\nmatrix product", ha="left", fontsize=10)


def _gru_candidate(pen, state, reset):
    product, below, above = (
        (GATES, 0.36, 0.27) if reset == "after" else (UPPER, 0.27, 0.36)
    )
    # a gap at 2.0, where the state passes under X_t
    state.path((1.4, JOINED), (1.4, ALONE), (1.85, ALONE), arrow=False)
    state.path((2.15, ALONE), (NEW, ALONE), (NEW, GATES - below))
    pen.path((NEW, GATES), (NEW, UPPER - above))
    pen.path((NEW, UPPER), (NEW, MIX - 0.36))
    pen.box(NEW, product, r"$\cdot\,\mathbf{W}_{hn} + \mathbf{b}_{hn}$", width=2.2)
    pen.box(NEW, MIX, r"$\tilde{\mathbf{H}}_t$ tanh", width=1.4)
    pen.path((NEW - 0.7, MIX), (SUM + 0.27, MIX))


def _gru_mixture(keep, write, state):
    keep.box(KEEP, GATES, r"$\mathbf{Z}_t$  $\sigma$")
    keep.path((KEEP, GATES + 0.36), (KEEP, STATE - 0.27))
    keep.dot(KEEP, STATE, r"$\times$")
    write.path((KEEP, MIX), (ONE_MINUS - 0.3, MIX))
    write.dot(ONE_MINUS, MIX, r"$1{-}$", radius=0.3)
    write.path((ONE_MINUS + 0.3, MIX), (SUM - 0.27, MIX))
    write.dot(SUM, MIX, r"$\times$")
    state.path((KEEP + 0.27, STATE), (SUM - 0.27, STATE))
    state.path((SUM, MIX + 0.27), (SUM, STATE - 0.27))
    state.dot(SUM, STATE, "+")
    state.path((SUM + 0.27, STATE), (10.2, STATE))
    state.label(10.65, STATE, r"$\mathbf{H}_t$")
