"""Figures of what a layer takes and gives back: axes, packed steps, final states.

L steps   N sequences   D features
"""

from matplotlib.patches import Polygon, Rectangle

from lstm.figures.style import COLORS, CYCLE, FADED, Pen, canvas, rounded

AHEAD, BACK = COLORS["input"], COLORS["forget"]


def final_states(num_layers, bidirectional=False):
    """Where in time each row of `h_n`, and of `c_n`, comes from.

    ->   (layer, direction, step) for each row: the last step, -1, of a direction that
    reads forward, and the first, 0, of one that reads in reverse
    """
    steps = (-1, 0) if bidirectional else (-1,)
    return [
        (layer, d, step) for layer in range(num_layers) for d, step in enumerate(steps)
    ]


def returned(num_layers=2, steps=4, bidirectional=True):
    """Draw what a layer returns: `output` is a row of this grid, `h_n` its two edges.

    A box is the hidden state of a layer, at a step, in a direction. Raises ValueError
    for less than one layer or two steps.
    """
    if num_layers < 1 or steps < 2:
        raise ValueError(
            f"draw at least 1 layer and 2 steps, got {num_layers} and {steps}"
        )
    rows = 2 if bidirectional else 1
    high = num_layers * (rows * 0.85 + 0.55)
    fig, axis = canvas(5.8, 5.8 * (high + 1.9) / 10.4, 10.4, high + 1.9)
    left, wide = 2.5, 5.6 / steps
    middle = [left + wide * (t + 0.5) for t in range(steps)]
    _output(axis, middle, high + 0.6, rows, wide)
    states = {
        (layer, d, step % steps): k
        for k, (layer, d, step) in enumerate(final_states(num_layers, bidirectional))
    }
    for layer in range(num_layers):
        bottom = 0.75 + layer * (rows * 0.85 + 0.55)
        Pen(axis).label(0.7, bottom + rows * 0.42, f"layer {layer + 1}")
        for d in range(rows):
            found = {t: k for (m, e, t), k in states.items() if (m, e) == (layer, d)}
            _chain(axis, middle, bottom + 0.42 + 0.85 * d, d, found)
    for t, x in enumerate(middle):
        Pen(axis).label(x, 0.3, f"step {t}")
    return fig


def _output(axis, middle, top, rows, wide):
    """Mark the top layer, step by step, as `output`."""
    name = {"family": "monospace", "fontsize": min(9.5, 34 / len(middle))}
    for t, x in enumerate(middle):
        corner = (x - wide / 2 + 0.06, top - rows * 0.85 - 0.42)
        size = wide - 0.12, rows * 0.85 + 0.32
        look = {"facecolor": "#efefef", "edgecolor": "#9a9a9a", "linewidth": 1.2}
        axis.add_patch(rounded(corner, *size, zorder=0, **look))
        Pen(axis).label(x, top + 0.28, f"output[{t}]", **name)


def _chain(axis, middle, y, direction, found):
    """A layer in one direction; what h_n and c_n keep of it is filled and named."""
    pen = Pen(axis, BACK if direction else AHEAD, fontsize=10)
    half, sign = 0.3, -1 if direction else 1
    for t, x in enumerate(middle):
        look = {"edgecolor": pen.color, "linewidth": 1.6, "zorder": 3}
        face = pen.color if t in found else "white"
        corner = (x - half, y - 0.24)
        axis.add_patch(rounded(corner, 2 * half, 0.48, facecolor=face, **look))
        following = t + sign
        if 0 <= following < len(middle):
            pen.path((x + sign * half, y), (middle[following] - sign * half, y))
    for t, k in found.items():
        x = middle[t] + sign * (half + 0.55)
        pen.path((middle[t] + sign * half, y), (x, y))
        place = {"ha": "right" if direction else "left", "family": "monospace"}
        pen.label(x + sign * 0.1, y, f"h_n[{k}]", **place)


SIZE, DEEP = 0.8, 0.22  # of a number's front, and of its depth, in a box


