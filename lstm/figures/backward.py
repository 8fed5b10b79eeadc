"""The figure of one step backward: the LSTM cell, its arrows turned, with numbers."""

from lstm.figures.style import COLORS, Pen, canvas

GATE, BUS, MIX, STATE, SHOW = (
    2.3,
    1.1,
    4.2,
    6.2,
    3.6,
)  # heights, as in the cell's figure
NEEDED = "d_h", "d_c", "d_c_all", "d_i", "d_f", "d_g", "d_o", "d_c_old", "d_h_old"


def lstm_cell_backward(numbers):
    """Draw what goes back through an LSTM cell: its gradients on the cell's own wires.

    numbers: {name: value}, d_h and d_c, which arrive; d_c_all, of the cell after its
    second share, (7.2); d_i, d_f, d_g, d_o of the gates' sums; d_c_old and d_h_old,
    which leave. Raises ValueError if one is missing.
    """
    missing = [name for name in NEEDED if name not in numbers]
    if missing:
        raise ValueError(f"the numbers lack {', '.join(missing)}")
    shown = {n: f"{numbers[n]:.4f}".replace("-", "−") for n in NEEDED}
    shown["d_h"], shown["d_c"] = (f"{numbers[n]:g}" for n in ("d_h", "d_c"))
    fig, axis = canvas(5.8, 3.9, 11.6, 7.8)
    pens = {part: Pen(axis, color) for part, color in COLORS.items()}
    _arriving(pens, shown)
    _gates(pens, shown)
    _leaving(pens, shown)
    return fig


def _number(pen, x, y, text, **kwargs):
    pen.label(x, y, text, fontsize=9.5, **kwargs)


def _arriving(pens, shown):
    """From the right: the gradients of H_t and C_t, which meet above the gate."""
    cell, hidden, output = pens["cell"], pens["hidden"], pens["output"]
    hidden.label(10.75, SHOW, r"$\delta\mathbf{H}_t$")
    hidden.path((10.3, SHOW), (9.27, SHOW))
    _number(hidden, 9.85, SHOW - 0.35, shown["d_h"])
    output.dot(9.0, SHOW, r"$\times$")
    hidden.path((9.0, SHOW + 0.27), (9.0, 4.62))
    hidden.box(9.0, 4.95, "tanh", width=1.15, height=0.66)
    hidden.path((9.0, 5.28), (9.0, STATE - 0.1))
    cell.label(10.75, STATE, r"$\delta\mathbf{C}_t$")
    cell.path((10.3, STATE), (5.32, STATE))
    _number(cell, 9.85, STATE + 0.35, shown["d_c"])
    _number(cell, 6.9, STATE + 0.35, shown["d_c_all"])
    cell.dot(5.05, STATE, "+")


def _gates(pens, shown):
    """Down to the four sums, each with its number, and on to the weights' line."""
    cell = pens["cell"]
    places = {"forget": ("F", 2.5), "input": ("I", 4.2), "output": ("O", 7.9)}
    for part, (letter, x) in places.items():
        pens[part].box(x, GATE, rf"$\mathbf{{{letter}}}_t$  $\sigma$")
    pens["candidate"].box(5.9, GATE, r"$\tilde{\mathbf{C}}_t$ tanh", width=1.4)
    top = GATE + 0.36
    pens["forget"].path((2.5, STATE - 0.27), (2.5, top))
    cell.path((5.05, STATE - 0.27), (5.05, MIX + 0.27))
    pens["input"].dot(5.05, MIX, r"$\times$")
    pens["input"].path((4.78, MIX), (4.2, MIX), (4.2, top))
    pens["candidate"].path((5.32, MIX), (5.9, MIX), (5.9, top))
    pens["output"].path((8.73, SHOW), (7.9, SHOW), (7.9, top))
    for part, x in (
        ("forget", 2.5),
        ("input", 4.2),
        ("candidate", 5.9),
        ("output", 7.9),
    ):
        pens[part].path((x, GATE - 0.36), (x, BUS))
        name = {"forget": "d_f", "input": "d_i", "candidate": "d_g", "output": "d_o"}[
            part
        ]
        _number(pens[part], x + 0.12, 1.5, shown[name], ha="left")


def _leaving(pens, shown):
    """To the left: the gradients of the old cell, and of the old hidden state."""
    cell, forget, hidden = pens["cell"], pens["forget"], pens["hidden"]
    cell.path((4.78, STATE), (2.77, STATE))
    forget.dot(2.5, STATE, r"$\times$")
    forget.path((2.23, STATE), (1.3, STATE))
    _number(forget, 1.75, STATE + 0.35, shown["d_c_old"])
    forget.label(0.65, STATE, r"$\delta\mathbf{C}_{t-1}$")
    hidden.path((7.9, BUS), (1.3, BUS))
    _number(hidden, 1.75, BUS - 0.38, shown["d_h_old"])
    hidden.label(0.65, BUS, r"$\delta\mathbf{H}_{t-1}$")
    hidden.label(5.0, BUS - 0.4, "through the weights", fontsize=9, style="italic")
