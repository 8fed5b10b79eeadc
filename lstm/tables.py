"""A small table that reads well in a terminal, in a notebook and on a page."""

from html import escape


class Table:
    """Column names and rows. Every cell is shown as str() shows it; None as nothing.

    Raises ValueError for a row of another length than the header.
    """

    def __init__(self, header, rows):
        self.header, self.rows = tuple(header), []
        for row in rows:
            if len(row) != len(self.header):
                expected = f"expected rows of {len(self.header)} cells"
                raise ValueError(f"{expected}, got one of {len(row)}: {row}")
            self.rows.append(tuple("" if c is None else str(c) for c in row))

    def __str__(self):
        lines = (self.header, *self.rows)
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        padded = [map(str.ljust, line, widths) for line in lines]
        return "\n".join("  ".join(line).rstrip() for line in padded)

    __repr__ = __str__

    def _repr_html_(self):
        def line(tag, cells):
            return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)

        head = f"<thead><tr>{line('th', self.header)}</tr></thead>"
        body = "\n".join(f"<tr>{line('td', row)}</tr>" for row in self.rows)
        parts = '<table class="table">', head, "<tbody>", body, "</tbody>", "</table>"
        return "\n".join(parts)
