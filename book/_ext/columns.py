"""A column of numbers stands at its right edge, and so does what stands above it."""

import re

TABLE = re.compile(r'<table class="table">.*?</table>', re.DOTALL)
ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)
CELL = re.compile(r'<t([dh])(?: class="([^"]*)")?>(.*?)</t\1>', re.DOTALL)
NUMBER = re.compile(r"[-−+]?\d[\d.,]*(?:e[-−+]?\d+)?(?:\s?[%×])?")


def align(table):
    """Mark the cells of the columns that hold numbers, and nothing but numbers."""
    rows = [CELL.findall(row) for row in ROW.findall(table[0])][1:]
    columns = [[text for _, _, text in column] for column in zip(*rows, strict=True)]
    held = [
        any(column) and all(not text or NUMBER.fullmatch(text) for text in column)
        for column in columns
    ]

    def mark(row):
        of_numbers = iter(held)
        return CELL.sub(lambda cell: marked(cell) if next(of_numbers) else cell[0], row)

    return ROW.sub(lambda row: mark(row[0]), table[0]) if any(held) else table[0]


def marked(cell):
    """A cell of the class `number`."""
    tag, classes, text = cell.groups()
    return (
        f'<t{tag} class="{" ".join(filter(None, (classes, "number")))}">{text}</t{tag}>'
    )


def place(app, page, template, context, doctree):
    """Align the tables of a page that cells have shown."""
    if "body" in context:
        context["body"] = TABLE.sub(align, context["body"])


def setup(app):
    app.connect("html-page-context", place)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
