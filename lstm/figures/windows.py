"""The figure of a text that is read in windows, minibatch by minibatch.

N rows of a minibatch   L steps of a window
"""

from matplotlib.patches import Rectangle

from lstm.figures.letters import SHOWN
from lstm.figures.style import CYCLE, FADED, Pen, canvas


def text_windows(text, rows, length, offset=0):
    """Draw how a text is laid out in rows and cut into minibatches.

    A colour is a minibatch, N = `rows` windows of L = `length` letters; the arrows
    carry the state of each row to the next one. What no window reads is grey.

    Returns the figure, and what it shows: minibatches of N strings. Raises ValueError
    if the text holds no window.
    """
    each = (len(text) - offset - 1) // rows
    count = each // length
    if min(rows, length) < 1 or offset < 0 or count < 1:
        raise ValueError(
            f"{len(text)} letters from {offset} on make no {rows} rows of {length}"
        )
    gap, left = 1.1, 2.6
    width = left + each + gap * count + 0.4
    fig, axis = canvas(5.8, 5.8 * (1.6 * rows + 1.5) / width, width, 1.6 * rows + 1.5)
    shown = [[] for _ in range(count)]
    for n in range(rows):
        y, row = 1.6 * (rows - n) - 0.5, text[offset + n * each :][:each]
        Pen(axis, fontsize=9).label(0.1, y + 0.5, f"row {n}", ha="left")
        for k in range(count):
            shown[k].append(row[k * length : (k + 1) * length])
            x = left + k * (length + gap)
            _letters(axis, x, y, shown[k][-1], CYCLE[k % len(CYCLE)])
            if k:
                Pen(axis, CYCLE[5]).path((x - gap, y + 0.5), (x, y + 0.5))
        x = left + count * (length + gap)
        _letters(axis, x - gap + 0.2, y, row[count * length :], FADED)
    for k in range(count):
        x = left + k * (length + gap) + length / 2
        name = f"minibatch {k + 1}"
        Pen(axis, CYCLE[k % len(CYCLE)], fontsize=10).label(x, 1.6 * rows + 1.0, name)
    return fig, shown


def _letters(axis, x, y, letters, color):
    look = {"facecolor": color, "alpha": 0.18, "linewidth": 0}
    axis.add_patch(Rectangle((x, y), len(letters), 1, **look))
    for k, letter in enumerate(letters):
        letter = SHOWN.get(letter, letter)
        ink = "#777777" if color == FADED else "black"
        Pen(axis, ink, fontsize=9).label(
            x + k + 0.5, y + 0.46, letter, family="monospace"
        )
