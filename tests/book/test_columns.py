"""Columns of numbers stand at their right edges; columns of anything else do not."""

import columns
import lstm

HEAD, ROWS = (
    ("model", "loss", "steps", "note"),
    [("LSTM", "1.71", "1,000", "5"), ("GRU", "−0.2", "", "at 5")],
)


def placed(body):
    context = {"body": body}
    columns.place(None, "page", "page.html", context, None)
    return context["body"]


def test_columns_of_numbers_are_marked_with_what_stands_above_them():
    body = placed(lstm.Table(HEAD, ROWS)._repr_html_())
    for text in ("loss", "steps"):
        assert f'<th class="number">{text}</th>' in body
    for text in ("1.71", "−0.2", "1,000", ""):
        assert f'<td class="number">{text}</td>' in body
    assert body.count("number") == 6


def test_a_cell_keeps_its_other_classes():
    body = lstm.Table(("loss",), [("1.71",)])._repr_html_()
    kept = body.replace("<td>", '<td class="kept-whole">')
    assert '<td class="kept-whole number">1.71</td>' in placed(kept)


def test_numbers_are_percentages_multiples_and_powers_too():
    for text in ("5 %", "5\N{NO-BREAK SPACE}%", "1.2 ×", "3e-16", "-4", "1,024"):
        assert "number" in placed(lstm.Table(("",), [(text,)])._repr_html_())
    for text in ("1.7 to 1.8", "i, f", "", "8 × 8", "v2"):
        assert "number" not in placed(lstm.Table(("",), [(text,)])._repr_html_())


def test_other_tables_and_pages_without_text_are_left_alone():
    body = "<table><tr><th>loss</th></tr><tr><td>1.71</td></tr></table>"
    assert placed(body) == body
    columns.place(None, "404", "404.html", context := {}, None)
    assert context == {}
