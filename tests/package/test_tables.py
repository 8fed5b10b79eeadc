"""Table: text in a terminal, HTML in a notebook."""

import pytest

from lstm import Table


def test_a_table_is_aligned_text_in_a_terminal():
    table = Table(("a", "b"), [("x", 1), ("longer", None)])
    assert str(table).splitlines() == ["a       b", "x       1", "longer"]
    assert repr(table) == str(table)


def test_a_table_is_escaped_html_in_a_notebook():
    html = Table(("<a>", "b"), [("<y>", None)])._repr_html_()
    assert "<th>&lt;a&gt;</th><th>b</th>" in html
    assert "<td>&lt;y&gt;</td><td></td>" in html


@pytest.mark.parametrize("row", [("x",), ("x", 1, 2)])
def test_a_row_of_another_length_than_the_header_is_refused(row):
    wrong = f"expected rows of 2 cells, got one of {len(row)}"
    with pytest.raises(ValueError, match=wrong):
        Table(("a", "b"), [("x", 1), row])
