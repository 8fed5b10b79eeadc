"""Figures of one step: the LSTM cell, stage by stage, and the GRU cell in two variants.

A part of the GRU has the colour of the LSTM's part that does its work: Z keeps the old,
1 - Z lets in the new, R shows.
"""

from matplotlib.patches import Circle

from lstm.figures.style import COLORS, Pen, canvas

STAGES = ("gates", "candidate", "cell", "hidden", "whole")
RESETS = ("after", "before")
# the GRU's rows, from the top, and its columns, from the left
STATE, MIX, UPPER, GATES, JOINED, ALONE, INPUT = 6.9, 5.2, 3.95, 2.75, 1.6, 0.98, 0.35
KEEP, ONE_MINUS, RESET, SUM, NEW = 2.7, 3.87, 4.85, 5.05, 7.4


def lstm_cell(stage="whole", words=False):
    """Draw the LSTM cell up to a stage, see STAGES, and say in words what a part does.

    What the stage adds is drawn in colour, what came before in black, what is still to
    come in grey. Raises ValueError for an unknown stage.
    """
    _known("stage", stage, STAGES)
    fig, axis = canvas(5.8, 3.75, 11.2, 7.2)
    reached = STAGES.index(stage)

    def pen(at, color):
        if STAGES.index(at) > reached:
            return Pen(axis, strength=0.5)
        return Pen(axis, COLORS[color if stage in (at, "whole") else "cell"])

    _lstm_gates(pen)
    _lstm_state(pen)
    _lstm_hidden(pen)
    if words:
        _lstm_words(axis)
    return fig


def _lstm_words(axis):
    said = {
        "forget": (2.5, 6.78, "what is kept"),
        "input": (6.15, 5.2, "what is written"),
        "cell": (7.35, 6.52, "the cell: a memory"),
        "output": (7.75, 4.0, "what is shown"),
        "hidden": (10.05, 2.98, "hidden state:\nwhat others see"),
        "candidate": (6.75, 1.62, "new content"),
    }
    for part, (x, y, text) in said.items():
        Pen(axis, COLORS[part], fontsize=9).label(x, y, text, style="italic")


def _lstm_gates(pen):
    gate, bus, top = 2.3, 1.1, 2.66
    wires = pen("gates", "cell")
    wires.label(0.55, bus, r"$\mathbf{H}_{t-1}$")
    wires.label(1.75, 0.25, r"$\mathbf{X}_t$")
    wires.path((1.05, bus), (7.9, bus), arrow=False)
    wires.path((1.75, 0.55), (1.75, bus), arrow=False)
    places = {"forget": ("F", 2.5), "input": ("I", 4.2), "output": ("O", 7.9)}
    for name, (letter, x) in places.items():
        wires.path((x, bus), (x, gate - 0.36))
        pen("gates", name).box(x, gate, rf"$\mathbf{{{letter}}}_t$  $\sigma$")
    candidate = pen("candidate", "candidate")
    pen("candidate", "cell").path((5.9, bus), (5.9, gate - 0.36))
    candidate.box(5.9, gate, r"$\tilde{\mathbf{C}}_t$ tanh", width=1.4)
    forget, read = pen("cell", "forget"), pen("cell", "input")
    forget.path((2.5, top), (2.5, 6.2 - 0.27))
    read.path((4.2, top), (4.2, 4.2), (5.05 - 0.27, 4.2))
    pen("cell", "candidate").path((5.9, top), (5.9, 4.2), (5.05 + 0.27, 4.2))
    pen("hidden", "output").path((7.9, top), (7.9, 3.6), (9.0 - 0.27, 3.6))


def _lstm_state(pen):
    line = pen("cell", "cell")
    line.label(0.55, 6.2, r"$\mathbf{C}_{t-1}$")
    line.path((1.1, 6.2), (2.5 - 0.27, 6.2))
    line.path((2.5 + 0.27, 6.2), (5.05 - 0.27, 6.2))
    line.path((5.05 + 0.27, 6.2), (10.2, 6.2))
    line.label(10.65, 6.2, r"$\mathbf{C}_t$")
    line.path((5.05, 4.2 + 0.27), (5.05, 6.2 - 0.27))
    pen("cell", "forget").dot(2.5, 6.2, r"$\times$")
    pen("cell", "input").dot(5.05, 4.2, r"$\times$")
    line.dot(5.05, 6.2, "+")


def _lstm_hidden(pen):
    line = pen("hidden", "hidden")
    line.path((9.0, 6.2), (9.0, 5.3))
    line.box(9.0, 4.95, "tanh", width=1.15, height=0.66)
    line.path((9.0, 4.62), (9.0, 3.6 + 0.27))
    line.path((9.0 + 0.27, 3.6), (10.2, 3.6))
    line.label(10.65, 3.6, r"$\mathbf{H}_t$")
    pen("hidden", "output").dot(9.0, 3.6, r"$\times$")


def gru_cell(reset="after"):
    """Draw the GRU cell, its reset 'after' the matrix product (torch) or 'before' it.

    Raises ValueError for any other `reset`. Source of 'before': Cho et al. (2014).
    """
    _known("reset", reset, RESETS)
    fig, axis = canvas(5.8, 4.1, 11.2, 7.9)
    pens = {part: Pen(axis, color) for part, color in COLORS.items()}
    _gru_inputs(pens["hidden"], pens["cell"])
    _gru_reset(pens["output"], reset)
    _gru_candidate(pens["candidate"], pens["hidden"], reset)
    _gru_mixture(pens["forget"], pens["input"], pens["hidden"])
    return fig


def _gru_inputs(state, both):
    """Draw what enters: X_t joins H_{t-1} on the gates' line, and goes on alone."""
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
    after = reset == "after"
    product, below, above = (GATES, 0.36, 0.27) if after else (UPPER, 0.27, 0.36)
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


def _known(name, given, choices):
    if given not in choices:
        known = ", ".join(choices)
        raise ValueError(f"unknown {name} {given!r}: expected one of {known}")
