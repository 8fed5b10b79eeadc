"""Figures of what leaves PyTorch: gates in three layouts, and what of it exports."""

from matplotlib.patches import Rectangle

from lstm.convert import ORDERS
from lstm.figures.style import COLORS, Pen, canvas, styled
from lstm.figures.weights import PARTS

KINDS = {  # a kind's gates, and the colours that they have in its cell
    "LSTM": PARTS,
    "GRU": {"r": "output", "z": "forget", "h": "candidate"},
}
IN_TORCH = {"LSTM": {"c": "g"}, "GRU": {"h": "n"}}  # what torch calls a gate
LIBRARIES = {  # the recurrent weight, and its shape and blocks
    "Keras": ("recurrent_kernel", "(H, GH), columns"),
    "torch": ("weight_hh", "(GH, H), rows"),
    "ONNX": ("R", "(GH, H), rows"),
}
SIDE, STEP = 1.0, 2.1  # of a block, and from library to library


@styled
def gate_orders():
    """Draw in which order Keras, torch and ONNX stack the gates of an LSTM and a GRU.

    A block has its gate's colour and letter; lines within it say whether it is made of
    rows or of columns; the same gate is joined from library to library.
    """
    fig, axis = canvas(5.8, 3.6, 12.2, 7.57)
    black = Pen(axis, fontsize=10)
    for n, (library, (weight, shape)) in enumerate(LIBRARIES.items()):
        y = 5.9 - n * STEP
        black.label(0.0, y + 0.3, f"{library}: {weight}", ha="left")
        black.label(0.0, y - 0.3, shape, ha="left", fontsize=9)
    for kind, x in (("LSTM", 4.4), ("GRU", 9.1)):
        gates = len(ORDERS["torch"][kind])
        black.label(x + gates * SIDE / 2, 7.2, f"{kind}, G = {gates}", fontsize=11)
        for n, library in enumerate(LIBRARIES):
            order, y = ORDERS[library][kind], 5.9 - n * STEP
            for k, gate in enumerate(order):
                _block(axis, x + k * SIDE, y, kind, gate, library)
            above = list(LIBRARIES)[n - 1] if n else library
            _join(axis, x, y, kind, ORDERS[above][kind], order if n else "")
    return fig


def _block(axis, x, y, kind, gate, library):
    """A gate's block, its left edge at x, its middle at y, its letter the library's."""
    look = {"facecolor": COLORS[KINDS[kind][gate]], "edgecolor": "white"}
    corner = x, y - SIDE / 2
    axis.add_patch(Rectangle(corner, SIDE, SIDE, **look, linewidth=1.5, zorder=3))
    line = {"color": "white", "linewidth": 0.5, "alpha": 0.6, "zorder": 4}
    for share in (0.2, 0.4, 0.6, 0.8):
        along, across = [x, x + SIDE], [corner[1] + share * SIDE] * 2
        if library == "Keras":
            along, across = [x + share * SIDE] * 2, [corner[1], corner[1] + SIDE]
        axis.plot(along, across, **line)
    letter = IN_TORCH[kind].get(gate, gate) if library == "torch" else gate
    ground = {"boxstyle": "circle,pad=0.15", "edgecolor": "none"}
    ground["facecolor"] = look["facecolor"]
    pen = Pen(axis, "white", fontsize=12)
    pen.label(x + SIDE / 2, y, f"${letter}$", zorder=5, bbox=ground)


def _join(axis, x, y, kind, above, below):
    """Lines from each gate of the library above to the same one below it."""
    for k, gate in enumerate(below):
        start = x + (above.index(gate) + 0.5) * SIDE
        xs, ys = [start, x + (k + 0.5) * SIDE], [y + STEP - SIDE / 2, y + SIDE / 2]
        axis.plot(xs, ys, color=COLORS[KINDS[kind][gate]], linewidth=2, zorder=1)


VERDICTS = {  # colour and mark: told apart without colour, too
    "same": ("#007A5A", "="),
    "other": ("#AA4499", "≠"),
    "fails": ("#D55E00", "!"),
    "refused": ("#777777", "×"),
}


@styled
def verdicts(rows, columns, cells, words):
    """Draw a grid of outcomes, a square for each case and way.

    rows, columns: names   cells: {(row, column): a key of VERDICTS, or None for none}
    words: {key: what it means}, for the legend
    Raises ValueError for an outcome that has no colour.
    """
    if strange := {c for c in cells.values() if c is not None} - {*VERDICTS}:
        known = ", ".join(VERDICTS)
        raise ValueError(f"expected outcomes among {known}, got {sorted(strange)}")
    wide, label = 1.55, 3.4
    size = label + wide * len(columns), 0.62 * len(rows) + 3.3
    fig, axis = canvas(5.8, 5.8 * size[1] / size[0], *size)
    black = Pen(axis, fontsize=9)
    top = size[1] - 1.0
    for k, column in enumerate(columns):
        small = {"fontsize": 8.5, "linespacing": 1.3}
        black.label(label + (k + 0.5) * wide, top + 0.45, parted(column), **small)
    for n, row in enumerate(rows):
        y = top - (n + 1) * 0.62
        black.label(label - 0.2, y + 0.31, row, ha="right")
        for k, column in enumerate(columns):
            if outcome := cells.get((row, column)):
                _verdict(axis, label + k * wide, y, outcome, wide)
    for n, (outcome, meaning) in enumerate(words.items()):
        x, y = 0.4 + (n % 2) * size[0] / 2, 1.2 - (n // 2) * 0.75
        _verdict(axis, x, y, outcome, 0.7)
        black.label(x + 0.9, y + 0.31, meaning, ha="left")
    return fig


def parted(name):
    """A name in two lines, if it has a comma."""
    return name.replace(", ", ",\n")


def _verdict(axis, x, y, outcome, width):
    color, mark = VERDICTS[outcome]
    look = {"facecolor": color, "edgecolor": "white", "linewidth": 1.5}
    axis.add_patch(Rectangle((x, y), width, 0.62, **look))
    Pen(axis, "white", fontsize=11).label(x + width / 2, y + 0.29, mark)