def layouts(L=5, N=3, D=4):
    """Draw one input in both orders of axes, the first axis down, the second across.

    A sequence has a colour, its steps are numbered, a step's D features go into depth:
    with `batch_first` the same sequences lie the other way.
    """
    depth, high = DEEP * D, SIZE * max(L, N)
    width = 2 * depth + SIZE * (L + N) + 5.2
    fig, axis = canvas(
        5.8, 5.8 * (high + depth + 2.1) / width, width, high + depth + 2.1
    )
    top, right = high + 1.1, 2.9 + SIZE * N + depth
    time_first = [[(n, t) for n in range(N)] for t in range(L)]
    batch_first = [[(n, t) for t in range(L)] for n in range(N)]
    _box(axis, 1.0, top, depth, time_first, ("L", "N"), "(L, N, D)")
    _box(axis, right, top, depth, batch_first, ("N", "L"), "batch_first: (N, L, D)")
    return fig


def _box(axis, left, top, depth, places, names, title):
    """places: (sequence, step) for each row and column of the front"""
    pen, white = Pen(axis), Pen(axis, "white", fontsize=10)
    bottom, edge = top - SIZE * len(places), left + SIZE * len(places[0])
    for row, line in enumerate(places):
        for column, (n, t) in enumerate(line):
            x, y = left + SIZE * column, top - SIZE * (row + 1)
            sides = row == 0, column == len(line) - 1
            _block(axis, x, y, depth, CYCLE[n % len(CYCLE)], sides)
            white.label(x + SIZE / 2, y + SIZE / 2, f"{t}", zorder=5)
    pen.path((left - 0.2, top), (left - 0.2, bottom))
    pen.label(left - 0.55, (top + bottom) / 2, f"${names[0]}$")
    pen.path((left, bottom - 0.2), (edge, bottom - 0.2))
    pen.label((left + edge) / 2, bottom - 0.6, f"${names[1]}$")
    pen.path((edge + 0.2, bottom), (edge + 0.2 + depth, bottom + depth))
    pen.label(edge + depth / 2 + 0.55, bottom + depth / 2 - 0.1, "$D$")
    name = {"family": "monospace", "fontsize": 10, "ha": "left"}
    pen.label(left, top + depth + 0.45, title, **name)


def _block(axis, x, y, depth, color, sides):
    """The features of a step: a front, and what is seen of its top and its side."""
    look = {"facecolor": color, "edgecolor": "white", "linewidth": 1.2}
    axis.add_patch(Rectangle((x, y), SIZE, SIZE, zorder=4, **look))
    upper, right, above, side = y + SIZE, x + SIZE, *sides
    far = {"x": x + depth, "right": right + depth, "upper": upper + depth}
    corner = far["right"], far["upper"]
    if above:
        corners = [(x, upper), (right, upper), corner, (far["x"], far["upper"])]
        axis.add_patch(Polygon(corners, alpha=0.55, **look))
    if side:
        corners = [(right, y), (right, upper), corner, (far["right"], y + depth)]
        axis.add_patch(Polygon(corners, alpha=0.75, **look))


def packed(lengths):
    """Draw what packing keeps: valid steps, step by step, in the order of its data.

    lengths: of the sequences, not rising   ->   the numbers in the boxes are rows of
    `data`, those below the columns are `batch_sizes`
    Raises ValueError for lengths that rise, or none, or one below 1.
    """
    lengths = list(lengths)
    if not lengths or min(lengths) < 1 or lengths != sorted(lengths, reverse=True):
        raise ValueError(f"lengths should be at least 1 and not rise, got {lengths}")
    steps, count = lengths[0], len(lengths)
    fig, axis = canvas(5.6, 5.6 * (count + 2.2) / (steps + 4), steps + 4, count + 2.2)
    black, number = Pen(axis), 0
    for t in range(steps):
        x, running = t + 3.4, sum(length > t for length in lengths)
        for n in range(count):
            y = count - n + 0.8
            look = {"facecolor": "white", "edgecolor": FADED, "linestyle": ":"}
            if n < running:
                look = {"facecolor": CYCLE[n % len(CYCLE)], "edgecolor": "white"}
                Pen(axis, "white").label(x, y, f"{number}", zorder=5)
                number += 1
            axis.add_patch(
                rounded((x - 0.4, y - 0.38), 0.8, 0.76, 0.1, zorder=3, **look)
            )
        black.path((x, count + 1.35), (x, 1.25))
        black.label(x, 0.8, f"{running}")
        black.label(x, count + 1.75, f"step {t}", fontsize=10)
    for n in range(count):
        Pen(axis, CYCLE[n % len(CYCLE)]).label(1.4, count - n + 0.8, f"sequence {n}")
    black.label(1.4, 0.8, "batch_sizes", family="monospace", fontsize=10)
    return fig
