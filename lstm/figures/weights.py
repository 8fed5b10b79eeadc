"""The figure of the weights: the notes' twelve tensors, PyTorch's four.

D input size   H hidden size
"""

from matplotlib.patches import Rectangle

from lstm.convert import LSTM_NAMES, TORCH_LSTM
from lstm.figures.style import COLORS, Pen, canvas

PARTS = {"i": "input", "f": "forget", "o": "output", "c": "candidate"}
UNIT, GAP = 0.3, 0.9  # the side of a number, and between two tensors


def gate_blocks(D=3, H=4):
    """Draw the notes' tensors of the four gates, and how PyTorch stacks them.

    Every rectangle has its tensor's shape, for D inputs and H units, and its gate's
    colour. On the right the same blocks lie transposed, one below the other, in
    PyTorch's order; its second bias has none of the notes' beside it, and is white.
    """
    order = [name[-1] for name in LSTM_NAMES if name.startswith("W_x")]
    each = UNIT * max(D, H) + 0.55  # the height of a gate's tensors on the left
    high = max(4 * each, 4 * H * UNIT + 1.2)
    notes, middle = UNIT * (3 * H) + 2 * GAP + 1.4, 2.4
    width = notes + middle + UNIT * (D + H + 2) + 4.6
    fig, axis = canvas(5.8, 5.8 * (high + 1.5) / width, width, high + 1.5)
    for k, gate in enumerate(order):
        y, x = high - k * each - UNIT * max(D, H) / 2, 1.2
        for name, part, rows in (("W", "x", D), ("W", "h", H), ("b", "", 1)):
            _tensor(axis, x, y, rows, H, gate)
            text = rf"$\mathbf{{{name}}}_{{{part}{gate}}}$"
            Pen(axis, COLORS[PARTS[gate]], fontsize=9).label(x - 0.42, y, text)
            x += UNIT * H + GAP
    black = Pen(axis, fontsize=9)
    black.label(notes / 2, high + 1.0, "the notes: twelve tensors", fontsize=10)
    black.path((notes + 0.3, high / 2), (notes + middle - 0.7, high / 2))
    black.label(notes + middle / 2 - 0.2, high / 2 + 0.45, "transposed")
    _stacked(axis, notes + middle + 0.5, high, D, H)
    return fig


def _stacked(axis, x, high, D, H):
    """PyTorch's four tensors side by side, the gates in its order."""
    black = Pen(axis, fontsize=9)
    top = high / 2 + 2 * H * UNIT
    black.label(x + 2, high + 1.0, "PyTorch: four", fontsize=10)
    for name, columns in (("w_ih", D), ("w_hh", H), ("b_ih", 1), ("b_hh", 1)):
        for k, gate in enumerate(TORCH_LSTM):
            y = top - (k + 0.5) * H * UNIT
            _tensor(axis, x, y, H, columns, gate, empty=name == "b_hh")
            if name == "w_ih":
                letter = {"c": "g"}.get(gate, gate)
                Pen(axis, COLORS[PARTS[gate]]).label(x - 0.35, y, f"${letter}$")
        below = x + columns * UNIT / 2, top - 4 * H * UNIT - 0.35
        black.label(*below, f"${name[0]}_{{{name[2:]}}}$")
        x += columns * UNIT + 0.75


def _tensor(axis, x, y, rows, columns, gate, empty=False):
    """A tensor, its left edge at x, its middle at y, a square for each number."""
    color = COLORS[PARTS[gate]]
    face = {"facecolor": "white" if empty else color, "edgecolor": color}
    size = columns * UNIT, rows * UNIT
    axis.add_patch(Rectangle((x, y - size[1] / 2), *size, linewidth=0.8, **face))
    lines = {"color": "white", "linewidth": 0.6, "zorder": 3}
    for n in range(1, rows):
        axis.plot([x, x + size[0]], [y - size[1] / 2 + n * UNIT] * 2, **lines)
    for n in range(1, columns):
        axis.plot([x + n * UNIT] * 2, [y - size[1] / 2, y + size[1] / 2], **lines)
