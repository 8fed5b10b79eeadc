"""The look of a curve: a model has one colour through the whole book.

A model is known by its name in the name of a curve: "RNN, unchanged" is an RNN. Dashes
say that a network is fresh, solid lines that it is trained; marks tell curves apart
without colour.
"""

import re

from lstm.figures.style import CYCLE

MODELS = {  # colour and mark
    "RNN": ("#777777", "s"),
    "LSTM": ("#0072B2", "o"),
    "LSTM, forget bias 0": ("#0072B2", "o"),
    "LSTM, forget bias 1": ("#AA4499", "^"),
    "LSTM, forget bias 2": ("#C2185B", "<"),
    "LSTM, forget bias 3": ("#D55E00", "v"),
    "LSTM, forget bias 6": ("#8C3B00", ">"),
    "LSTM, wider": ("#56B4E9", "h"),
    "lstm.fast.LSTM": ("#6A3FB5", "P"),
    "BI-LSTM": ("#222222", "d"),
    "one direction": ("#0072B2", "o"),
    "two directions": ("#222222", "d"),
    "GRU": ("#007A5A", "D"),
    "GRU, larger": ("#52B08E", "X"),
    "n-gram": ("#8A6100", "p"),
    "persistence": ("#9A9A9A", "."),
    "seasonal": ("#C9A227", "1"),
    "mean of 4 weeks": ("#7A6A53", "2"),
    "ridge": ("#B5452C", "*"),
    "trees": ("#5B7F2B", "8"),
}
MARKERS = ["o", "s", "^", "D", "v", "X"]
FRESH = "fresh", "untrained"
MARKS = 8  # about so many on a curve
DENSE = 2000  # points, of which each is less than half a dot wide


def model(name):
    """The model that a curve is of, by the longest name that its name holds, or None"""
    held = [m for m in MODELS if re.search(rf"(?<!\w){re.escape(m)}(?!\w)", name)]
    return max(held, key=len, default=None)


def looks(names):
    """How each of some curves is drawn: {name: {color, marker, linestyle}}.

    Two curves that would look alike do not: the first has the model's colour, and what
    is no model's has one that no model in the figure has.
    """
    found, taken = {}, set()
    for name in names:
        known, dashed = MODELS.get(model(name)), any(word in name for word in FRESH)
        if known and (known, dashed) not in taken:
            taken.add((known, dashed))
            found[name] = {"color": known[0], "marker": known[1], "dashed": dashed}
    free = _others(CYCLE, found, "color")
    marks = _others(MARKERS, found, "marker")
    for n, name in enumerate(n for n in names if n not in found):
        dashed = any(word in name for word in FRESH)
        color, marker = free[n % len(free)], marks[n % len(marks)]
        found[name] = {"color": color, "marker": marker, "dashed": dashed}
    return {name: _drawn(**found[name]) for name in names}


def _others(choices, found, part):
    used = {look[part] for look in found.values()}
    return [choice for choice in choices if choice not in used] or choices


def _drawn(color, marker, dashed):
    return {"color": color, "marker": marker, "linestyle": "--" if dashed else "-"}


def sparse(n, count, points):
    """Where a curve of `points` has its marks, so that those of `count` alternate.

    One of thousands is a thin line: else its ups and downs run together.
    """
    every = max(1, points // MARKS)
    thin = {"linewidth": 0.6} if points > DENSE else {}
    return {"markevery": (n * every // count, every), "markersize": 5} | thin
