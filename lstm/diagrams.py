"""Figures of structure: the cell, step by step; an unrolled network; two directions; a padded batch.

Drawn with plain shapes on an axis without ticks. Colours mean the same thing in every figure of the book.
"""

import matplotlib.pyplot as plt
from matplotlib.patches import Circle, FancyBboxPatch

from lstm.plotting import COLORS, STYLE

FADED = "#c4c4c4"
STAGES = ("gates", "candidate", "cell", "hidden", "whole")


def canvas(width, height, xmax, ymax):
    """Return a figure and an axis of the given size (inches) and extent (units), without ticks or frame."""
    with plt.rc_context(STYLE):
        fig, axis = plt.subplots(figsize=(width, height))
        axis.set(xlim=(0, xmax), ylim=(0, ymax), aspect="equal")
        axis.set_axis_off()
    return fig, axis


class Pen:
    """Draws boxes, arrows and labels on an axis in one colour, faded or not."""

    def __init__(self, axis, color="#222222", strength=1.0, fontsize=11):
        self.axis, self.fontsize = axis, fontsize
        self.color, self.width = (FADED, 1.0) if strength < 1 else (color, 1.6)

    def box(self, x, y, text, width=1.15, height=0.72):
        corner = (x - width / 2, y - height / 2)
        self.axis.add_patch(
            FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.12",
                           edgecolor=self.color, facecolor="white", linewidth=self.width, zorder=3)
        )  # fmt: skip
        self.label(x, y, text, zorder=4)

    def dot(self, x, y, text, radius=0.27):
        self.axis.add_patch(
            Circle(
                (x, y),
                radius,
                edgecolor=self.color,
                facecolor="white",
                linewidth=self.width,
                zorder=3,
            )
        )
        self.label(x, y, text, zorder=4)

    def label(self, x, y, text, **kwargs):
        kwargs = {
            "ha": "center",
            "va": "center",
            "color": self.color,
            "fontsize": self.fontsize,
        } | kwargs
        self.axis.text(x, y, text, **kwargs)

    def path(self, *points, arrow=True):
        xs, ys = zip(*points, strict=True)
        self.axis.plot(xs[:-1] if arrow else xs, ys[:-1] if arrow else ys, color=self.color, linewidth=self.width,
                       solid_capstyle="round", zorder=2)  # fmt: skip
        if arrow:
            style = {
                "arrowstyle": "-|>",
                "color": self.color,
                "linewidth": self.width,
                "shrinkA": 0,
                "shrinkB": 0,
            }
            self.axis.annotate("", points[-1], points[-2], arrowprops=style, zorder=2)


def lstm_cell(stage="whole"):
    """Draw the LSTM cell up to a stage: 'gates', 'candidate', 'cell', 'hidden', or 'whole'.

    What the stage adds is drawn in colour, what came before in black, what is still to come in grey.
    """
    if stage not in STAGES:
        raise ValueError(
            f"unknown stage {stage!r}: expected one of {', '.join(STAGES)}"
        )
    fig, axis = canvas(5.8, 3.75, 11.2, 7.2)
    reached = STAGES.index(stage)

    def pen(at, color):
        position = STAGES.index(at)
        if position > reached:
            return Pen(axis, strength=0.5)
        return Pen(axis, COLORS[color] if stage in (at, "whole") else "#222222")

    _cell_gates(pen)
    _cell_state(pen)
    _cell_hidden(pen)
    return fig


def _cell_gates(pen):
    gate, bus, top = 2.3, 1.1, 2.66
    wires = pen("gates", "cell")
    wires.label(0.55, bus, r"$\mathbf{H}_{t-1}$")
    wires.label(1.75, 0.25, r"$\mathbf{X}_t$")
    wires.path((1.05, bus), (7.9, bus), arrow=False)
    wires.path((1.75, 0.55), (1.75, bus), arrow=False)
    for name, x, text in (("forget", 2.5, r"$\mathbf{F}_t$  $\sigma$"), ("input", 4.2, r"$\mathbf{I}_t$  $\sigma$"),
                          ("output", 7.9, r"$\mathbf{O}_t$  $\sigma$")):  # fmt: skip
        wires.path((x, bus), (x, gate - 0.36))
        pen("gates", name).box(x, gate, text)
    candidate = pen("candidate", "candidate")
    candidate.path((5.9, bus), (5.9, gate - 0.36))
    candidate.box(5.9, gate, r"$\tilde{\mathbf{C}}_t$ tanh", width=1.4)
    forget, read = pen("cell", "forget"), pen("cell", "input")
    forget.path((2.5, top), (2.5, 6.2 - 0.27))
    read.path((4.2, top), (4.2, 4.2), (5.05 - 0.27, 4.2))
    pen("cell", "candidate").path((5.9, top), (5.9, 4.2), (5.05 + 0.27, 4.2))
    pen("hidden", "output").path((7.9, top), (7.9, 3.6), (9.0 - 0.27, 3.6))


