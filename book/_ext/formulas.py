"""Formulas within the text have their room before MathJax has come to set them.

The lines of a paragraph then break where they will break, and nothing moves when the
formulas come. Matplotlib measures them: its letters are nearly as wide as MathJax's,
and it knows nearly all of the TeX of this book. A width is in ex, to which MathJax fits
its letters.
"""

import functools
import html
import re

import matplotlib
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser

FORMULA = re.compile(r'(<span class="math [^>"]*")>(\\\((.*?)\\\)</span>)', re.DOTALL)
POINTS = 100  # large, that rounding is small
EX = 0.431 * POINTS  # of Computer Modern


@functools.cache
def width(tex):
    """The width of a formula in ex, None where Matplotlib does not know its TeX."""
    with matplotlib.rc_context({"mathtext.fontset": "cm"}):
        parser, letters = MathTextParser("path"), FontProperties(size=POINTS)
        try:
            return parser.parse(f"${' '.join(tex.split())}$", 72, letters).width / EX
        except ValueError:
            return None


def give_room(found):
    """The tag of a formula with its room."""
    tag, rest, tex = found.groups()
    room = width(html.unescape(tex))
    return (
        f"{tag}>{rest}" if room is None else f'{tag} style="--room:{room:.1f}ex">{rest}'
    )


def place(app, page, template, context, doctree):
    """Give the formulas of a page their room."""
    if "body" in context:
        context["body"] = FORMULA.sub(give_room, context["body"])


def setup(app):
    app.connect("html-page-context", place)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
