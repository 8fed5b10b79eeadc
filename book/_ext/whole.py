"""Numbers stay whole: a line does not break within 1e-12 or a date, nor before a unit.

Nor between "chapter" and its number.
"""

import re

NUMBER = re.compile(r"\d[\d.]*e[-−]\d+|\d{4}-\d\d-\d\d|--\w[\w-]*")
UNIT = re.compile(r"(?<=\d) (?=(?:%|°C|kB|MB|GB|GiB|ms|µs)(?!\w))")
COUNTED = re.compile(r"\b((?:[Cc]hapter|[Ss]ection|[Ee]xercise)) (?=\d)")
CELL = re.compile(r"<td>([^<]{1,28})</td>")
APART = re.compile(r"(<pre.*?</pre>|<script.*?</script>|<[^>]*>)", re.DOTALL)


def keep(text):
    """A piece of text, in which numbers, dates, options and units are kept whole."""
    text = NUMBER.sub(r'<span class="kept-whole">\g<0></span>', text)
    text = COUNTED.sub("\\1\N{NO-BREAK SPACE}", text)
    return UNIT.sub("\N{NO-BREAK SPACE}", text)


def keep_cell(found):
    """A cell of a table: on one line, if it is short and holds a number."""
    held = re.search(r"\d", found[1])
    return f'<td class="kept-whole">{found[1]}</td>' if held else found[0]


def place(app, page, template, context, doctree):
    """Keep the numbers of a page; code and formulas stay as they are."""
    if "body" in context:
        context["body"] = CELL.sub(keep_cell, context["body"])
        parts = APART.split(context["body"])
        parts[::2] = map(keep, parts[::2])
        context["body"] = "".join(parts)


def setup(app):
    app.connect("html-page-context", place)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
