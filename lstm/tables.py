"""A small table that reads well as text in a terminal and as HTML in a notebook or a page."""

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Table:
    """Column names and rows. Every cell is shown as str() shows it; None as nothing."""

    header: tuple
    rows: tuple

    def __init__(self, header, rows):
        rows = tuple(
            tuple("" if cell is None else str(cell) for cell in row) for row in rows
        )
        for row in rows:
            if len(row) != len(header):
                raise ValueError(
                    f"expected rows of {len(header)} cells, got one of {len(row)}: {row}"
                )
        object.__setattr__(self, "header", tuple(header))
        object.__setattr__(self, "rows", rows)

    def __str__(self):
        lines = (self.header, *self.rows)
        widths = [
            max(len(line[column]) for line in lines)
            for column in range(len(self.header))
        ]
        return "\n".join(
            "  ".join(
                cell.ljust(width) for cell, width in zip(line, widths, strict=True)
            ).rstrip()
            for line in lines
        )

    __repr__ = __str__

    def _repr_html_(self):
        def line(tag, cells):
            return (
                "<tr>"
                + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)
                + "</tr>"
            )

        body = "\n".join(line("td", row) for row in self.rows)
        head = line("th", self.header)
        return f'<table class="table">\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>'
