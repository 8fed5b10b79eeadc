"""What a line of a page does not break."""

import pytest

import whole

KEPT = '<span class="kept-whole">{}</span>'


def placed(body):
    context = {"body": body}
    whole.place(None, "page", "page.html", context, None)
    return context["body"]


@pytest.mark.parametrize("text", ["4.9e-06", "1e-12", "2026-11-30", "--num-layers"])
def test_it_is_kept_whole(text):
    assert placed(f"<p>to {text}.</p>") == f"<p>to {KEPT.format(text)}.</p>"


@pytest.mark.parametrize("unit", ["%", "°C", "kB"])
def test_a_unit_stays_with_its_number(unit):
    assert placed(f"<p>5 {unit}</p>") == f"<p>5\N{NO-BREAK SPACE}{unit}</p>"


def test_a_short_cell_with_a_number_has_one_line():
    number, words = "<td>17.4 (17.4 to 17.5)</td>", "<td>in the same place</td>"
    assert placed(number) == number.replace("<td>", '<td class="kept-whole">')
    assert placed(words) == words
    assert "kept-whole" not in placed(
        "<td>a long cell, of which 1 word is a number</td>"
    )


def test_a_chapter_stays_with_its_number():
    assert placed("<h1>Chapter 1</h1>") == "<h1>Chapter\N{NO-BREAK SPACE}1</h1>"


@pytest.mark.parametrize(
    "body",
    [
        "<pre>1e-12 5 % <b>1e-3</b></pre>",
        '<img alt="1e-12 5 %">',
        '<script>"1e-12"</script>',
        "<p>one-hot, 5 msec, e-mail, 2-3</p>",
    ],
)
def test_the_rest_stays_as_it_is(body):
    assert placed(body) == body


def test_a_page_without_text_is_left_alone():
    whole.place(None, "404", "404.html", context := {}, None)
    assert context == {}
