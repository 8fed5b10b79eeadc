"""The book's look in one place: colours, type, and the pen for diagrams.

Every figure has a paper of its own, so that it reads the same on a light and on a dark
page, type that is still legible at the width of a phone, and twice the pixels that a
page gives it.
"""

import matplotlib.pyplot as plt
from matplotlib import get_backend
from matplotlib.patches import Circle, FancyBboxPatch

COLORS = {  # colour-blind safe, after Okabe & Ito; a part has one colour everywhere
    "input": "#0072B2",
    "forget": "#D55E00",
    "output": "#007A5A",
    "candidate": "#AA4499",
    "cell": "#222222",
    "hidden": "#8A6100",
}
CYCLE = ["#0072B2", "#D55E00", "#007A5A", "#AA4499", "#222222", "#8A6100"]
FADED = "#c4c4c4"
STYLE = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 120,
    "savefig.dpi": 120,
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "axes.prop_cycle": plt.cycler(color=CYCLE),
    "lines.linewidth": 2,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
styled = plt.rc_context(STYLE)  # a figure is built, labels and all, within the style


@styled
def figure(columns=1, rows=1, width=5.6, height=3.4, **kwargs):
    """Return matplotlib's figure and axes in the book's style; sizes in inches."""
    sharpen()
    return plt.subplots(rows, columns, figsize=(width, height), **kwargs)


@styled
def canvas(width, height, xmax, ymax):
    """Return a figure (inches) and an axis (units) without ticks or frame."""
    sharpen()
    fig, axis = plt.subplots(figsize=(width, height))
    axis.set(xlim=(0, xmax), ylim=(0, ymax), aspect="equal")
    axis.set_axis_off()
    return fig, axis


def sharpen():
    """In a notebook, show figures at twice the pixels, whatever was set before."""
    if "inline" in get_backend():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")


class Pen:
    """Draws boxes, arrows and labels on an axis in one colour, faded or not."""

    def __init__(self, axis, color=COLORS["cell"], strength=1.0, fontsize=11):
        self.axis, self.fontsize = axis, fontsize
        self.color, self.width = (FADED, 1.0) if strength < 1 else (color, 1.6)

    def box(self, x, y, text, width=1.15, height=0.72):
        corner = (x - width / 2, y - height / 2)
        self._shape(rounded(corner, width, height, **self._outline()), text, x, y)

    def dot(self, x, y, text, radius=0.27):
        self._shape(Circle((x, y), radius, **self._outline()), text, x, y)

    def label(self, x, y, text, **kwargs):
        look = {"color": self.color, "fontsize": self.fontsize}
        self.axis.text(x, y, text, **{"ha": "center", "va": "center"} | look | kwargs)

    def path(self, *points, arrow=True):
        line = {"color": self.color, "linewidth": self.width}
        if arrow:
            head = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0}
            tip, before = points[-1], points[-2]
            self.axis.annotate("", tip, before, arrowprops=line | head, zorder=2)
            points = points[:-1]
        xs, ys = zip(*points, strict=True)
        self.axis.plot(xs, ys, solid_capstyle="round", zorder=2, **line)

    def _outline(self):
        line = {"edgecolor": self.color, "linewidth": self.width}
        return {"facecolor": "white", "zorder": 3} | line

    def _shape(self, patch, text, x, y):
        self.axis.add_patch(patch)
        self.label(x, y, text, zorder=4)


def rounded(corner, width, height, rounding=0.12, **kwargs):
    """Return a box with round corners, to be added to an axis."""
    style = f"round,pad=0,rounding_size={rounding}"
    return FancyBboxPatch(corner, width, height, boxstyle=style, **kwargs)
