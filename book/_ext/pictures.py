"""Pictures have the size in which they are shown; below the first they come when near.

A page that knows the size of what is to come does not move when it comes. It is the
size that the notebook's output names; without one that of the file, whose dots may be
denser than a page's: a PNG of 240 dots an inch is shown at half its size.
"""

import re
from pathlib import Path

import imagesize

PAGE = 96  # dots an inch


def size(path, style=""):
    """Width and height in which a picture is shown; the style may name its width."""
    width, height = imagesize.get(path)
    density = max(1, round(imagesize.getDPI(path)[0]) // PAGE)
    named = re.search(r"width: (\d+)px", style)
    shown = int(named[1]) if named else round(width / density)
    return shown, round(shown * height / width)


def sized(tag, files, lazy):
    """The tag of a picture with its size; `files` are those of the book, by name."""
    name = re.search(r'src="(?:[^"]*/)?([^"]*)"', tag)[1]
    style = re.search(r' style="([^"]*)"', tag) or ["", ""]
    width, height = size(files[name], style[1])
    more = f' width="{width}" height="{height}" decoding="async"'
    more += ' loading="lazy"' * lazy
    return tag.replace(style[0], "").replace("<img", f"<img{more}")


def place(app, page, template, context, doctree):
    """Give the pictures of a page their sizes. Printed, all must be there at once."""
    source, images = Path(app.srcdir), getattr(app.builder, "images", {})
    files = {name: source / uri for uri, name in images.items()}
    before, *parts = re.split(r"(<img [^>]*_images/[^>]*>)", context.get("body", ""))
    for n in range(0, len(parts), 2):
        lazy = n > 0 and app.builder.name == "html"
        parts[n] = sized(parts[n], files, lazy)
    if parts:
        context["body"] = "".join([before, *parts])


def setup(app):
    app.connect("html-page-context", place)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