def _cell_state(pen):
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


def _cell_hidden(pen):
    line = pen("hidden", "hidden")
    line.path((9.0, 6.2), (9.0, 5.3))
    line.box(9.0, 4.95, "tanh", width=1.15, height=0.66)
    line.path((9.0, 4.62), (9.0, 3.6 + 0.27))
    line.path((9.0 + 0.27, 3.6), (10.2, 3.6))
    line.label(10.65, 3.6, r"$\mathbf{H}_t$")
    pen("hidden", "output").dot(9.0, 3.6, r"$\times$")


def unrolled(steps=5):
    """Draw a plain recurrent network unrolled over time: one path from every input to every later state."""
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
    black.path((2 * steps - 0.8, 2.15), (2 * steps - 0.8, 2.75))
    black.label(2 * steps - 0.8, 3.05, "loss")
    return fig


def bidirectional(steps=4):
    """Draw a bidirectional layer: one chain of states to the right, one to the left, joined at every step."""
    fig, axis = canvas(5.8, 3.3, 2.3 * steps + 1.6, 5.7)
    black, ahead, back = (
        Pen(axis),
        Pen(axis, COLORS["input"]),
        Pen(axis, COLORS["forget"]),
    )
    for n in range(steps):
        x = 2.3 * n + 1.9
        black.label(x, 0.35, f"$\\mathbf{{X}}_{n + 1}$")
        ahead.path((x - 0.35, 0.7), (x - 0.35, 1.55))
        back.path((x + 0.35, 0.7), (x + 0.35, 2.95))
        ahead.box(
            x - 0.35,
            1.95,
            rf"$\overrightarrow{{\mathbf{{H}}}}_{n + 1}$",
            width=1.0,
            height=0.8,
        )
        back.box(
            x + 0.35,
            3.35,
            rf"$\overleftarrow{{\mathbf{{H}}}}_{n + 1}$",
            width=1.0,
            height=0.8,
        )
        ahead.path((x - 0.35, 2.35), (x - 0.35, 4.65))
        back.path((x + 0.35, 3.75), (x + 0.35, 4.65))
        black.box(x, 5.05, f"output$_{n + 1}$", width=1.7, height=0.78)
        if n + 1 < steps:
            ahead.path((x + 0.15, 1.95), (x + 1.45, 1.95))
            back.path((x + 2.15, 3.35), (x + 0.85, 3.35))
    end = 2.3 * (steps - 1) + 1.9
    ahead.path((end + 0.15, 1.95), (end + 0.9, 1.95))
    ahead.label(end + 1.4, 1.95, "$h_n$[0]")
    back.path((1.75, 3.35), (1.0, 3.35))
    back.label(0.5, 3.35, "$h_n$[1]")
    return fig


def padded_batch(lengths, marked=None):
    """Draw a batch of sequences padded to one length: full cells are data, empty ones padding.

    marked: 'last' rings the last valid step of each sequence.
    """
    longest = max(lengths)
    fig, axis = canvas(5.6, 0.5 * len(lengths) + 0.7, longest + 2.6, len(lengths) + 0.9)
    for n, length in enumerate(lengths):
        y = len(lengths) - n - 0.5
        axis.text(0.1, y, f"sequence {n}", va="center", fontsize=11)
        for step in range(longest):
            valid = step < length
            axis.add_patch(
                FancyBboxPatch((step + 2.5, y - 0.38), 0.8, 0.76, boxstyle="round,pad=0,rounding_size=0.1",
                               facecolor=COLORS["input"] if valid else "white",
                               edgecolor=COLORS["cell"] if valid else FADED)
            )  # fmt: skip
            if marked == "last" and step == length - 1:
                axis.add_patch(
                    Circle(
                        (step + 2.9, y),
                        0.24,
                        facecolor="none",
                        edgecolor="white",
                        linewidth=2.2,
                    )
                )
    axis.text(
        2.5 + longest / 2 - 0.1,
        len(lengths) + 0.45,
        "time step",
        ha="center",
        fontsize=11,
    )
    return fig
